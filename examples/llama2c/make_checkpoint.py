#!/usr/bin/env python3
"""Writes a seeded random decoder and a tokenizer in llama2.c's formats, for when no trained checkpoint is there.

Same architecture and sizes as stories260K unless told otherwise. Equal seeds give equal bytes.
"""

import argparse
import string
import sys

import numpy as np

import llama2c


def random_tensors(config, seed):
    """Yields (name, float32 array) in the order of the file, one at a time: large models need no more memory than that."""
    rng = np.random.Generator(np.random.PCG64(seed))
    tables = dict(zip(("freq_cis_real", "freq_cis_imag"), llama2c.rope_tables(config)))
    for name, shape in config.tensors().items():
        if name in tables:
            yield name, tables[name]
            continue
        value = rng.standard_normal(shape)
        if name.endswith("norm"):
            value = 1.0 + 0.1 * value
        elif name != "tok_embeddings":
            # Variance is kept through a layer; 1.5 makes the scores spread enough that greedy decoding has no near ties.
            value *= 1.5
            value /= np.sqrt(shape[-1])
        yield name, np.asarray(value, np.float32)


def byte_pieces(vocab):
    """Special tokens, 256 bytes, then printable characters and common pairs, best first, cut at `vocab`."""
    pieces = [b"<unk>", b"\n<s>\n", b"\n</s>\n"] + [b"<0x%02X>" % byte for byte in range(256)]
    letters = string.ascii_lowercase
    texts = [chr(code) for code in range(0x20, 0x7F)]
    texts += ["th", "in", "er", "an", "on", "at", "en", "nd", "or", "es", "is", "it", "st", "ng", "ed", "ou", "al"]
    texts += [" " + letter for letter in letters]
    texts += [a + b for a in letters if a not in "aeiou" for b in "aeiou"]
    # Any further pieces are pairs, so that every vocabulary size is possible and every merge is reachable.
    texts += [a + b for a in letters + string.ascii_uppercase for b in letters + string.digits]
    seen = dict.fromkeys(texts)
    pieces += [text.encode() for text in seen][: vocab - len(pieces)]
    # Larger vocabularies get pieces that no text reaches, as the control tokens of real models.
    pieces += [b"<extra%d>" % i for i in range(vocab - len(pieces))]
    return [(0.0 if i < 259 else float(259 - i), piece) for i, piece in enumerate(pieces)]


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", required=True, help="checkpoint to write")
    parser.add_argument("--tokenizer-out", required=True, help="tokenizer to write")
    defaults = dict(dim=64, hidden=172, layers=5, heads=8, kv_heads=4, vocab=512, max_seq=512)
    for field, value in defaults.items():
        parser.add_argument("--" + field.replace("_", "-"), type=int, default=value)
    parser.add_argument("--unshared-classifier", action="store_true", help="write an own output matrix")
    args = parser.parse_args(argv)
    config = llama2c.Config(
        **{field: getattr(args, field) for field in defaults}, shared_classifier=not args.unshared_classifier
    )
    try:
        config.check()
        if config.vocab < 259:
            raise llama2c.FormatError(f"expects a vocabulary of at least 259 pieces, but got {config.vocab}")
        llama2c.write_checkpoint(args.output, config, random_tensors(config, args.seed))
        llama2c.write_tokenizer(args.tokenizer_out, byte_pieces(config.vocab))
    except (llama2c.FormatError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
