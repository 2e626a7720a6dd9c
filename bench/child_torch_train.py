"""The child that trains with PyTorch: GPT-2 written plainly on the weights that we compile, eager and compiled by inductor.

q, k and v are one matrix. AdamW is the fused one, in the groups of `ingot compile --train adamw`: decay on matrices that are no
embeddings. Gradients are clipped to a norm of all together.
"""

import time

import numpy as np
import torch
from torch.nn import functional

import train_data
from serve import serve

steps = {}


class Gpt(torch.nn.Module):
    def __init__(self, weights, heads):
        """`weights`: {name: array} with matrices [in, out], by the names of examples/train/make_onnx.py."""
        super().__init__()
        self.heads = heads
        self.layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("h."))

        def parameter(*names):
            parts = [torch.from_numpy(weights[name]) for name in names]
            return torch.nn.Parameter(torch.cat(parts, -1).mT.contiguous() if parts[0].ndim == 2 else torch.cat(parts))

        def linear(*names):
            return torch.nn.ParameterList(parameter(*(f"{name}.{kind}" for name in names)) for kind in ("weight", "bias"))

        def per_layer(*names):
            return torch.nn.ModuleList(linear(*(f"h.{i}.{name}" for name in names)) for i in range(self.layers))

        self.wte, self.wpe = (torch.nn.Parameter(torch.from_numpy(weights[name])) for name in ("wte", "wpe"))
        self.ln_1, self.ln_2, self.ln_f = per_layer("ln_1"), per_layer("ln_2"), linear("ln_f")
        self.qkv, self.out = per_layer("attn.q", "attn.k", "attn.v"), per_layer("attn.proj")
        self.fc, self.proj = per_layer("mlp.fc"), per_layer("mlp.proj")

    def normed(self, x, norm):
        return functional.layer_norm(x, norm[0].shape, *norm, 1e-5)

    def attention(self, x, layer):
        qkv = functional.linear(x, *self.qkv[layer]).unflatten(-1, (3, self.heads, -1))
        q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))
        out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return functional.linear(out.transpose(1, 2).flatten(2), *self.out[layer])

    def forward(self, tokens, targets):
        """The mean loss of `tokens` and `targets` [B, T]."""
        x = self.wte[tokens] + self.wpe[: tokens.shape[1]]
        for i in range(self.layers):
            x = x + self.attention(self.normed(x, self.ln_1[i]), i)
            hidden = functional.gelu(functional.linear(self.normed(x, self.ln_2[i]), *self.fc[i]), approximate="tanh")
            x = x + functional.linear(hidden, *self.proj[i])
        logits = functional.linear(self.normed(x, self.ln_f), self.wte)
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def groups(self):
        """What decays, and what does not."""
        decaying = [p for name, p in self.named_parameters() if p.ndim == 2 and name not in ("wte", "wpe")]
        known = set(map(id, decaying))
        others = [p for p in self.parameters() if id(p) not in known]
        return [dict(params=decaying, weight_decay=train_data.DECAY), dict(params=others, weight_decay=0.0)]


class Step:
    """Trains one model, as it is or compiled, on batches of one shape."""

    def __init__(self, path, heads, rows, length, compiled):
        self.model = Gpt(dict(np.load(path)), heads)
        self.vocab, self.rows, self.length = len(self.model.wte), rows, length
        self.call = torch.compile(self.model, dynamic=False, fullgraph=True) if compiled else self.model
        self.optimizer = torch.optim.AdamW(self.model.groups(), train_data.RATE, train_data.BETAS, train_data.EPSILON,
                                           fused=True)
        self.taken = 0

    def gradients(self, number):
        """The loss of batch `number`."""
        tokens, targets = (torch.from_numpy(ids).long() for ids in train_data.batch(number, self.vocab, self.rows, self.length))
        loss = self.call(tokens, targets)
        loss.backward()
        return loss.item()

    def norm(self):
        """Of all gradients, summed in float64: `clip_grad_norm_` sums in float32, and is off by 5e-5 with 124M parameters."""
        return sum(parameter.grad.double().square().sum() for parameter in self.model.parameters()).sqrt().item()

    def update(self):
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), train_data.CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.taken += 1


def open_model(key, path, heads, rows, length, compiled, threads):
    torch.set_num_threads(threads)
    steps[key] = Step(path, heads, rows, length, compiled)


def first_losses(key):
    """Loss and norm of the first steps, all on batch 0."""
    step, seen = steps[key], []
    for _ in range(train_data.AGREEING_STEPS):
        seen.append([step.gradients(0), step.norm()])
        step.update()
    return seen


def train(key, seconds):
    """Tokens per second of whole steps, on other batches each, until `seconds` are full."""
    step, done, began = steps[key], 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not done:
        step.gradients(step.taken)
        step.update()
        done += step.rows * step.length
    return done / took


if __name__ == "__main__":
    serve({f.__name__: f for f in (open_model, first_losses, train)})
