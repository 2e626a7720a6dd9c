#!/usr/bin/env python3
"""Writes an untrained language model over bytes as an ONNX decoder with a key/value cache, for `ingot compile --train`.

Inputs, outputs and metadata are those of examples/llama2c/export_onnx.py, with a vocabulary of 256 bytes and no tokenizer:
`ingot compile` takes `--tokenizer bytes`. With another `--vocab` the model is trained on token ids (`ingot train
--data-format uint16`). Equal seeds give equal bytes.

Kinds:  gpt    GPT-2 (Radford et al., 2019): layer norms, learned positions, GELU (tanh form), biases, tied embedding
        llama  Llama 2 (Touvron et al., 2023, arXiv:2307.09288): RMS norms, rotary positions, SwiGLU, grouped heads, tied embedding

Weights are normal with deviation 0.02, those that write into the residual stream 0.02 / sqrt(2 layers), biases 0 and norms 1, as
GPT-2 begins.
"""

import argparse
import dataclasses
import math
import pathlib
import sys

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "llama2c"))

import decoder_named  # noqa: E402
import llama2c  # noqa: E402
import onnx_graph  # noqa: E402

OPSET = 23
VOCAB = 256
DEVIATION = 0.02


@dataclasses.dataclass
class GptConfig:
    dim: int
    layers: int
    heads: int
    max_seq: int
    vocab: int = VOCAB

    @property
    def kv_heads(self):
        return self.heads

    @property
    def head_dim(self):
        return self.dim // self.heads


def normal(rng, shape, deviation=DEVIATION):
    return (deviation * rng.standard_normal(shape)).astype(np.float32)


def gpt_parameters(config, rng):
    """{name: array}; matrices are [in, out], as GPT-2's checkpoints have them."""
    dim, into_residual = config.dim, DEVIATION / math.sqrt(2 * config.layers)
    parameters = {"wte": normal(rng, (config.vocab, dim)), "wpe": normal(rng, (config.max_seq, dim))}

    def norm(name):
        parameters[f"{name}.weight"], parameters[f"{name}.bias"] = np.ones(dim, np.float32), np.zeros(dim, np.float32)

    def linear(name, inputs, outputs, deviation=DEVIATION):
        parameters[f"{name}.weight"] = normal(rng, (inputs, outputs), deviation)
        parameters[f"{name}.bias"] = np.zeros(outputs, np.float32)

    for i in range(config.layers):
        norm(f"h.{i}.ln_1")
        for part in "qkv":
            linear(f"h.{i}.attn.{part}", dim, dim)
        linear(f"h.{i}.attn.proj", dim, dim, into_residual)
        norm(f"h.{i}.ln_2")
        linear(f"h.{i}.mlp.fc", dim, 4 * dim)
        linear(f"h.{i}.mlp.proj", 4 * dim, dim, into_residual)
    norm("ln_f")
    return parameters


def gpt_linear(graph, x, name):
    product = graph.node("MatMul", [x, graph.parameter(f"{name}.weight")], f"{name}.matmul")
    return graph.node("Add", [product, graph.parameter(f"{name}.bias")], name)


def gpt_norm(graph, x, name):
    inputs = [x, graph.parameter(f"{name}.weight"), graph.parameter(f"{name}.bias")]
    return graph.node("LayerNormalization", inputs, name, axis=-1, epsilon=1e-5)


def gpt_attention(graph, x, i):
    name = f"h.{i}.attn"
    q, k, v = (gpt_linear(graph, x, f"{name}.{part}") for part in "qkv")
    out, _, _ = graph.node(
        "Attention",
        [q, k, v, "", f"past_key_values.{i}.key", f"past_key_values.{i}.value"],
        name,
        output_names=[f"{name}.output", f"present.{i}.key", f"present.{i}.value"],
        is_causal=1,
        q_num_heads=graph.config.heads,
        kv_num_heads=graph.config.heads,
    )
    return gpt_linear(graph, out, f"{name}.proj")


def build_gpt(graph):
    token = graph.node("Gather", [graph.parameter("wte"), "input_ids"], "tokens", axis=0)
    position = graph.node("Gather", [graph.parameter("wpe"), "position_ids"], "positions", axis=0)
    x = graph.node("Add", [token, position], "embedding")
    for i in range(graph.config.layers):
        x = graph.node("Add", [x, gpt_attention(graph, gpt_norm(graph, x, f"h.{i}.ln_1"), i)], f"h.{i}.attn.residual")
        hidden = gpt_linear(graph, gpt_norm(graph, x, f"h.{i}.ln_2"), f"h.{i}.mlp.fc")
        hidden = graph.node("Gelu", [hidden], f"h.{i}.mlp.gelu", approximate="tanh")
        x = graph.node("Add", [x, gpt_linear(graph, hidden, f"h.{i}.mlp.proj")], f"h.{i}.mlp.residual")
    x = gpt_norm(graph, x, "ln_f")
    transposed = graph.node("Transpose", [graph.parameter("wte")], "output.transpose", perm=[1, 0])
    graph.node("MatMul", [x, transposed], "output", output_names=["logits"])


def llama_parameters(config, rng):
    """{name: array} by the names that examples/llama2c uses; matrices are [out, in]."""
    tables = dict(zip(("freq_cis_real", "freq_cis_imag"), llama2c.rope_tables(config)))
    tensors = {}
    for name, shape in config.tensors().items():
        if name in tables:
            tensors[name] = tables[name]
        elif name.endswith("norm"):
            tensors[name] = np.ones(shape, np.float32)
        else:
            into_residual = name in ("wo", "w2")
            tensors[name] = normal(rng, shape, DEVIATION / math.sqrt(2 * config.layers) if into_residual else DEVIATION)
    return llama2c.named_parameters(config, tensors)


def build_model(options):
    rng = np.random.Generator(np.random.PCG64(options.seed))
    if options.kind == "gpt":
        config = GptConfig(options.dim, options.layers, options.heads, options.max_seq, options.vocab)
        parameters, build = gpt_parameters(config, rng), build_gpt
    else:
        hidden = -(-8 * options.dim // 3 // 32) * 32  # two thirds of 4 dim, rounded up to whole panels
        config = llama2c.Config(options.dim, hidden, options.layers, options.heads, options.kv_heads or options.heads,
                                options.vocab, options.max_seq)
        parameters, build = llama_parameters(config, rng), decoder_named.build
    graph = onnx_graph.Graph(config, parameters)
    build(graph)
    return graph.model(OPSET, {"ingot.max_seq": str(options.max_seq)})


def parse(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=("gpt", "llama"), default="gpt")
    for name, value in dict(dim=128, layers=4, heads=4, max_seq=128, vocab=VOCAB).items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=value)
    parser.add_argument("--kv-heads", type=int, help="heads of keys and values of a llama [--heads]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", required=True, help="ONNX file to write")
    options = parser.parse_args(argv)
    sizes = [options.dim, options.layers, options.heads, options.max_seq, options.vocab, options.kv_heads or options.heads]
    if min(sizes) < 1 or options.dim % (2 * options.heads) or options.heads % (options.kv_heads or options.heads):
        parser.error("expects positive sizes, --dim to be an even multiple of --heads and --heads a multiple of --kv-heads")
    if options.kind == "gpt" and options.kv_heads:
        parser.error("--kv-heads is for --kind llama")
    return options


def main(argv=None):
    options = parse(argv)
    try:
        onnx.save_model(build_model(options), options.output)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
