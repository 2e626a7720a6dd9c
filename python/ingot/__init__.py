"""Ingot: a language model compiled into one task program, and run by a small runtime.

    import ingot

    artifact = ingot.compile("model.onnx", "model.ingot")   # or ingot.load("model.ingot")
    print(artifact.generate("Once upon a time", max_tokens=100).text)

    with artifact.session(workers=2) as session:             # keeps its KV cache between calls
        for token in session.stream("Once upon a time", temperature=0.8, seed=7):
            print(token.text, end="", flush=True)

    outputs = artifact.run(x=numpy.ones((4, 16), "f"))       # models that are no decoders: arrays in, arrays out

`compile` runs the program `ingot compile` as a child process; everything else loads libingot_runtime.so alone, which
contains no compiler. Failures are exceptions of class `Error`.
"""

from ._artifact import Artifact, Entry, Port, load
from ._compile import CompileError, compile
from ._errors import (
    CancelledError,
    CorruptError,
    Error,
    FileError,
    InternalError,
    InvalidArgumentError,
    UnsupportedError,
    OutOfMemoryError,
)
from ._generate import Generation, Token
from ._library import runtime_version
from ._session import Session

__version__ = "0.1.0"

__all__ = [
    "Artifact",
    "CancelledError",
    "CompileError",
    "CorruptError",
    "Entry",
    "Error",
    "FileError",
    "Generation",
    "InternalError",
    "InvalidArgumentError",
    "OutOfMemoryError",
    "Port",
    "Session",
    "Token",
    "UnsupportedError",
    "compile",
    "load",
    "runtime_version",
]
