"""Starts the children of a comparison, and proves that a peer computes the same before it is timed."""

import pathlib
import tempfile

import numpy as np

import children
from children import Child, ChildError, python_child
from models import BIN, CACHE, Unavailable

# Greatest difference of logits that passes as the same model, as a share of the greatest logit. bfloat16 rounds to 2^-9, and
# the peer and we round at different places.
AGREEMENT = {"f32": 1e-3, "bf16": 0.1}
COMPARED = 12  # positions
TORCH = {"PyTorch eager": False, "PyTorch inductor": True}  # peer: whether it is compiled
TORCH_COMPILES = 1200  # seconds at most until inductor has compiled what a call needs


def ingot(stack):
    return stack.enter_context(python_child("ingot", "child_ingot.py"))


def roofline(stack):
    return stack.enter_context(Child("roofline", [BIN / "roofline"]))


def llama(stack, threads):
    """Raises Unavailable where llama-cpp-python is not installed."""
    if why := children.missing(children.PEERS_PYTHON, "llama_cpp, gguf"):
        raise Unavailable(why)
    return stack.enter_context(python_child("llama.cpp", "child_llama.py", children.PEERS_PYTHON, threads))


def open_llama(child, key, model, precision, threads):
    child.call("open_model", key=key, path=model.gguf(precision), threads=threads, context=model.config.max_seq,
               half_cache=precision != "f32")


def torch(stack, threads, script="child_torch.py"):
    """Raises Unavailable where PyTorch is not installed."""
    if why := children.missing(children.TORCH_PYTHON, "torch", "--torch"):
        raise Unavailable(why)
    compiled = {"TORCHINDUCTOR_CACHE_DIR": str(CACHE / "inductor")}
    return stack.enter_context(python_child("PyTorch", script, children.TORCH_PYTHON, threads, compiled))


def onnx_runtime(stack, model, threads):
    child = stack.enter_context(python_child("ONNX Runtime", "child_onnxruntime.py", threads=threads))
    try:
        child.call("open_model", key="model", path=model.onnx("decomposed"), checkpoint=model.make_checkpoint(), threads=threads)
    except ChildError as error:
        raise Unavailable(str(error)) from None
    return child


def difference(mine, theirs):
    """The greatest difference of logits as a share of the greatest logit, and how many positions choose different tokens
    although the choice was clear by more than that."""
    mine, theirs = np.asarray(mine, np.float64), np.asarray(theirs, np.float64)
    error = np.abs(mine - theirs).max()
    top = np.sort(theirs, -1)
    clear = top[:, -1] - top[:, -2] > 2 * error
    wrong = int((clear & (mine.argmax(-1) != theirs.argmax(-1))).sum())
    return float(error / np.abs(theirs).max()), wrong


def agreement(ours, peer, key, model, precision):
    """Feeds both the same tokens; the difference of their logits. Raises Unavailable if they are not the same model."""
    tokens = model.prompt(COMPARED)
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / f"{name}.npy" for name in ("ours", "peer")]
        for child, file in zip((ours, peer), files):
            child.call("logits", timeout=TORCH_COMPILES, key=key, tokens=tokens, output=file)
        error, wrong = difference(*(np.load(file) for file in files))
    if not error <= AGREEMENT[precision] or wrong:
        raise Unavailable(f"its logits differ by {error:.2g} of the greatest and {wrong} of {COMPARED} clear choices: "
                          "not the same computation, so not timed")
    return error
