"""Sessions: memory and states of a model, and the workers that run it."""

import contextlib
import ctypes
import os
import threading
import weakref
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Union

import numpy as np

from . import _checks
from ._artifact import Artifact
from ._errors import InvalidArgumentError
from ._generate import Generation, Options, Run, Token
from ._library import LAUNCHES, Memory, SessionOptions, Tensor, library
from ._tensors import input_tensor, numpy_dtype, output_tensor

_MAX_WORKERS = 4096  # of the runtime


def _close_where_made(close, handle, pid):
    """Closes a handle, but not in a forked process, which has none of the threads that this would wait for."""
    if os.getpid() == pid:
        close(handle)


class _Executor:
    """Workers, shared by a session and its forks."""

    def __init__(self, target, workers, affinity):
        handle = ctypes.c_void_p()
        bound = None if affinity is None else _checks.name("affinity", affinity) or None
        target, workers = _checks.name("target", target), _checks.integer("workers", workers, 0, _MAX_WORKERS)
        library().check(library().executor_create(target, workers, bound, ctypes.byref(handle)))
        self.handle = handle
        weakref.finalize(self, _close_where_made, library().executor_close, handle, os.getpid())


class Session:
    """Made by `Artifact.session`. A session belongs to one thread at a time: a call while another is in progress raises
    InvalidArgumentError. Only `cancel` may come from anywhere. A forked process cannot use the sessions that it
    finds, but may make its own. It is a context manager that closes itself."""

    def __init__(self, artifact, workers, target, affinity, launch, interleaving_seed, memory_limit, params):
        if launch is None:
            launch = artifact.manifest["entries"][0].get("launch", "megakernel")
        if not isinstance(launch, str) or launch not in LAUNCHES:
            raise InvalidArgumentError(f"expects a launch of {', '.join(LAUNCHES)}, but got '{launch}'")
        options = SessionOptions(
            launch=LAUNCHES[launch],
            interleaving_seed=_checks.integer("interleaving_seed", interleaving_seed, 0, 2**64 - 1),
            memory_limit=_checks.integer("memory_limit", memory_limit, 0, 2**64 - 1),
        )
        executor = _Executor(target, workers, affinity)
        handle = ctypes.c_void_p()
        status = library().session_create(
            artifact._open_handle(), executor.handle, ctypes.byref(options), ctypes.byref(handle)
        )
        library().check(status)
        self._take(artifact, executor, handle)
        if params is not None:
            self.load_params(params)

    def _take(self, artifact, executor, handle):
        self._artifact, self._executor, self._handle = artifact, executor, handle
        self._busy, self._pid = threading.Lock(), os.getpid()
        self._finalizer = weakref.finalize(self, _close_where_made, library().session_close, handle, self._pid)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_):
        self.close()

    def _check_process(self):
        if os.getpid() != self._pid:
            raise InvalidArgumentError("the session was made before this process was forked: make one here")

    @contextlib.contextmanager
    def _in_use(self):
        self._check_process()
        if not self._busy.acquire(blocking=False):
            raise InvalidArgumentError("the session is in use: a session runs one thing at a time")
        try:
            if not self._finalizer.alive:
                raise InvalidArgumentError("the session is closed")
            yield self._handle
        finally:
            self._busy.release()

    @property
    def artifact(self) -> Artifact:
        return self._artifact

    @property
    def workers(self) -> int:
        """Number of workers, the calling thread included."""
        return library().executor_workers(self._executor.handle)

    def close(self) -> None:
        """Gives the memory back. May be called twice."""
        if os.getpid() != self._pid:
            self._finalizer.detach()
        elif self._finalizer.alive:
            with self._in_use():
                self._finalizer()

    def reset(self) -> None:
        """States back to their initial values, generation back to the start."""
        with self._in_use() as handle:
            library().check(library().session_reset(handle))

    def fork(self) -> "Session":
        """A second session that continues from here with a copy of the state. Both share their workers, so they take
        turns. Raises OutOfMemoryError."""
        other = ctypes.c_void_p()
        with self._in_use() as handle:
            library().check(library().session_fork(handle, ctypes.byref(other)))
        session = Session.__new__(Session)
        session._take(self._artifact, self._executor, other)
        return session

    def cancel(self) -> None:
        """Stops the run in progress, or the next one: it raises CancelledError. May be called from any thread."""
        self._check_process()
        if self._finalizer.alive:
            library().cancel(self._handle)

    def memory(self) -> Dict[str, int]:
        """Bytes by use: params (mapped from the file, shared by sessions), state, arena, inputs, outputs, private_bytes
        (of all workers)."""
        memory = Memory()
        with self._in_use() as handle:
            library().check(library().session_memory(handle, ctypes.byref(memory)))
        return {use: getattr(memory, use) for use in Memory.USES}

    def load_params(self, path: Union[str, os.PathLike]) -> None:
        """Uses the weights of a safetensors file from now on. Raises FileError, CorruptError, InvalidArgumentError."""
        encoded = _checks.path("path", path)
        with self._in_use() as handle:
            library().check(library().params_load(handle, encoded))

    def save_params(self, path: Union[str, os.PathLike]) -> None:
        """Writes the weights as safetensors, row-major, under the names of the model. Raises FileError."""
        encoded = _checks.path("path", path)
        with self._in_use() as handle:
            library().check(library().params_save(handle, encoded))

    def run(
        self, entry: Optional[str] = None, *, out: Optional[Mapping[str, Any]] = None, **inputs: Any
    ) -> Dict[str, np.ndarray]:
        """One step of `entry` (default: the only one).

        Args:
            entry: name of an entry of the artifact.
            out: arrays to write outputs to, by name; the others are new arrays.
            inputs: one per input of the entry, by name (`**{"a.b": x}` for names that are no identifiers). NumPy
                arrays and tensors of any library with DLPack are used where they are; their dtype and shape must be
                those of the entry. Lists and numbers are converted. What a decoder takes to choose the next token
                may be left out.

        Returns:
            the outputs by name. bf16 outputs have the type of ml_dtypes.

        Raises:
            InvalidArgumentError: an input is missing, unknown or of another type, or an index is out of range.
            CancelledError: see `cancel`.
        """
        chosen = self._artifact._choose(entry)
        self._check_names(chosen, inputs, out or {})
        ins, outs, results, alive = [], [], {}, []
        for port in chosen.inputs:
            value = inputs[port.name] if port.name in inputs else np.zeros(port.shape, numpy_dtype(port.dtype))
            tensor, owner = input_tensor(f"input '{port.name}'", value, port)
            ins.append(tensor)
            alive.append(owner)
        for port in chosen.outputs:
            given = out is not None and port.name in out
            array = out[port.name] if given else np.empty(port.shape, numpy_dtype(port.dtype))
            tensor, owner = output_tensor(f"output '{port.name}'", array, port)
            outs.append(tensor)
            alive.append(owner)
            results[port.name] = array
        with self._in_use() as handle:
            status = library().run(
                handle,
                chosen.name.encode(),
                (Tensor * len(ins))(*ins),
                len(ins),
                (Tensor * len(outs))(*outs),
                len(outs),
            )
        library().check(status)
        return results

    @staticmethod
    def _check_names(entry, inputs, out):
        """All that is wrong with the names, not only the first."""
        known = [port.name for port in entry.inputs]
        problems = [f"'{p.name}' is missing" for p in entry.inputs if p.name not in inputs and not p.optional]
        problems += [f"'{name}' is no input" for name in inputs if name not in known]
        problems += [f"'{name}' is no output" for name in out if name not in [p.name for p in entry.outputs]]
        if problems:
            expected = ", ".join(known) or "none"
            raise InvalidArgumentError(f"entry '{entry.name}': {'; '.join(problems)} (inputs: {expected})")

    def generate(
        self, prompt: Union[str, Sequence[int], Sequence[str], Sequence[Sequence[int]]], **options: Any
    ) -> Union[Generation, List[Generation]]:
        """Continues the session's sequence: feeds a prompt and generates.

        Args:
            prompt: a text, or token ids. A list of texts or of lists of ids runs several sequences side by side, at
                most as many as the artifact was compiled for (`batch`), and gives a list.
            max_tokens: generate at most so many [256].
            temperature: 0 takes the likeliest token, else tokens are drawn at this temperature [0].
            seed: of the sampler; the same seed gives the same text, for any number of workers [0].
            top_k, top_p: draw from the likeliest tokens only [from all].
            presence_penalty, frequency_penalty, repetition_penalty: against repetition [0, 0, 1].
            stop: a text or several that end the generation and are not part of it.
            ignore_eos: go on after an end-of-sequence token [False].
            decode_only: feed the prompt token by token [False].
            logits: keep the logits that each token was chosen from [False].
            steps_per_launch: workers stay in the launch for so many steps, which is faster for small models; the same
                tokens, without logits [1].

        Returns:
            a Generation; `.text` is what follows the prompt.

        Raises:
            InvalidArgumentError: an option makes no sense, the artifact is no decoder, it has no tokenizer and the
                prompt is text, or the prompt does not fit into the KV cache.
            CancelledError: see `cancel`.
            KeyboardInterrupt: Ctrl-C, at once; `reset` makes the session usable again.
        """
        run = Run(self, prompt, Options(**options))
        return run.finish()

    def stream(self, prompt: Union[str, Sequence[int]], **options: Any) -> Iterator[Token]:
        """The same, token by token, as they come. The iterator runs no further than it is asked for: leave the loop when
        you have enough, and the session continues behind the last token you got.

        Yields:
            Token(text, id, logits). A text may lag behind its token while it could be part of a stop text or of a
            character of several bytes; what is held back at the end comes with the id None.
        """
        return Run(self, prompt, Options(**options)).stream()
