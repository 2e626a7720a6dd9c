"""The child that runs PyTorch: a decoder written plainly on the checkpoint's weights, eager and compiled by inductor.

The cache has a fixed size. Eager code looks at as much of it as is filled; compiled code, whose shapes are constants, at that
rounded up to `CHUNK`, under a mask. q, k and v are one matrix, gate and up another. The classifier runs for the last token only.
"""

import functools
import pathlib
import sys
import time

import numpy as np
import torch
import torch._inductor.config as inductor
from torch.nn import functional

from serve import serve

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples/llama2c"))

import llama2c  # noqa: E402

CHUNK = 128
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}
models = {}


def configure(threads):
    torch.set_num_threads(threads)
    torch._dynamo.config.recompile_limit = 64
    # Weights are constants, packed when the model is compiled, and the code between kernels is C++, too: of inductor's settings
    # the fastest (max_autotune compiles five times as long and gained nothing).
    inductor.freezing = inductor.cpp_wrapper = True


class Decoder(torch.nn.Module):
    def __init__(self, checkpoint, precision):
        super().__init__()
        config, tensors = llama2c.read_checkpoint(checkpoint)
        self.config, self.dtype = config, DTYPES[precision]

        def load(*names, layer=slice(None)):
            parts = [torch.from_numpy(np.array(tensors[name][layer])) for name in names]
            return torch.nn.Parameter(torch.cat(parts).to(self.dtype), requires_grad=False)

        def per_layer(*names):
            return torch.nn.ParameterList(load(*names, layer=i) for i in range(config.layers))

        self.embedding, self.norm = load("tok_embeddings"), load("norm")
        self.classifier = self.embedding if config.shared_classifier else load("output")
        self.attention_norm, self.ffn_norm = per_layer("attention_norm"), per_layer("ffn_norm")
        self.wqkv, self.wo = per_layer("wq", "wk", "wv"), per_layer("wo")
        self.w13, self.w2 = per_layer("w1", "w3"), per_layer("w2")
        cos, sin = map(torch.from_numpy, llama2c.rope_tables(config))
        self.register_buffer("angles", torch.stack([cos, sin], -1))
        shape = (config.layers, 2, 1, config.kv_heads, config.max_seq, config.head_dim)
        self.register_buffer("cache", torch.zeros(shape, dtype=self.dtype))

    def rope(self, x, angles):
        """x [1, T, heads, head_dim], of which neighbours are a pair."""
        pairs = x.float().unflatten(-1, (-1, 2))
        cos, sin = angles[None, :, None, :, 0], angles[None, :, None, :, 1]
        a, b = pairs[..., 0], pairs[..., 1]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(self.dtype)

    def normed(self, x, weight):
        return functional.rms_norm(x, weight.shape, weight, llama2c.RMS_EPS)

    def attention(self, x, layer, angles, positions, keys, mask):
        c = self.config
        qkv = functional.linear(x, self.wqkv[layer]).unflatten(-1, (-1, c.head_dim))
        q, k, v = qkv.split([c.heads, c.kv_heads, c.kv_heads], 2)
        q, k = self.rope(q, angles).transpose(1, 2), self.rope(k, angles).transpose(1, 2)
        v = v.transpose(1, 2)
        self.cache[layer, 0].index_copy_(2, positions, k)
        self.cache[layer, 1].index_copy_(2, positions, v)
        grouped = c.heads != c.kv_heads
        if keys is None:
            out = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
        else:
            k, v = self.cache[layer, 0, :, :, :keys], self.cache[layer, 1, :, :, :keys]
            out = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=grouped)
        return functional.linear(out.transpose(1, 2).flatten(2), self.wo[layer])

    def forward(self, tokens, positions, keys, masked):
        """Logits float32 [vocab] of the last of `tokens` [T] at `positions` [T]. `keys` is None for a prompt from position 0; one
        token looks at the first `keys` positions, of which only those up to its own count if `masked`."""
        x = self.embedding[tokens][None]
        angles = self.angles[positions]
        mask = torch.arange(keys)[None] <= positions[:, None] if masked else None
        for layer in range(self.config.layers):
            x = x + self.attention(self.normed(x, self.attention_norm[layer]), layer, angles, positions, keys, mask)
            gate, up = functional.linear(self.normed(x, self.ffn_norm[layer]), self.w13[layer]).chunk(2, -1)
            x = x + functional.linear(functional.silu(gate) * up, self.w2[layer])
        return functional.linear(self.normed(x[0, -1], self.norm), self.classifier).float()


class Runner:
    """Feeds a decoder, as it is or compiled."""

    def __init__(self, checkpoint, precision, compiled, prompts):
        self.decoder, self.compiled, self.prompts = Decoder(checkpoint, precision).eval(), compiled, prompts
        self.call = torch.compile(self.decoder, dynamic=False, fullgraph=True) if compiled else self.decoder
        self.places = torch.arange(self.decoder.config.max_seq)

    def fill(self, tokens):
        """A prompt that is not timed, and not worth compiling."""
        self.decoder(tokens, self.places[: len(tokens)], None, False)

    def prompt(self, tokens):
        return self.call(tokens, self.places[: len(tokens)], None, False)

    def step(self, tokens, position):
        """One token, [1], at `position`."""
        keys = position + 1
        if self.compiled:
            keys = min(-(-keys // CHUNK) * CHUNK, len(self.places))
        return self.call(tokens, self.places[position : position + 1], keys, self.compiled)


def open_model(key, path, precision, compiled, prompts, threads):
    """`prompts` says which of the two functions below will be timed, and therefore what `logits` compares."""
    configure(threads)
    models[key] = Runner(path, precision, compiled, prompts)


def close_all():
    models.clear()


@torch.inference_mode()
def decode(key, prompt, count, seconds):
    """Tokens per second of single tokens behind `prompt`: `count` of them, again until `seconds` are full. The token that
    would be chosen is not."""
    model, start = models[key], len(prompt)
    model.fill(torch.tensor(prompt))
    feed = torch.tensor(np.resize(prompt, count)).split(1)
    done = took = 0
    while took < seconds:
        began = time.perf_counter()
        for i, token in enumerate(feed):
            model.step(token, start + i)
        took += time.perf_counter() - began
        done += count
    return done / took


@torch.inference_mode()
def prefill(key, prompt, seconds):
    model, done, took, tokens = models[key], 0, 0, torch.tensor(prompt)
    while took < seconds:
        began = time.perf_counter()
        model.prompt(tokens)
        took += time.perf_counter() - began
        done += len(prompt)
    return done / took


@torch.inference_mode()
def logits(key, tokens, output):
    """Writes the logits [len(tokens), vocab] of feeding `tokens` one by one; the last, if prompts are timed, of one prompt."""
    model, tokens = models[key], torch.tensor(tokens)
    rows = [model.step(token, i) for i, token in enumerate(tokens.split(1))]
    if model.prompts:
        rows[-1] = model.prompt(tokens)
    np.save(output, torch.stack(rows).numpy())


@functools.cache
def product(m, n, k, precision, compiled):
    """A function that multiplies ones [m, k] with a constant [k, n]."""
    a, b = torch.ones(m, k, dtype=DTYPES[precision]), torch.randn(k, n, generator=torch.manual_seed(0)).to(DTYPES[precision])
    if not compiled:
        out = torch.empty(m, n, dtype=a.dtype)
        return lambda: torch.mm(a, b, out=out)
    linear = torch.nn.Linear(k, n, bias=False, dtype=a.dtype)
    linear.weight = torch.nn.Parameter(b.T.contiguous(), requires_grad=False)
    return functools.partial(torch.compile(linear.eval(), dynamic=False), a)


@torch.inference_mode()
def contract(m, n, k, precision, compiled, threads, seconds):
    """Calls per second of C = A B with a constant B."""
    configure(threads)
    call = product(m, n, k, precision, compiled)
    call()
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not done:
        call()
        done += 1
    return done / took


def version():
    return torch.__version__


if __name__ == "__main__":
    serve({f.__name__: f for f in (open_model, close_all, decode, prefill, logits, contract, version)})
