"""Compilation: `ingot compile` as a child process. No compiler is loaded into this one."""

import os
import pathlib
import re
import subprocess
import tempfile
from typing import Any, List, Mapping, Optional, Sequence, Union

from . import _checks, _locate
from ._artifact import Artifact, load
from ._errors import Error, InvalidArgumentError

_BAD_USAGE = 2
_LOADABLE = ("artifact", "exe")


class CompileError(Error):
    """The model cannot be compiled. The message is what the compiler says, with places in the model."""


def _arguments(options) -> List[str]:
    """`{"max_seq": 128, "target": ["cpu:avx2"], "dim": {"n": 4}}` as a command line."""
    arguments = []
    if options.get("help"):
        raise InvalidArgumentError("help is no option of a compilation")
    if options.get("emit") is not None and options["emit"] not in _LOADABLE:
        raise InvalidArgumentError(f"emit expects {' or '.join(_LOADABLE)}, but got {options['emit']!r}")
    for name, value in options.items():
        if not name.replace("-", "_").isidentifier():
            raise InvalidArgumentError(f"there is no option '{name}'")
        flag = "--" + name.replace("_", "-")
        if isinstance(value, Mapping):
            value = [f"{key}={item}" for key, item in value.items()]
        if value is None or value is False:
            continue
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if item is True:
                arguments.append(flag)
            else:
                arguments.append(f"{flag}={os.fspath(item) if isinstance(item, os.PathLike) else item}")
    return arguments


def _known_options(program) -> List[str]:
    """What `ingot compile` supports, by the names that `compile` takes."""
    help = subprocess.run([program, "compile", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    # "  --max-seq N   positions of ...", the text on the next line where the left column is too long.
    described = re.findall(r"^  (?:-\w,)?--(\S+)(.*(?:\n {9,}.*)*)", help, re.MULTILINE)
    left_out = ("help", "output")
    return [
        name.replace("-", "_")
        for name, text in described
        if name not in left_out and not text.endswith("not supported yet")
    ]


def _check_names(options, program):
    """Says which option there is not, and which there are."""
    known = _known_options(program)
    for name in options:
        if known and name.replace("-", "_") not in known:
            raise InvalidArgumentError(f"there is no option '{name}', but {', '.join(known)}")


def _write_model(model, folder):
    """The path of a model, which may be given as bytes: ONNX, or text."""
    if isinstance(model, (str, os.PathLike)):
        return os.fspath(model)
    # ONNX files begin with the field 1 of a message, which no text does.
    path = os.path.join(folder, "model" + (".onnx" if model[:1] == b"\x08" else ".mlir"))
    with open(path, "wb") as file:
        file.write(model)
    return path


def compile(
    model: Union[str, os.PathLike, bytes],
    output: Union[str, os.PathLike, None] = None,
    *,
    target: Union[str, Sequence[str], None] = None,
    max_seq: Optional[int] = None,
    batch: Optional[int] = None,
    prefill: Optional[int] = None,
    workers: Optional[int] = None,
    precision: Optional[str] = None,
    params: Union[str, os.PathLike, None] = None,
    tokenizer: Union[str, os.PathLike, None] = None,
    dim: Optional[Mapping[str, int]] = None,
    **options: Any,
) -> Artifact:
    """Compiles a model and opens the result.

    Args:
        model: a .onnx file, a .mlir file in Ingot's text, or the bytes of either.
        output: the artifact to write; default: a temporary file that lives as long as the result.
        target: "cpu" (this machine), "cpu:generic", "cpu:avx2", "cpu:avx512", "cpu:avx512bf16", or several.
        max_seq: positions of a decoder's KV cache.
        batch: sequences that a decoder runs at once.
        prefill: tokens per prefill step.
        workers: worker queues of the default schedule.
        precision: of weights and activations, see `ingot compile --help`.
        params: safetensors file with the weights of a model in text.
        tokenizer: "bytes" or a tokenizer file.
        dim: extents of symbolic dimensions of an ONNX model, by name.
        options: every other option of `ingot compile`, for example `input_shape={"x": "1x128"}`; `emit` may be
            "artifact" or "exe".

    Raises:
        CompileError: the model cannot be compiled, or this build has no compiler.
        InvalidArgumentError: there is no such option, or it has no such value.
        FileError: the program `ingot` is not there.
    """
    options = dict(options, target=target, max_seq=max_seq, batch=batch, prefill=prefill, workers=workers)
    options.update(precision=precision, params=params, tokenizer=tokenizer, dim=dim)
    folder = tempfile.TemporaryDirectory(prefix="ingot-")
    path = os.fspath(output) if output is not None else os.path.join(folder.name, "model.ingot")
    command = [_locate.find("bin/ingot"), "compile", *_arguments(options), "-o", path, "--", _write_model(model, folder.name)]
    for argument in command:
        _checks.without_zeros("ingot compile", os.fsencode(argument))
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    message = done.stderr.decode(errors="replace").strip()
    if done.returncode == _BAD_USAGE:
        _check_names(options, command[0])
        raise InvalidArgumentError(message)
    if done.returncode < 0:
        raise CompileError(f"ingot compile was ended by signal {-done.returncode}\n{message}".strip())
    if done.returncode != 0:
        raise CompileError(message)
    artifact = load(pathlib.Path(path))
    if output is None:
        artifact._folder = folder
    return artifact
