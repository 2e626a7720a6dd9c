"""The C interface of libingot_runtime.so, declared for ctypes. runtime/include/ingot/runtime.h says what it means."""

import ctypes
import functools
from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

from . import _locate
from ._errors import BY_CODE, Error

LAUNCHES = {"megakernel": 0, "eager": 1, "graph": 2, "interleaved": 3}
FINISHES = ("length", "eos", "stop", "caller")


class Tensor(ctypes.Structure):
    """DLPack's DLTensor."""

    _fields_ = [
        ("data", c_void_p),
        ("device_type", c_int),
        ("device_id", c_int),
        ("ndim", c_int),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class Sized(ctypes.Structure):
    """A structure that begins with its size."""

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(self), **fields)


class SessionOptions(Sized):
    _fields_ = [("size", c_size_t), ("launch", c_int), ("interleaving_seed", c_uint64), ("memory_limit", c_uint64)]


class Memory(Sized):
    USES = ("params", "state", "arena", "inputs", "outputs", "private_bytes")
    _fields_ = [("size", c_size_t)] + [(use, c_uint64) for use in USES]


class GenerateResult(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("prompt_tokens", c_uint64),
        ("generated_tokens", c_uint64),
        ("finish", c_int),
        ("prompt_seconds", c_double),
        ("first_token_seconds", c_double),
        ("decode_seconds", c_double),
    ]


class Prompt(ctypes.Structure):
    _fields_ = [
        ("text", c_char_p),
        ("text_length", c_size_t),
        ("tokens", POINTER(c_int32)),
        ("num_tokens", c_size_t),
    ]


class SequenceResult(ctypes.Structure):
    _fields_ = [("prompt_tokens", c_uint64), ("generated_tokens", c_uint64), ("finish", c_int)]


class GenerateParams(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("prompt", c_char_p),
        ("prompt_length", c_size_t),
        ("tokens", POINTER(c_int32)),
        ("num_tokens", c_size_t),
        ("max_tokens", c_uint64),
        ("temperature", c_float),
        ("seed", c_uint64),
        ("top_k", c_uint32),
        ("top_p", c_float),
        ("stop", POINTER(c_char_p)),
        ("num_stop", c_size_t),
        ("ignore_eos", c_uint32),
        ("decode_only", c_uint32),
        ("result", POINTER(GenerateResult)),
        ("presence_penalty", c_float),
        ("frequency_penalty", c_float),
        ("repetition_penalty", c_float),
        ("steps_per_launch", c_uint32),
        ("prompts", POINTER(Prompt)),
        ("num_prompts", c_size_t),
        ("sequence_results", POINTER(SequenceResult)),
    ]


class Token(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("id", c_int32),
        ("text", c_void_p),
        ("text_length", c_size_t),
        ("logits", POINTER(c_float)),
        ("num_logits", c_size_t),
        ("sequence", c_size_t),
    ]


TokenCallback = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Token))

_Handle, _Status = c_void_p, c_void_p
_FUNCTIONS = {
    "status_code": (c_int, _Status),
    "status_message": (c_char_p, _Status),
    "status_free": (None, _Status),
    "runtime_version": (c_char_p,),
    "artifact_open": (_Status, c_char_p, POINTER(_Handle)),
    "artifact_close": (None, _Handle),
    "artifact_manifest": (c_char_p, _Handle),
    "executor_create": (_Status, c_char_p, c_uint32, c_char_p, POINTER(_Handle)),
    "executor_close": (None, _Handle),
    "executor_workers": (c_uint32, _Handle),
    "session_create": (_Status, _Handle, _Handle, POINTER(SessionOptions), POINTER(_Handle)),
    "session_close": (None, _Handle),
    "session_reset": (_Status, _Handle),
    "session_fork": (_Status, _Handle, POINTER(_Handle)),
    "session_memory": (_Status, _Handle, POINTER(Memory)),
    "run": (_Status, _Handle, c_char_p, POINTER(Tensor), c_size_t, POINTER(Tensor), c_size_t),
    "cancel": (None, _Handle),
    "generate": (_Status, _Handle, POINTER(GenerateParams), TokenCallback, c_void_p),
    "tokenize": (_Status, _Handle, c_char_p, c_size_t, c_int, POINTER(c_int32), c_size_t, POINTER(c_size_t)),
    "detokenize": (_Status, _Handle, c_int32, POINTER(c_int32), c_size_t, c_char_p, c_size_t, POINTER(c_size_t)),
    "params_load": (_Status, _Handle, c_char_p),
    "params_save": (_Status, _Handle, c_char_p),
}


class Library:
    """The functions of one libingot_runtime.so, without their prefix: `library.run(...)`."""

    def __init__(self, path):
        loaded = ctypes.CDLL(str(path))
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(loaded, "ingot_" + name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)

    def check(self, status):
        """Raises what a status says; frees it."""
        if not status:
            return
        code, message = self.status_code(status), self.status_message(status).decode(errors="replace")
        self.status_free(status)
        raise BY_CODE.get(code, Error)(message)


@functools.cache
def library():
    """The library of this package, loaded on first use."""
    return Library(_locate.find("lib/libingot_runtime.so"))


def runtime_version() -> str:
    """Version of the runtime library, for example "0.1.0"."""
    return library().runtime_version().decode()
