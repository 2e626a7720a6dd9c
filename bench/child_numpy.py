"""The child that multiplies matrices with NumPy's OpenBLAS; OPENBLAS_NUM_THREADS says on how many threads."""

import time

import numpy as np

from serve import serve


def contract(m, n, k, seconds):
    """Calls per second of C = A B, float32, into memory that is there."""
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((m, k), np.float32), generator.standard_normal((k, n), np.float32)
    c = np.empty((m, n), np.float32)
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not done:
        np.matmul(a, b, out=c)
        done += 1
    return done / took


if __name__ == "__main__":
    serve({"contract": contract})
