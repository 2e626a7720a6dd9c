"""What the arms of training are fed: the same token ids for all, made where they are needed."""

import numpy as np

AGREEING_STEPS = 4  # on one batch again and again, so that the loss falls and shows what the updates did
RATE = 3e-5
BETAS, EPSILON, DECAY, CLIP = (0.9, 0.95), 1e-8, 0.1, 1.0  # of AdamW, as `ingot compile --train adamw` has them


def batch(number, vocab, rows, length):
    """Tokens and targets int32 [rows, length] of batch `number`: uniform, so that gradients stay of one size however
    long a measurement takes."""
    ids = np.random.default_rng(number).integers(0, vocab, (rows, length + 1), np.int32)
    return np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])
