"""The decoder in small operators of opset 17, written the way PyTorch's exporters write a Llama with a cache.

Nothing is simplified: reshape targets are computed from Shape, Gather, Unsqueeze and Concat, constants are Constant
nodes, Expand carries its ConstantOfShape/Mul/Equal/Where, rsqrt is 1 / sqrt, RoPE splits pairs by reshaping, the causal
mask compares two ranges. That is what an importer has to face.
"""

import math

import numpy as np
from onnx import numpy_helper

import llama2c

OPSET = 17
INT_MAX = np.iinfo(np.int64).max


class Torch:
    """PyTorch operations as an exporter writes them, below one scope such as /layers.0/attention."""

    def __init__(self, graph, scope):
        self.graph, self.scope, self.counts = graph, scope, {}

    def op(self, op, *inputs, outputs=1, **attributes):
        count = self.counts.get(op, 0)
        self.counts[op] = count + 1
        name = f"{self.scope}/{op}" + (f"_{count}" if count else "")
        return self.graph.node(op, list(inputs), name, outputs=outputs, **attributes)

    def const(self, value, dtype=np.int64):
        return self.op("Constant", value=numpy_helper.from_array(np.asarray(value, dtype)))

    def f32(self, value):
        return self.const(value, np.float32)

    def size(self, x, dim):
        """x.size(dim): a scalar."""
        return self.op("Gather", self.op("Shape", x), self.const(dim), axis=0)

    def shape(self, *dims):
        """A shape vector from scalars (names) and known sizes (ints)."""
        parts = [self.const([d]) if isinstance(d, int) else self.op("Unsqueeze", d, self.const([0])) for d in dims]
        return self.op("Concat", *parts, axis=0)

    def view(self, x, *dims):
        return self.op("Reshape", x, self.shape(*dims))

    def keep_dims(self, x, count, *dims):
        """x.reshape(*x.shape[:count], *dims)."""
        head = self.op("Slice", self.op("Shape", x), self.const([0]), self.const([count]), self.const([0]))
        return self.op("Reshape", x, self.op("Concat", head, self.const(list(dims)), axis=0))

    def expand(self, x, *dims):
        """x.expand(*dims): -1 keeps a size, which the exporter handles for every shape."""
        shape = self.shape(*dims)
        one = numpy_helper.from_array(np.array([1], np.int64))
        ones = self.op("ConstantOfShape", self.op("Shape", shape), value=one)
        keep = self.op("Equal", shape, self.op("Mul", ones, self.const(-1)))
        return self.op("Expand", x, self.op("Where", keep, ones, shape))

    def linear(self, x, weight):
        transposed = self.op("Transpose", self.graph.parameter(weight), perm=[1, 0])
        return self.op("MatMul", x, transposed)

    def rms_norm(self, x, weight):
        square = self.op("Pow", x, self.f32(2.0))
        mean = self.op("ReduceMean", square, axes=[-1], keepdims=1)
        root = self.op("Sqrt", self.op("Add", mean, self.f32(llama2c.RMS_EPS)))
        normed = self.op("Mul", x, self.op("Div", self.f32(1.0), root))
        return self.op("Mul", normed, self.graph.parameter(weight))


class Decoder:
    def __init__(self, graph):
        self.graph, self.config = graph, graph.config

    def tables_and_mask(self):
        """What all layers share: sizes, cos and sin [B, C, 1, D/2], and the additive causal mask [1, 1, C, T]."""
        t = Torch(self.graph, "/model")
        self.batch, self.sequence = t.size("input_ids", 0), t.size("input_ids", 1)
        past = t.size("past_key_values.0.key", 2)
        self.total = t.op("Add", past, self.sequence)
        rows = [t.op("Gather", self.graph.parameter(f"rope.{f}"), "position_ids", axis=0) for f in ("cos", "sin")]
        self.cos, self.sin = (t.op("Unsqueeze", row, t.const([2])) for row in rows)
        queries = t.op("Range", past, self.total, t.const(1))
        keys = t.op("Range", t.const(0), self.total, t.const(1))
        later = t.op("Greater", t.op("Unsqueeze", keys, t.const([0])), t.op("Unsqueeze", queries, t.const([1])))
        mask = t.op("Where", later, t.f32(-np.inf), t.f32(0.0))
        self.mask = t.op("Unsqueeze", mask, t.const([0, 1]))

    def rope(self, t, x):
        """x [B, C, heads, D]: pairs (2j, 2j + 1) turned by the angle of their position."""
        pairs = t.keep_dims(x, -1, -1, 2)
        real, imag = t.op("Split", pairs, outputs=2, axis=-1)
        real, imag = t.op("Squeeze", real, t.const([-1])), t.op("Squeeze", imag, t.const([-1]))
        new_real = t.op("Sub", t.op("Mul", real, self.cos), t.op("Mul", imag, self.sin))
        new_imag = t.op("Add", t.op("Mul", real, self.sin), t.op("Mul", imag, self.cos))
        parts = [t.op("Unsqueeze", part, t.const([-1])) for part in (new_real, new_imag)]
        return t.keep_dims(t.op("Concat", *parts, axis=-1), 3, -1)

    def repeat_kv(self, t, x):
        """x [B, KV, T, D] -> [B, H, T, D]: every head of the cache serves heads / kv_heads queries."""
        c = self.config
        if c.heads == c.kv_heads:
            return x
        wide = t.op("Unsqueeze", x, t.const([2]))
        wide = t.expand(wide, self.batch, c.kv_heads, c.heads // c.kv_heads, self.total, c.head_dim)
        return t.view(wide, self.batch, c.heads, self.total, c.head_dim)

    def attention(self, i, x):
        c, weights = self.config, f"layers.{i}.attention"
        t = Torch(self.graph, f"/layers.{i}/attention")
        q, k, v = (t.linear(x, f"{weights}.{w}.weight") for w in ("wq", "wk", "wv"))
        q = t.view(q, self.batch, self.sequence, c.heads, c.head_dim)
        k, v = (t.view(y, self.batch, self.sequence, c.kv_heads, c.head_dim) for y in (k, v))
        q, k = self.rope(t, q), self.rope(t, k)
        q, k, v = (t.op("Transpose", y, perm=[0, 2, 1, 3]) for y in (q, k, v))
        for kind, new in (("key", k), ("value", v)):
            inputs = [f"past_key_values.{i}.{kind}", new]
            output = [f"present.{i}.{kind}"]
            self.graph.node("Concat", inputs, f"{t.scope}/cache_{kind}/Concat", output_names=output, axis=2)
        k, v = self.repeat_kv(t, f"present.{i}.key"), self.repeat_kv(t, f"present.{i}.value")
        scores = t.op("MatMul", q, t.op("Transpose", k, perm=[0, 1, 3, 2]))
        scores = t.op("Div", scores, t.f32(math.sqrt(c.head_dim)))
        probabilities = t.op("Softmax", t.op("Add", scores, self.mask), axis=-1)
        out = t.op("Transpose", t.op("MatMul", probabilities, v), perm=[0, 2, 1, 3])
        out = t.view(out, self.batch, self.sequence, c.dim)
        return t.linear(out, f"{weights}.wo.weight")

    def feed_forward(self, i, x):
        t, weights = Torch(self.graph, f"/layers.{i}/feed_forward"), f"layers.{i}.feed_forward"
        gate = t.linear(x, f"{weights}.w1.weight")
        silu = t.op("Mul", gate, t.op("Sigmoid", gate))
        product = t.op("Mul", silu, t.linear(x, f"{weights}.w3.weight"))
        return t.linear(product, f"{weights}.w2.weight")

    def build(self):
        self.tables_and_mask()
        embedding = Torch(self.graph, "/tok_embeddings")
        x = embedding.op("Gather", self.graph.parameter("tok_embeddings.weight"), "input_ids", axis=0)
        for i in range(self.config.layers):
            norm = Torch(self.graph, f"/layers.{i}/attention_norm")
            t = Torch(self.graph, f"/layers.{i}")
            x = t.op("Add", x, self.attention(i, norm.rms_norm(x, f"layers.{i}.attention_norm.weight")))
            norm = Torch(self.graph, f"/layers.{i}/ffn_norm")
            x = t.op("Add", x, self.feed_forward(i, norm.rms_norm(x, f"layers.{i}.ffn_norm.weight")))
        x = Torch(self.graph, "/norm").rms_norm(x, "norm.weight")
        # A shared classifier is the embedding itself: one initialiser with two uses.
        classifier = "tok_embeddings.weight" if self.config.shared_classifier else "output.weight"
        t = Torch(self.graph, "/output")
        transposed = t.op("Transpose", self.graph.parameter(classifier), perm=[1, 0])
        self.graph.node("MatMul", [x, transposed], "/output/MatMul", output_names=["logits"])


def build(graph):
    Decoder(graph).build()
