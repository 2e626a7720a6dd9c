#!/usr/bin/env python3
"""Small seeded decoders in ONNX as PyTorch writes the Hugging Face library's Llama and GPT-2, and their tokens.

exported_models.py llama|gpt2 -o MODEL.onnx    writes the model
exported_models.py MODEL.onnx --tokens N       prints N greedy tokens after token 5, by ONNX Runtime

What the models have that examples/llama2c's exports have not: heads before rows, rotate_half with angles computed at
run time, masks from attention_mask with the smallest float32 instead of -inf, the attention scale split between
queries and keys; LayerNorm, GELU, learned positions, fused query, key and value, a boolean causal mask in a constant.
"""

import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, DIM, HEADS, VOCAB, POSITIONS = 2, 32, 4, 64, 64
HEAD_DIM = DIM // HEADS
LOWEST = np.finfo(np.float32).min


class Graph:
    def __init__(self):
        self.random = np.random.default_rng(0)
        self.nodes, self.parameters = [], {}

    def op(self, op, *inputs, outputs=1, name=None, **attributes):
        names = [name] if name else [f"{op}_{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names[0] if len(names) == 1 else names

    def const(self, value, dtype=np.int64):
        return self.op("Constant", value=numpy_helper.from_array(np.asarray(value, dtype)))

    def f32(self, value):
        return self.const(value, np.float32)

    def param(self, name, *shape, value=None):
        if name not in self.parameters:
            value = self.random.standard_normal(shape) * 0.2 if value is None else value
            self.parameters[name] = numpy_helper.from_array(np.asarray(value, np.float32), name)
        return name

    def unsqueeze(self, x, *axes):
        return self.op("Unsqueeze", x, self.const(axes))

    def size(self, x, dim):
        return self.op("Gather", self.op("Shape", x), self.const(dim), axis=0)

    def lengths(self):
        """Past and total length: scalars."""
        past = self.size("past_key_values.0.key", 2)
        return past, self.op("Add", past, self.size("input_ids", 1))

    def split_heads(self, x, heads):
        return self.op("Transpose", self.op("Reshape", x, self.const([1, -1, heads, HEAD_DIM])), perm=[0, 2, 1, 3])

    def join_heads(self, x):
        return self.op("Reshape", self.op("Transpose", x, perm=[0, 2, 1, 3]), self.const([1, -1, DIM]))

    def cache(self, layer, kind, x):
        return self.op("Concat", f"past_key_values.{layer}.{kind}", x, axis=2, name=f"present.{layer}.{kind}")

    def linear(self, x, weight, width, inputs=DIM):
        return self.op("MatMul", x, self.op("Transpose", self.param(weight, width, inputs), perm=[1, 0]))


class Llama(Graph):
    kv_heads, hidden = 2, 48

    def rms_norm(self, x, weight):
        variance = self.op("ReduceMean", self.op("Pow", x, self.f32(2)), axes=[-1], keepdims=1)
        root = self.op("Sqrt", self.op("Add", variance, self.f32(1e-6)))
        return self.op("Mul", self.param(weight, DIM), self.op("Mul", x, self.op("Reciprocal", root)))

    def angles(self):
        frequencies = 10000.0 ** (-np.arange(0, HEAD_DIM, 2) / HEAD_DIM)
        inverse = self.param("inv_freq", value=frequencies.reshape(1, -1, 1))
        positions = self.op("Cast", self.unsqueeze("position_ids", 1), to=TensorProto.FLOAT)
        angles = self.op("Transpose", self.op("MatMul", inverse, positions), perm=[0, 2, 1])
        both = self.op("Concat", angles, angles, axis=-1)
        return [self.unsqueeze(self.op("Mul", self.op(f, both), self.f32(1)), 1) for f in ("Cos", "Sin")]

    def rope(self, x):
        half, end, axis, step = (self.const([n]) for n in (HEAD_DIM // 2, np.iinfo(np.int64).max, 3, 1))
        first = self.op("Slice", x, self.const([0]), half, axis, step)
        second = self.op("Slice", x, half, end, axis, step)
        turned = self.op("Concat", self.op("Neg", second), first, axis=-1)
        return self.op("Add", self.op("Mul", x, self.cos), self.op("Mul", turned, self.sin))

    def mask(self, past, total):
        later = self.op(
            "Greater",
            self.op("Range", self.const(0), total, self.const(1)),
            self.op("Reshape", self.op("Range", past, total, self.const(1)), self.const([-1, 1])),
        )
        causal = self.op("Mul", self.op("Cast", later, to=TensorProto.FLOAT), self.f32(LOWEST))
        shown = self.unsqueeze(self.op("Cast", "attention_mask", to=TensorProto.FLOAT), 1, 2)
        causal = self.unsqueeze(causal, 0, 1)
        padding = self.op("Equal", self.op("Add", causal, shown), self.f32(0))
        return self.op("Where", padding, self.f32(LOWEST), causal)

    def repeat(self, x, total):
        groups = HEADS // self.kv_heads
        dims = [self.const([n]) for n in (1, self.kv_heads, groups, HEAD_DIM, HEADS)]
        length = self.unsqueeze(total, 0)
        wide = self.op("Concat", dims[0], dims[1], dims[2], length, dims[3], axis=0)
        flat = self.op("Concat", dims[0], dims[4], length, dims[3], axis=0)
        return self.op("Reshape", self.op("Expand", self.unsqueeze(x, 2), wide), flat)

    def attention(self, x, i, mask, total):
        q = self.rope(self.split_heads(self.linear(x, f"{i}.q", DIM), HEADS))
        k, v = (
            self.split_heads(self.linear(x, f"{i}.{name}", self.kv_heads * HEAD_DIM), self.kv_heads) for name in "kv"
        )
        k, v = self.cache(i, "key", self.rope(k)), self.cache(i, "value", v)
        k, v = self.repeat(k, total), self.repeat(v, total)
        scale = self.f32(HEAD_DIM**-0.25)
        k = self.op("Mul", self.op("Transpose", k, perm=[0, 1, 3, 2]), scale)
        scores = self.op("Add", self.op("MatMul", self.op("Mul", q, scale), k), mask)
        return self.linear(self.join_heads(self.op("MatMul", self.op("Softmax", scores, axis=-1), v)), f"{i}.o", DIM)

    def build(self):
        past, total = self.lengths()
        self.cos, self.sin = self.angles()
        mask = self.mask(past, total)
        x = self.op("Gather", self.param("embedding", VOCAB, DIM), "input_ids", axis=0)
        for i in range(LAYERS):
            x = self.op("Add", x, self.attention(self.rms_norm(x, f"{i}.norm1"), i, mask, total))
            normed = self.rms_norm(x, f"{i}.norm2")
            gate = self.linear(normed, f"{i}.gate", self.hidden)
            gate = self.op("Mul", gate, self.op("Sigmoid", gate))
            product = self.op("Mul", gate, self.linear(normed, f"{i}.up", self.hidden))
            x = self.op("Add", x, self.linear(product, f"{i}.down", DIM, self.hidden))
        head = self.op("Transpose", self.param("head", VOCAB, DIM), perm=[1, 0])
        self.op("MatMul", self.rms_norm(x, "norm"), head, name="logits")


class Gpt2(Graph):
    kv_heads = HEADS

    def layer_norm(self, x, name):
        centred = self.op("Sub", x, self.op("ReduceMean", x, axes=[-1], keepdims=1))
        variance = self.op("ReduceMean", self.op("Pow", centred, self.f32(2)), axes=[-1], keepdims=1)
        normed = self.op("Div", centred, self.op("Sqrt", self.op("Add", variance, self.f32(1e-5))))
        scaled = self.op("Mul", normed, self.param(f"{name}.weight", DIM))
        return self.op("Add", scaled, self.param(f"{name}.bias", DIM))

    def conv1d(self, x, name, inputs, width):
        flat = self.op("Reshape", x, self.const([-1, inputs]))
        y = self.op("Gemm", flat, self.param(f"{name}.weight", inputs, width), self.param(f"{name}.bias", width))
        return self.op("Reshape", y, self.const([1, -1, width]))

    def gelu(self, x):
        cube = self.op("Mul", self.op("Pow", x, self.f32(3)), self.f32(0.044715))
        inner = self.op("Mul", self.op("Add", x, cube), self.f32(np.sqrt(2 / np.pi)))
        return self.op("Mul", self.op("Mul", x, self.f32(0.5)), self.op("Add", self.op("Tanh", inner), self.f32(1)))

    def attention(self, x, i, shown):
        q, k, v = self.op("Split", self.conv1d(x, f"{i}.qkv", DIM, 3 * DIM), self.const([DIM] * 3), outputs=3, axis=2)
        q, k, v = (self.split_heads(y, HEADS) for y in (q, k, v))
        k, v = self.cache(i, "key", k), self.cache(i, "value", v)
        scores = self.op("MatMul", q, self.op("Transpose", k, perm=[0, 1, 3, 2]))
        scores = self.op("Where", shown, self.op("Div", scores, self.f32(np.sqrt(HEAD_DIM))), self.f32(LOWEST))
        out = self.op("MatMul", self.op("Softmax", scores, axis=-1), v)
        return self.conv1d(self.join_heads(out), f"{i}.out", DIM, DIM)

    def build(self):
        past, total = (self.unsqueeze(n, 0) for n in self.lengths())
        triangle = self.const(np.tril(np.ones((1, 1, POSITIONS, POSITIONS), bool)), bool)
        shown = self.op("Slice", triangle, past, total, self.const([2]))
        shown = self.op("Slice", shown, self.const([0]), total, self.const([3]))
        tokens = self.op("Gather", self.param("wte", VOCAB, DIM), "input_ids", axis=0)
        x = self.op("Add", tokens, self.op("Gather", self.param("wpe", POSITIONS, DIM), "position_ids", axis=0))
        for i in range(LAYERS):
            x = self.op("Add", self.attention(self.layer_norm(x, f"{i}.norm1"), i, shown), x)
            inner = self.gelu(self.conv1d(self.layer_norm(x, f"{i}.norm2"), f"{i}.up", DIM, 4 * DIM))
            x = self.op("Add", x, self.conv1d(inner, f"{i}.down", 4 * DIM, DIM))
        head = self.op("Transpose", self.param("wte", VOCAB, DIM), perm=[1, 0])
        self.op("MatMul", self.layer_norm(x, "norm"), head, name="logits")


def make_model(name):
    graph = {"llama": Llama, "gpt2": Gpt2}[name]()
    graph.build()
    value = helper.make_tensor_value_info
    inputs = [value(n, TensorProto.INT64, ["batch", "sequence"]) for n in ("input_ids", "position_ids")]
    if name == "llama":
        inputs.append(value("attention_mask", TensorProto.INT64, ["batch", "total"]))
    outputs = [value("logits", TensorProto.FLOAT, ["batch", "sequence", VOCAB])]
    for i in range(LAYERS):
        for kind in ("key", "value"):
            shape = ["batch", graph.kv_heads, "past", HEAD_DIM]
            inputs.append(value(f"past_key_values.{i}.{kind}", TensorProto.FLOAT, shape))
            outputs.append(value(f"present.{i}.{kind}", TensorProto.FLOAT, [*shape[:2], "total", shape[3]]))
    body = helper.make_graph(graph.nodes, name, inputs, outputs, list(graph.parameters.values()))
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def generate(path, count, token=5):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    shapes = {x.name: x.shape for x in session.get_inputs()}
    names = [x.name for x in session.get_outputs()]
    past = {n: np.zeros((1, s[1], 0, s[3]), np.float32) for n, s in shapes.items() if n.startswith("past")}
    for position in range(count):
        feed = {"input_ids": np.array([[token]]), "position_ids": np.array([[position]]), **past}
        if "attention_mask" in shapes:
            feed["attention_mask"] = np.ones((1, position + 1), np.int64)
        results = dict(zip(names, session.run(None, feed), strict=True))
        past = {n: results[n.replace("past_key_values", "present")] for n in past}
        token = int(results["logits"][0, -1].argmax())
        yield token


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("-o", "--output")
    parser.add_argument("--tokens", type=int)
    args = parser.parse_args()
    if args.tokens:
        print(*generate(args.model, args.tokens))
    else:
        onnx.save(make_model(args.model), args.output)


if __name__ == "__main__":
    main()
