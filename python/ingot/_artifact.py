"""Artifacts: compiled models."""

import contextlib
import ctypes
import dataclasses
import functools
import json
import os
import threading
import weakref
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _checks
from ._errors import InvalidArgumentError
from ._library import library

_INT32_MAX = 2**31 - 1
_SAMPLING = ("sampled", "temperature", "top_k", "top_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "seed")


@dataclasses.dataclass(frozen=True)
class Port:
    """An input or output of an entry. `dtype` is one of i1, i8, i32, i64, f16, bf16, f32, f64."""

    name: str
    dtype: str
    shape: Tuple[int, ...]
    role: str = ""

    @property
    def optional(self) -> bool:
        """Whether `run` may leave it out: what a decoder's entries take to choose the next token."""
        return self.role in _SAMPLING


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry of an artifact, for example "decode"."""

    name: str
    inputs: Tuple[Port, ...]
    outputs: Tuple[Port, ...]


def _entry(described):
    def ports(kind):
        return tuple(Port(p["name"], p["dtype"], tuple(p["shape"]), p.get("role", "")) for p in described[kind])

    return Entry(described["name"], ports("inputs"), ports("outputs"))


class Artifact:
    """A compiled model: a mapped file. Threads may share it.

    `run` and `generate` are for single calls: each starts from the initial state. To keep a KV cache from call to call,
    or to choose workers, make a `session`.

    Attributes:
        path: the file.
        manifest: what the file says about itself (a dict; see `ingot inspect --json`).
        entries: its entries by name.
    """

    path: str
    manifest: Dict[str, Any]
    entries: Dict[str, Entry]

    def __init__(self, path: Union[str, os.PathLike]):
        """Opens a file. Raises FileError if it cannot be read, CorruptError if it is no artifact or damaged."""
        encoded = _checks.path("path", path)
        self.path = os.fspath(path)
        handle = ctypes.c_void_p()
        library().check(library().artifact_open(encoded, ctypes.byref(handle)))
        self._handle = handle
        self._finalizer = weakref.finalize(self, library().artifact_close, handle)
        self._forget()
        _artifacts.add(self)
        self._folder = None  # of a temporary file
        self.manifest = json.loads(library().artifact_manifest(handle))
        self.entries = {described["name"]: _entry(described) for described in self.manifest["entries"]}

    def __repr__(self):
        return f"<ingot.Artifact {self.path!r}: {', '.join(self.entries)}>"

    def __enter__(self) -> "Artifact":
        return self

    def __exit__(self, *_):
        self.close()

    def _forget(self):
        """No session yet for single calls: at first, and in a forked process."""
        self._lock, self._single = threading.Lock(), None

    def close(self) -> None:
        """Closes the file, once no session uses it any more. May be called twice."""
        single, self._single = self._single, None
        if single:
            single.close()
        self._finalizer()
        if self._folder:
            self._folder.cleanup()

    def _open_handle(self):
        if not self._finalizer.alive:
            raise InvalidArgumentError("the artifact is closed")
        return self._handle

    def _choose(self, name: Optional[str]) -> Entry:
        if name is None and len(self.entries) == 1:
            return next(iter(self.entries.values()))
        if name in self.entries:
            return self.entries[name]
        known = ", ".join(self.entries)
        raise InvalidArgumentError(
            f"choose an entry: {known}" if name is None else f"the artifact has no entry '{name}', but {known}"
        )

    def session(
        self,
        *,
        workers: int = 0,
        target: str = "cpu",
        affinity: Optional[str] = None,
        launch: Optional[str] = None,
        interleaving_seed: int = 0,
        memory_limit: int = 0,
        params: Union[str, os.PathLike, None] = None,
    ) -> "Session":  # noqa: F821
        """A session: memory and states of this model, with its own workers.

        Args:
            workers: threads, the calling one included; 0 is one per available core.
            target: "cpu" (the best code for this machine) or "cpu:ISA", for example "cpu:avx2".
            affinity: CPUs that workers are bound to, for example "0-3,8".
            launch: "megakernel", "eager" (launch by launch) or "interleaved" (one thread, tasks in a random legal
                order); default: what the artifact says.
            interleaving_seed: chooses the order of "interleaved".
            memory_limit: bytes that the session may take; 0: what the system has.
            params: a safetensors file with other weights.

        Raises:
            UnsupportedError: this machine cannot run any code of the artifact, or the target is unknown.
            OutOfMemoryError: see `memory_limit`.
        """
        from ._session import Session

        return Session(self, workers, target, affinity, launch, interleaving_seed, memory_limit, params)

    @contextlib.contextmanager
    def _single_call(self):
        """The session for single calls, in its initial state."""
        with self._lock:
            self._open_handle()
            if self._single is None:
                self._single = self.session()
            self._single.reset()
            yield self._single

    def run(self, entry: Optional[str] = None, **inputs: Any) -> Dict[str, np.ndarray]:
        """One step of `entry` (default: the only one) from the initial state. See `Session.run`."""
        with self._single_call() as session:
            return session.run(entry, **inputs)

    def generate(self, prompt: Union[str, Sequence], **options: Any):
        """Continues a prompt from the initial state. See `Session.generate`."""
        with self._single_call() as session:
            return session.generate(prompt, **options)

    def tokenize(self, text: str, *, at_start: bool = True) -> List[int]:
        """Token ids of a text. `at_start`: begin with the tokenizer's beginning-of-sequence token, if it has one.

        Raises InvalidArgumentError if the artifact has no tokenizer."""
        data, count = _checks.text("tokenize", text), ctypes.c_size_t()
        call = functools.partial(library().tokenize, self._open_handle(), data, len(data), int(at_start))
        library().check(call(None, 0, ctypes.byref(count)))
        tokens = (ctypes.c_int32 * count.value)()
        library().check(call(tokens, count.value, ctypes.byref(count)))
        return list(tokens)

    def detokenize(self, tokens: Sequence[int], *, previous: int = -1) -> str:
        """Text of token ids; `previous` is the token before the first, or -1. Bytes that are no UTF-8 become U+FFFD.

        Raises InvalidArgumentError if the artifact has no tokenizer."""
        try:
            ids = [_checks.integer("a token id", token, 0, _INT32_MAX) for token in tokens]
        except TypeError as error:
            raise InvalidArgumentError(f"detokenize expects token ids, but got {tokens!r:.80}") from error
        previous = _checks.integer("previous", previous, -1, _INT32_MAX)
        array, size = (ctypes.c_int32 * len(ids))(*ids), ctypes.c_size_t()
        call = functools.partial(library().detokenize, self._open_handle(), previous, array, len(ids))
        library().check(call(None, 0, ctypes.byref(size)))
        text = ctypes.create_string_buffer(size.value)
        library().check(call(text, size.value, ctypes.byref(size)))
        return text.raw[: size.value].decode(errors="replace")


_artifacts = weakref.WeakSet()


def _after_fork():
    for artifact in list(_artifacts):
        artifact._forget()


os.register_at_fork(after_in_child=_after_fork)


def load(path: Union[str, os.PathLike]) -> Artifact:
    """Opens what `compile` or `ingot compile` wrote. Raises FileError or CorruptError."""
    return Artifact(path)
