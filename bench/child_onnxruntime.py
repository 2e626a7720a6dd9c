"""The child that runs ONNX Runtime on the decomposed model."""

import pathlib
import sys
import time

import numpy as np

from serve import serve

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test/conformance"), str(ROOT / "examples/llama2c")]

import llama2c  # noqa: E402
from reference import OnnxDecoder  # noqa: E402

decoders = {}


def open_model(key, path, checkpoint, threads):
    decoders[key] = OnnxDecoder(pathlib.Path(path), llama2c.read_checkpoint(checkpoint)[0], threads=threads)


def close_all():
    decoders.clear()


def decode(key, prompt, count, seconds):
    """Tokens per second of single tokens behind `prompt`, with a cache that the caller hands around, as its users do."""
    decoder, done, took = decoders[key], 0, 0
    decoder.reset()
    decoder.run(prompt)
    cache = decoder.cache
    while took < seconds:
        decoder.cache = dict(cache)
        began = time.perf_counter()
        for token in np.resize(prompt, count):
            decoder.run([int(token)])
        took += time.perf_counter() - began
        done += count
    return done / took


def prefill(key, prompt, seconds):
    decoder, done, took = decoders[key], 0, 0
    while took < seconds:
        decoder.reset()
        began = time.perf_counter()
        decoder.run(prompt)
        took += time.perf_counter() - began
        done += len(prompt)
    return done / took


if __name__ == "__main__":
    serve({f.__name__: f for f in (open_model, close_all, decode, prefill)})
