#!/usr/bin/env python3
"""Writes seeded parameters for mlp.mlir as safetensors: w1 [32, 16], b1 [32], w2 [8, 32], b2 [8], float32."""

import argparse
import sys

import numpy as np
from safetensors.numpy import save_file

SHAPES = {"w1": (32, 16), "b1": (32,), "w2": (8, 32), "b2": (8,)}


def parameters(seed):
    """Normal numbers, scaled by 1 / sqrt(last extent) so that every layer keeps the size of its input."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32) for name, shape in SHAPES.items()
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", required=True, help="safetensors file to write")
    args = parser.parse_args(argv)
    try:
        save_file(parameters(args.seed), args.output)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
