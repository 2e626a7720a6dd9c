"""The C interface of the runtime, by ctypes: what the conformance tests drive compiled models with."""

import ctypes
import json
import pathlib
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_void_p

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

# The structures are those of the Python package; calls and checks here are plainer, to reach what it would refuse.
from ingot._library import (  # noqa: E402
    GenerateParams,
    GenerateResult,
    Memory,
    Prompt,
    SequenceResult,
    SessionOptions,
    Tensor,
    TokenCallback as TOKEN_CALLBACK,
)

LIBRARY = ROOT / "build/dev/lib/libingot_runtime.so"

MEGAKERNEL, EAGER, GRAPH, INTERLEAVED = range(4)
UNSUPPORTED = 3  # ingot_code
FINISH = ["length", "eos", "stop", "caller"]


def _load():
    library = ctypes.CDLL(str(LIBRARY))
    status = c_void_p
    for name, result, *arguments in [
        ("ingot_status_code", c_int, status),
        ("ingot_status_message", c_char_p, status),
        ("ingot_status_free", None, status),
        ("ingot_artifact_open", status, c_char_p, POINTER(c_void_p)),
        ("ingot_artifact_close", None, c_void_p),
        ("ingot_artifact_manifest", c_char_p, c_void_p),
        ("ingot_tokenize", status, c_void_p, c_char_p, c_size_t, c_int, POINTER(c_int32), c_size_t, POINTER(c_size_t)),
        (
            "ingot_detokenize",
            status,
            c_void_p,
            c_int32,
            POINTER(c_int32),
            c_size_t,
            c_char_p,
            c_size_t,
            POINTER(c_size_t),
        ),
        ("ingot_executor_create", status, c_char_p, c_uint32, c_char_p, POINTER(c_void_p)),
        ("ingot_executor_close", None, c_void_p),
        ("ingot_session_create", status, c_void_p, c_void_p, POINTER(SessionOptions), POINTER(c_void_p)),
        ("ingot_session_close", None, c_void_p),
        ("ingot_session_reset", status, c_void_p),
        ("ingot_session_fork", status, c_void_p, POINTER(c_void_p)),
        ("ingot_session_fork_slot", status, c_void_p, c_size_t, c_size_t),
        ("ingot_params_load", status, c_void_p, c_char_p),
        ("ingot_params_save", status, c_void_p, c_char_p),
        ("ingot_session_memory", status, c_void_p, POINTER(Memory)),
        ("ingot_run", status, c_void_p, c_char_p, POINTER(Tensor), c_size_t, POINTER(Tensor), c_size_t),
        ("ingot_generate", status, c_void_p, POINTER(GenerateParams), TOKEN_CALLBACK, c_void_p),
    ]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


_library = None


def library():
    global _library
    _library = _library or _load()
    return _library


class StatusError(Exception):
    """A status of the runtime: code and message."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def check(status):
    if status:
        code, message = library().ingot_status_code(status), library().ingot_status_message(status).decode()
        library().ingot_status_free(status)
        raise StatusError(code, message)


def _tensor(array):
    kinds = {"i": 0, "u": 1, "f": 2, "b": 6}
    shape = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
    return Tensor(
        data=array.ctypes.data,
        device_type=1,
        ndim=array.ndim,
        code=kinds[array.dtype.kind],
        bits=8 * array.itemsize,
        lanes=1,
        shape=shape,
    )


DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "i8": np.int8, "i1": np.bool_}


class Tokenizer:
    """The tokenizer of an artifact; texts are bytes."""

    def __init__(self, path):
        self.artifact = c_void_p()
        check(library().ingot_artifact_open(str(path).encode(), byref(self.artifact)))
        self.manifest = json.loads(library().ingot_artifact_manifest(self.artifact))

    def __del__(self):
        library().ingot_artifact_close(self.artifact)

    def encode(self, text, at_start=True):
        count = c_size_t()
        capacity = 4 * len(text) + 16
        tokens = (c_int32 * capacity)()
        check(library().ingot_tokenize(self.artifact, text, len(text), at_start, tokens, capacity, byref(count)))
        assert count.value <= capacity
        return tokens[: count.value]

    def decode(self, tokens, previous=-1):
        ids, count = (c_int32 * len(tokens))(*tokens), c_size_t()
        arguments = [self.artifact, previous, ids, len(tokens)]
        check(library().ingot_detokenize(*arguments, None, 0, byref(count)))
        text = ctypes.create_string_buffer(count.value + 1)
        check(library().ingot_detokenize(*arguments, text, count.value, byref(count)))
        return text.raw[: count.value]


class Session:
    """An opened artifact, its executor and one session."""

    def __init__(self, path, workers=2, launch=MEGAKERNEL, seed=0, target="cpu", memory_limit=0):
        self.artifact, self.executor, self.session = c_void_p(), c_void_p(), c_void_p()
        options = SessionOptions(launch=launch, interleaving_seed=seed, memory_limit=memory_limit)
        check(library().ingot_artifact_open(str(path).encode(), byref(self.artifact)))
        self.manifest = json.loads(library().ingot_artifact_manifest(self.artifact))
        check(library().ingot_executor_create(target.encode(), workers, None, byref(self.executor)))
        check(library().ingot_session_create(self.artifact, self.executor, byref(options), byref(self.session)))
        self.entries = {entry["name"]: entry for entry in self.manifest["entries"]}
        self._outputs = {
            name: [np.empty(output["shape"], DTYPES[output["dtype"]]) for output in entry["outputs"]]
            for name, entry in self.entries.items()
        }

    def close(self):
        library().ingot_session_close(self.session)
        library().ingot_executor_close(self.executor)
        library().ingot_artifact_close(self.artifact)
        self.artifact = self.executor = self.session = c_void_p()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def reset(self):
        check(library().ingot_session_reset(self.session))

    def memory(self):
        memory = Memory()
        check(library().ingot_session_memory(self.session, byref(memory)))
        return {use: getattr(memory, use) for use in Memory.USES}

    def load_params(self, path):
        check(library().ingot_params_load(self.session, str(path).encode()))

    def save_params(self, path):
        check(library().ingot_params_save(self.session, str(path).encode()))

    def run(self, entry, arrays):
        """Arrays in the order of the manifest; the outputs are views that the next run overwrites."""
        arrays = [np.asarray(array, order="C") for array in arrays]  # scalars stay of rank 0
        outputs = self._outputs[entry]
        inputs = (Tensor * len(arrays))(*map(_tensor, arrays))
        results = (Tensor * len(outputs))(*map(_tensor, outputs))
        check(library().ingot_run(self.session, entry.encode(), inputs, len(arrays), results, len(outputs)))
        return outputs

    # ---- Decoders ----

    def feed(self, rows, starts, entry="decode"):
        """Runs one step of a decoder entry: `rows` of token ids, one for each sequence, from positions `starts`. Rows may be
        shorter than the entry's chunk, or empty. Gives a copy of the logits: [batch, chunk, vocab], or [batch, 1, vocab] if
        the model was compiled for those of the last rows."""
        shapes = {port["role"]: port["shape"] for port in self.entries[entry]["inputs"]}
        tokens = np.zeros(shapes["tokens"], np.int32)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = row
        values = {
            "tokens": tokens,
            "start": np.asarray(starts, np.int32),
            "count": np.asarray([len(row) for row in rows], np.int32),
        }
        ports = self.entries[entry]["inputs"]
        # Whatever else there is (how to sample) may be zero: only logits are asked for.
        inputs = [values.get(port["role"], np.zeros(port["shape"], DTYPES[port["dtype"]])) for port in ports]
        return self.run(entry, inputs)[0].copy()

    def prefill(self, tokens, start=0):
        """Feeds one sequence in chunks; the last logits of each chunk, or logits [len(tokens), vocab] with --logits all."""
        shapes = {port["role"]: port["shape"] for port in self.entries["prefill"]["inputs"]}
        chunk, rows = shapes["tokens"][1], []
        for at in range(0, len(tokens), chunk):
            part = tokens[at : at + chunk]
            rows.append(self.feed([part], [start + at], "prefill")[0, : len(part)])
        return np.concatenate(rows)

    def decode(self, tokens, start=0):
        """Feeds one sequence token by token; logits [len(tokens), vocab]."""
        return np.concatenate([self.feed([[token]], [start + i])[0] for i, token in enumerate(tokens)])

    def generate(self, tokens, max_tokens, **options):
        """Returns (generated ids, the logits each was chosen from, finish reason)."""
        ids, logits = [], []

        def on_token(token):
            ids.append(token.id)
            logits.append(np.ctypeslib.as_array(token.logits, (token.num_logits,)).copy())

        result = self._generate(tokens, max_tokens, on_token, **options)
        assert result.generated_tokens == len(ids)
        return ids, np.array(logits), FINISH[result.finish]

    def generate_all(self, prompts, max_tokens, **options):
        """Several prompts side by side: for each (generated ids, the logits each was chosen from, finish reason)."""
        ids, logits = [[] for _ in prompts], [[] for _ in prompts]

        def callback(_, token):
            token = token[0]
            if token.id >= 0:
                ids[token.sequence].append(token.id)
                if token.logits:
                    logits[token.sequence].append(np.ctypeslib.as_array(token.logits, (token.num_logits,)).copy())
            return 0

        rows = [(c_int32 * len(prompt))(*prompt) for prompt in prompts]
        given = (Prompt * len(prompts))(*(Prompt(tokens=row, num_tokens=len(row)) for row in rows))
        results = (SequenceResult * len(prompts))()
        params = GenerateParams(
            prompts=given, num_prompts=len(prompts), max_tokens=max_tokens, sequence_results=results, **options
        )
        check(library().ingot_generate(self.session, byref(params), TOKEN_CALLBACK(callback), None))
        assert [result.generated_tokens for result in results] == [len(each) for each in ids]
        assert [result.prompt_tokens for result in results] == [len(prompt) for prompt in prompts]
        return [(ids[i], np.array(logits[i]), FINISH[results[i].finish]) for i in range(len(prompts))]

    def decode_rate(self, tokens, count):
        """Tokens per second of the runtime's own loop: `count` greedy tokens behind the first one after a prompt."""
        result = self._generate(tokens, count + 1, None, ignore_eos=1)
        assert result.generated_tokens == count + 1
        return count / result.decode_seconds

    def _generate(self, tokens, max_tokens, on_token, **options):
        prompt = (c_int32 * len(tokens))(*tokens)

        def callback(_, token):
            if on_token and token[0].id >= 0:
                on_token(token[0])
            return 0

        result = GenerateResult()
        params = GenerateParams(
            tokens=prompt, num_tokens=len(tokens), max_tokens=max_tokens, result=ctypes.pointer(result), **options
        )
        check(library().ingot_generate(self.session, byref(params), TOKEN_CALLBACK(callback), None))
        return result
