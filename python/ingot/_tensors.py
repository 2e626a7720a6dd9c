"""Arrays as DLPack tensors. NumPy arrays and the tensors of other libraries are used where they are."""

import ctypes

import numpy as np

from ._errors import InvalidArgumentError
from ._library import Tensor

_INT, _UINT, _FLOAT, _BFLOAT, _BOOL = 0, 1, 2, 4, 6
_NAMES = {
    (_BOOL, 8): "i1",
    (_INT, 8): "i8",
    (_INT, 32): "i32",
    (_INT, 64): "i64",
    (_FLOAT, 16): "f16",
    (_BFLOAT, 16): "bf16",
    (_FLOAT, 32): "f32",
    (_FLOAT, 64): "f64",
}
_CODES = {name: code for code, name in _NAMES.items()}
_NUMPY = {"i1": np.bool_, "i8": np.int8, "i32": np.int32, "i64": np.int64, "f16": np.float16, "f32": np.float32, "f64": np.float64}
_KINDS = {"i": _INT, "u": _UINT, "f": _FLOAT, "b": _BOOL}
_CPU = 1

_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype, _get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def numpy_dtype(name):
    """NumPy's type for one of Ingot's. NumPy has no bfloat16 by itself: ml_dtypes gives it one."""
    if name != "bf16":
        return np.dtype(_NUMPY[name])
    try:
        import ml_dtypes
    except ImportError as error:
        raise InvalidArgumentError("bf16 arrays need the package ml_dtypes") from error
    return np.dtype(ml_dtypes.bfloat16)


def type_text(dtype, shape):
    """"f32[2,3]", as in the runtime's own messages."""
    return f"{dtype}[{','.join(map(str, shape))}]"


def _of_numpy(array):
    code = _BFLOAT if array.dtype.name == "bfloat16" else _KINDS.get(array.dtype.kind, 255)
    shape = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
    return Tensor(array.ctypes.data, _CPU, 0, array.ndim, code, 8 * array.itemsize % 256, 1, shape, None, 0)


def _of_capsule(what, producer):
    """(tensor, what must live as long)"""
    device = producer.__dlpack_device__()[0]
    if int(device) != _CPU:
        raise InvalidArgumentError(f"{what} expects memory of the cpu, but got DLPack device {int(device)}")
    capsule = producer.__dlpack__()
    # A managed tensor begins with the tensor. The capsule stays unconsumed and so frees it.
    return Tensor.from_address(_get_pointer(capsule, b"dltensor")), capsule


def _is_contiguous(tensor):
    stride = 1
    for d in reversed(range(tensor.ndim)):
        if tensor.strides and tensor.shape[d] > 1 and tensor.strides[d] != stride:
            return False
        stride *= tensor.shape[d]
    return True


def _check(what, tensor, port, given=None):
    dtype = _NAMES.get((tensor.code, tensor.bits)) if tensor.lanes == 1 else None
    shape = tuple(tensor.shape[d] for d in range(tensor.ndim))
    if dtype != port.dtype or shape != port.shape:
        name = dtype or (str(given.dtype) if given is not None else f"DLPack type {tensor.code} of {tensor.bits} bits")
        raise InvalidArgumentError(
            f"{what} expects {type_text(port.dtype, port.shape)}, but got {type_text(name, shape)}"
        )


def input_tensor(what, value, port):
    """(DLTensor, what must live as long) for an input. Arrays and tensors must have the port's dtype and shape, and are
    copied only if their elements are not row-major without gaps; Python numbers and lists are converted."""
    if isinstance(value, np.ndarray):
        native = value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))
        array = np.ascontiguousarray(native).reshape(value.shape)
    elif hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__"):
        tensor, owner = _of_capsule(what, value)
        if _is_contiguous(tensor):
            _check(what, tensor, port)
            return tensor, owner
        array = np.ascontiguousarray(np.from_dlpack(value))
    else:
        try:
            array = np.asarray(value, numpy_dtype(port.dtype))
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidArgumentError(f"{what} expects {type_text(port.dtype, port.shape)}: {error}") from error
    tensor = _of_numpy(array)
    _check(what, tensor, port, array)
    return tensor, array


def output_tensor(what, value, port):
    """(DLTensor, what must live as long) for an output that is written in place."""
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous or not value.flags.writeable or not value.dtype.isnative:
            raise InvalidArgumentError(f"{what} expects a writable array of row-major native elements without gaps")
        tensor, owner = _of_numpy(value), value
    elif hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__"):
        tensor, owner = _of_capsule(what, value)
        if not _is_contiguous(tensor):
            raise InvalidArgumentError(f"{what} expects row-major elements without gaps")
    else:
        raise InvalidArgumentError(f"{what} expects an array or a DLPack tensor, but got {type(value).__name__}")
    _check(what, tensor, port)
    return tensor, owner
