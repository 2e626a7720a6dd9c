#!/usr/bin/env python3
"""Writes the parameters of a llama2.c checkpoint as safetensors: float32, matrices as (out_features, in_features).

Names: tok_embeddings.weight, layers.N.attention.{wq,wk,wv,wo}.weight, layers.N.{attention_norm,ffn_norm}.weight,
layers.N.feed_forward.{w1,w2,w3}.weight, norm.weight, output.weight if it is not shared, and rope.cos, rope.sin
[max_seq, head_dim / 2].
"""

import argparse
import sys

import numpy as np
from safetensors.numpy import save_file

import llama2c


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True, help="llama2.c checkpoint")
    parser.add_argument("-o", "--output", required=True, help="safetensors file to write")
    args = parser.parse_args(argv)
    try:
        parameters = llama2c.named_parameters(*llama2c.read_checkpoint(args.checkpoint))
        save_file({name: np.ascontiguousarray(value) for name, value in parameters.items()}, args.output)
    except (llama2c.FormatError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
