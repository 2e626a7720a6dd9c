"""Trains the models of test/Train/Inputs with PyTorch; run by .venv-torch/bin/python: KIND IN.npz OUT.npz OPTIONS

IN has the parameters, and tokens, targets and weights [steps, 2, 16] and lr [steps]. OUT gets step_loss and step_norm [steps] and
the parameters after the last step. OPTIONS is JSON: dtype ("float64"), beta1, beta2, eps, decay, clip, z_loss.
"""

import json
import sys

import numpy as np
import torch
from torch.nn import functional


def heads(x, count):
    return x.reshape(2, 16, count, 8).transpose(1, 2)


def attention(q, k, v):
    """Plain formulas: not the library's attention, which is an implementation like ours."""
    k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
    scores = q @ k.transpose(2, 3) * 0.3535533905932738
    hidden = torch.ones(16, 16, dtype=torch.bool).triu(1)
    weights = torch.softmax(scores.masked_fill(hidden, -torch.inf), -1)
    return (weights @ v).transpose(1, 2).reshape(2, 16, 32)


def gpt(p, tokens):
    def linear(x, name):
        return functional.linear(x, p[name + ".w"], p[name + ".b"])

    def norm(x, name):
        return functional.layer_norm(x, (32,), p[name + ".w"], p[name + ".b"], 1e-5)

    x = p["wte"][tokens] + p["wpe"]
    for layer in range(2):
        h = f"h{layer}."
        n = norm(x, h + "ln1")
        q, k, v = (heads(linear(n, h + c), 4) for c in "qkv")
        x = x + linear(attention(q, k, v), h + "o")
        x = x + linear(functional.gelu(linear(norm(x, h + "ln2"), h + "up"), approximate="tanh"), h + "down")
    return norm(x, "lnf") @ p["wte"].T


def llama(p, tokens):
    def norm(x, name):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) * p[name]

    def turned(x):
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * p["cos"] - b * p["sin"], a * p["sin"] + b * p["cos"]], -1).flatten(-2)

    x = p["wte"][tokens]
    for layer in range(2):
        l = f"l{layer}."
        n = norm(x, l + "norm1")
        q, k, v = (heads(n @ p[l + c].T, count) for c, count in (("q", 4), ("k", 2), ("v", 2)))
        x = x + attention(turned(q), turned(k), v) @ p[l + "o"].T
        n = norm(x, l + "norm2")
        x = x + (functional.silu(n @ p[l + "gate"].T) * (n @ p[l + "up"].T)) @ p[l + "down"].T
    return norm(x, "norm") @ p["head"].T


def main(kind, source, destination, options):
    options = json.loads(options)
    dtype = options["dtype"]
    data = np.load(source)
    fixed = {"cos", "sin"}
    series = {"tokens", "targets", "weights", "lr"}
    p = {name: torch.tensor(data[name].astype(dtype)) for name in data.files if name not in series}
    trained = {name: value.requires_grad_() for name, value in p.items() if name not in fixed}
    decayed = [value for name, value in trained.items() if value.ndim >= 2 and name != "wte"]
    plain = [value for name, value in trained.items() if value.ndim < 2 or name == "wte"]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": options["decay"]}, {"params": plain, "weight_decay": 0.0}],
        betas=(options["beta1"], options["beta2"]), eps=options["eps"], foreach=False)
    losses, norms = [], []
    for step in range(len(data["lr"])):
        weights = torch.tensor(data["weights"][step].astype(dtype))
        logits = {"gpt": gpt, "llama": llama}[kind](p, torch.tensor(data["tokens"][step].astype(np.int64)))
        lse = torch.logsumexp(logits, -1)
        picked = logits.gather(2, torch.tensor(data["targets"][step].astype(np.int64))[..., None])[..., 0]
        loss = (weights * (lse - picked + options["z_loss"] * lse * lse)).sum() / weights.sum()
        optimizer.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum((value.grad**2).sum() for value in trained.values()))
        if norm > options["clip"]:
            for value in trained.values():
                value.grad *= options["clip"] / norm
        for group in optimizer.param_groups:
            group["lr"] = float(data["lr"][step])
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm.item())
    np.savez(destination, step_loss=losses, step_norm=norms, **{name: value.detach().numpy() for name, value in trained.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
