"""A float64 NumPy decoder for llama2.c checkpoints, and ONNX Runtime behind the same interface: the oracles.

Both have `run(tokens)`: it appends the token ids [C] to the cache and gives logits [C, vocab]. Run as a script this prints
how far ONNX Runtime and recorded logits are from float64 on a checkpoint.
"""

import argparse
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples/llama2c"))

import llama2c  # noqa: E402


def rms_norm(x, weight, eps):
    return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + eps) * weight


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class NumpyDecoder:
    """The forward pass in float64, one sequence, with a cache of rotated keys and values per layer.

    exact_rope: angles in float64 instead of the exported float32 tables, to separate that error from the rest.
    float32_constants: epsilon and the divisor of scores as the decomposed style stores them.
    """

    def __init__(self, checkpoint, exact_rope=False, float32_constants=False):
        self.config, tensors = llama2c.read_checkpoint(checkpoint)
        self.w = {name: value.astype(np.float64) for name, value in tensors.items()}
        constant = np.float32 if float32_constants else np.float64
        self.eps = float(constant(llama2c.RMS_EPS))
        self.divisor = float(constant(np.sqrt(self.config.head_dim)))
        if exact_rope:
            c = self.config
            frequency = llama2c.ROPE_BASE ** -(np.arange(0, c.head_dim, 2) / c.head_dim)
            angle = np.arange(c.max_seq)[:, None] * frequency
            self.cos, self.sin = np.cos(angle), np.sin(angle)
        else:
            self.cos, self.sin = (table.astype(np.float64) for table in llama2c.rope_tables(self.config))
        self.reset()

    def reset(self):
        c = self.config
        self.cache = [np.zeros((2, 0, c.kv_heads, c.head_dim)) for _ in range(c.layers)]

    def rope(self, x, positions):
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        out = np.empty_like(x)
        out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
        out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
        return out

    def attention(self, x, i, positions):
        c, w = self.config, self.w
        q = self.rope((x @ w["wq"][i].T).reshape(-1, c.heads, c.head_dim), positions)
        k = self.rope((x @ w["wk"][i].T).reshape(-1, c.kv_heads, c.head_dim), positions)
        v = (x @ w["wv"][i].T).reshape(-1, c.kv_heads, c.head_dim)
        self.cache[i] = np.concatenate([self.cache[i], [k, v]], axis=1)
        keys, values = (np.repeat(part, c.heads // c.kv_heads, axis=1) for part in self.cache[i])
        scores = np.einsum("qhd,khd->hqk", q, keys) / self.divisor
        scores = np.where(np.arange(len(keys)) <= positions[:, None], scores, -np.inf)
        return np.einsum("hqk,khd->qhd", softmax(scores), values).reshape(-1, c.dim) @ w["wo"][i].T

    def run(self, tokens):
        """Appends `tokens` at the end of the cache; logits float64 [len(tokens), vocab]."""
        w = self.w
        positions = self.cache[0].shape[1] + np.arange(len(tokens))
        x = w["tok_embeddings"][np.asarray(tokens)]
        for i in range(self.config.layers):
            x = x + self.attention(rms_norm(x, w["attention_norm"][i], self.eps), i, positions)
            h = rms_norm(x, w["ffn_norm"][i], self.eps)
            gate = h @ w["w1"][i].T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ w["w3"][i].T)) @ w["w2"][i].T
        return rms_norm(x, w["norm"], self.eps) @ w.get("output", w["tok_embeddings"]).T


class OnnxDecoder:
    """The same interface over ONNX Runtime's CPU provider."""

    def __init__(self, model, config, optimize=True, threads=1):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if not optimize:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        source = model if isinstance(model, bytes) else str(model)
        self.session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self.config = config
        self.reset()

    def reset(self):
        c = self.config
        empty = np.zeros((1, c.kv_heads, 0, c.head_dim), np.float32)
        self.cache = {f"past_key_values.{i}.{kind}": empty for i in range(c.layers) for kind in ("key", "value")}

    def run(self, tokens):
        past = self.cache["past_key_values.0.key"].shape[2]
        ids = np.asarray(tokens, np.int64)[None]
        inputs = {"input_ids": ids, "position_ids": past + np.arange(ids.shape[1])[None], **self.cache}
        names = [output.name for output in self.session.get_outputs()]
        outputs = dict(zip(names, self.session.run(names, inputs)))
        self.cache = {name: outputs[name.replace("past_key_values", "present")] for name in self.cache}
        return outputs["logits"][0]


def greedy(decoder, count, first=llama2c.BOS):
    """The inputs of `count` greedy steps from `first`, and their logits [count, vocab]."""
    decoder.reset()
    tokens, rows = [first], []
    while True:
        rows.append(decoder.run(tokens[-1:])[0])
        if len(tokens) == count:
            return tokens, np.array(rows)
        tokens.append(int(rows[-1].argmax()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--onnx", nargs="*", default=[], help="exported models to compare")
    parser.add_argument("--logits", help="float32 logits to compare, such as stories260K.logits.f32")
    parser.add_argument("--count", type=int, default=64)
    args = parser.parse_args()
    exact = NumpyDecoder(args.checkpoint)
    tokens, want = greedy(exact, args.count)
    print("tokens", *tokens)
    exact.reset()
    print(f"uncached float64: max abs error {abs(exact.run(tokens) - want).max():.3g}")
    angles = greedy(NumpyDecoder(args.checkpoint, exact_rope=True), args.count)[1]
    print(f"float64 rope angles: max abs error {abs(angles - want).max():.3g}")
    if args.logits:
        stored = np.fromfile(args.logits, np.float32).reshape(-1, exact.config.vocab)[: args.count]
        print(f"{args.logits}: max abs error {abs(stored - want[: len(stored)]).max():.3g}")
    for model in args.onnx:
        for optimize in (True, False):
            decoder = OnnxDecoder(model, exact.config, optimize)
            got_tokens, got = greedy(decoder, args.count)
            decoder.reset()
            prefill = decoder.run(tokens)
            print(f"{model}, optimisation {optimize}: same tokens {got_tokens == tokens}, max abs error "
                  f"cached {abs(got - want).max():.3g}, in one call {abs(prefill - want).max():.3g}")


if __name__ == "__main__":
    main()
