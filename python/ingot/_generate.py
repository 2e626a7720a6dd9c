"""Text generation: options, results, and the call itself."""

import atexit
import codecs
import contextlib
import ctypes
import dataclasses
import functools
import numbers
import os
import queue
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Iterator, List, Optional, Union

import numpy as np

from . import _checks
from ._errors import CancelledError, InvalidArgumentError
from ._library import FINISHES, GenerateParams, GenerateResult, Prompt, SequenceResult, TokenCallback, library


@dataclasses.dataclass(frozen=True)
class Token:
    """A piece of a stream. `logits` (float32 [vocabulary]) are those it was chosen from, before temperature."""

    text: str
    id: Optional[int] = None
    logits: Optional[np.ndarray] = None


@dataclasses.dataclass(frozen=True)
class Generation:
    """What `generate` returns.

    Attributes:
        text: what follows the prompt; "" if the artifact has no tokenizer.
        tokens: ids of the generated tokens.
        finish: "length" (max_tokens, or the KV cache is full), "eos" or "stop".
        prompt_tokens: number of tokens of the prompt.
        logits: float32 [len(tokens), vocabulary], if they were asked for.
        prompt_seconds, first_token_seconds, decode_seconds: from the call to the first logits, from the call to the
            first token, and from there to the last (of all sequences, if there are several).
    """

    text: str
    tokens: List[int]
    finish: str
    prompt_tokens: int
    logits: Optional[np.ndarray]
    prompt_seconds: float
    first_token_seconds: float
    decode_seconds: float

    def __str__(self):
        return self.text


@dataclasses.dataclass
class Options:
    """The keyword arguments of `Session.generate`."""

    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    top_k: int = 0
    top_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    stop: Union[str, "Sequence[str]"] = ()
    ignore_eos: bool = False
    decode_only: bool = False
    logits: bool = False
    steps_per_launch: int = 1

    def __post_init__(self):
        for name in ("max_tokens", "seed", "top_k"):
            limit = 2**32 if name == "top_k" else 2**64
            setattr(self, name, _checks.integer(name, getattr(self, name), 0, limit - 1))
        self.steps_per_launch = _checks.integer("steps_per_launch", self.steps_per_launch, 1, 2**16)
        if self.logits and self.steps_per_launch > 1:
            raise InvalidArgumentError("logits with several steps per launch is not supported yet")
        for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty", "repetition_penalty"):
            setattr(self, name, _checks.number(name, getattr(self, name)))
        try:
            self.stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)
        except TypeError as error:
            raise InvalidArgumentError(f"stop expects texts, but got {self.stop!r}") from error
        if not all(isinstance(text, str) and "\0" not in text for text in self.stop):
            raise InvalidArgumentError(f"stop expects texts without zero bytes, but got {self.stop!r}")


def _is_ids(prompt):
    if isinstance(prompt, (str, bytes)) or not isinstance(prompt, Sequence):
        return False
    return all(isinstance(item, numbers.Integral) for item in prompt)


def _prompt(prompt):
    """A Prompt; it keeps alive what it points to."""
    if isinstance(prompt, str):
        text = _checks.text("a prompt", prompt)
        return Prompt(text=text, text_length=len(text))
    if not _is_ids(prompt):
        raise InvalidArgumentError(f"a prompt expects a text or token ids, but got {prompt!r:.80}")
    if not all(-(2**31) <= token < 2**31 for token in prompt):
        raise InvalidArgumentError("a prompt expects token ids of 32 bits")
    return Prompt(tokens=(ctypes.c_int32 * max(len(prompt), 1))(*prompt), num_tokens=len(prompt))


class _Sequence:
    """What one sequence has generated."""

    def __init__(self):
        self.tokens, self.texts, self.logits = [], [], []
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def take(self, token, with_logits):
        """A token of the C interface as ours."""
        text = self.decoder.decode(ctypes.string_at(token.text, token.text_length) if token.text_length else b"")
        self.texts.append(text)
        if token.id < 0:
            return Token(text)
        self.tokens.append(token.id)
        logits = None
        if with_logits and token.logits:
            logits = np.ctypeslib.as_array(token.logits, (token.num_logits,)).copy()
            self.logits.append(logits)
        return Token(text, token.id, logits)

    def finish(self):
        rest = self.decoder.decode(b"", final=True)
        self.texts.append(rest)
        return rest


class Run:
    """One call of ingot_generate."""

    def __init__(self, session, prompt, options):
        if isinstance(prompt, np.ndarray):
            prompt = prompt.tolist()
        self.session, self.options = session, options
        self.batched = isinstance(prompt, (list, tuple)) and not _is_ids(prompt)
        prompts = [_prompt(item) for item in prompt] if self.batched else [_prompt(prompt)]
        self.sequences = [_Sequence() for _ in prompts]
        self.results = (SequenceResult * len(prompts))()
        self.total = GenerateResult()
        stops = [_checks.text("stop", text) for text in options.stop]
        self.params = GenerateParams(
            max_tokens=options.max_tokens,
            temperature=options.temperature,
            seed=options.seed,
            top_k=options.top_k,
            top_p=options.top_p,
            presence_penalty=options.presence_penalty,
            frequency_penalty=options.frequency_penalty,
            repetition_penalty=options.repetition_penalty,
            stop=(ctypes.c_char_p * max(len(stops), 1))(*stops),
            num_stop=len(stops),
            ignore_eos=bool(options.ignore_eos),
            decode_only=bool(options.decode_only),
            result=ctypes.pointer(self.total),
            prompts=(Prompt * len(prompts))(*prompts),
            steps_per_launch=options.steps_per_launch,
            num_prompts=len(prompts),
            sequence_results=self.results,
        )

    def _call(self, handle, on_token, leave=lambda: None):
        """Runs to the end in the calling thread. `on_token` gets (sequence, Token) and returns whether to go on;
        `leave` makes an `on_token` that waits return."""
        failure = []

        def callback(_, token):
            try:
                number = token[0].sequence
                return not on_token(number, self.sequences[number].take(token[0], self.options.logits))
            except BaseException as error:  # must not get lost in C
                failure.append(error)
                return 1

        with _ended_at_exit(lambda: (leave(), library().cancel(handle))):
            status = library().generate(handle, ctypes.byref(self.params), TokenCallback(callback), None)
        library().check(status)
        if failure:
            raise failure[0]

    def finish(self):
        """Runs to the end; returns a Generation, or a list of them."""
        with self.session._in_use() as handle:
            if threading.current_thread() is not threading.main_thread():
                self._call(handle, lambda *_: True)
            else:
                call = _Background(lambda: self._call(handle, lambda *_: True))
                try:
                    call.start()
                    call.wait()
                except BaseException:
                    call.end(lambda: library().cancel(handle))
                    raise
                call.raise_error()
        generations = [self._generation(i) for i in range(len(self.sequences))]
        return generations if self.batched else generations[0]

    def _generation(self, number):
        sequence, result = self.sequences[number], self.results[number]
        sequence.finish()
        return Generation(
            "".join(sequence.texts),
            sequence.tokens,
            FINISHES[result.finish],
            result.prompt_tokens,
            self._logits(sequence) if self.options.logits else None,
            self.total.prompt_seconds,
            self.total.first_token_seconds,
            self.total.decode_seconds,
        )

    def _logits(self, sequence):
        if sequence.logits:
            return np.array(sequence.logits)
        ports = [port for entry in self.session.artifact.entries.values() for port in entry.outputs]
        vocabulary = next((port.shape[-1] for port in ports if port.role == "logits" and port.shape), 0)
        return np.empty((0, vocabulary), np.float32)

    def stream(self) -> Iterator[Token]:
        if self.batched:
            raise InvalidArgumentError("a stream expects one prompt; use generate for several")
        if self.options.steps_per_launch > 1:
            raise InvalidArgumentError("a stream runs one step at a time; use generate for several steps per launch")
        return self._stream()

    def _stream(self):
        tokens, wanted = queue.SimpleQueue(), queue.SimpleQueue()

        def on_token(_, token):
            tokens.put(token)
            return wanted.get()  # goes on when the next one is asked for

        with self.session._in_use() as handle:
            leave = functools.partial(wanted.put, False)
            call = _Background(lambda: self._call(handle, on_token, leave), lambda: tokens.put(None))
            try:
                call.start()
                while token := _get(tokens):
                    yield token
                    self.session._check_process()
                    wanted.put(True)
            except BaseException as error:
                leave()
                # Who leaves the loop ends the call at a token, who interrupts it at once.
                call.end(lambda: isinstance(error, GeneratorExit) or library().cancel(handle))
                raise
            call.raise_error()
            if rest := self.sequences[0].finish():
                yield Token(rest)


# Calls that are in C: what ends each. A thread that comes back from C when Python is gone aborts the process.
_in_c = set()
_exiting = False


@contextlib.contextmanager
def _ended_at_exit(end):
    _in_c.add(end)
    try:
        if _exiting:
            raise CancelledError("the interpreter is exiting")
        yield
    finally:
        _in_c.discard(end)


def _at_exit():
    global _exiting
    _exiting = True
    for end in list(_in_c):
        end()
    while _in_c:
        time.sleep(0.001)


# Exit handlers run last first: this one before that of weakref, which closes sessions. Threads that Python waits for
# have ended by then.
weakref.finalize(_at_exit, lambda: None)
atexit.register(_at_exit)
os.register_at_fork(after_in_child=_in_c.clear)

# A signal that comes just before a thread falls asleep does not wake it: no sleep is longer than this.
_NAP_SECONDS = 0.1


def _get(items):
    while True:
        try:
            return items.get(timeout=_NAP_SECONDS)
        except queue.Empty:
            pass


class _Background:
    """A call in a thread of its own, so that Ctrl-C arrives in this one: as an exception at any point of `start` and
    `wait`. So these use plain locks: interrupted, Thread.join of Python 3.11 takes a thread that runs for one that has
    ended, and Event.wait may release a lock twice."""

    def __init__(self, work, then=lambda: None):
        self._go, self._ended = threading.Lock(), threading.Lock()
        self._going, self._abandoned, self._done, self._error = False, False, False, None
        self._pid = os.getpid()
        self._go.acquire()
        self._ended.acquire()

        def run():
            self._go.acquire()
            try:
                if not self._abandoned:
                    work()
            except BaseException as error:
                self._error = error
            self._done = True
            self._ended.release()
            then()

        self._thread = threading.Thread(target=run, name="ingot-generate", daemon=True)

    def start(self):
        self._thread.start()
        self._going = True  # the thread is there and will be done
        self._go.release()

    def wait(self):
        while not self._done:
            self._ended.acquire(timeout=_NAP_SECONDS)

    def end(self, cancel):
        """Returns when the call has ended, or will never begin."""
        if os.getpid() != self._pid:
            return  # a forked process does not have the thread
        self._abandoned = True
        with contextlib.suppress(RuntimeError):  # it is released already
            self._go.release()
        if self._going:
            cancel()
        while self._going and not self._done and not sys.is_finalizing():  # which stops the thread for good
            with contextlib.suppress(KeyboardInterrupt):  # the thread uses the session
                self.wait()

    def raise_error(self):
        if self._error:
            raise self._error
