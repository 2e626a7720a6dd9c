"""Steps of training: GPT-2 in two sizes by `ingot compile --train adamw` against PyTorch, from the same weights."""

import contextlib
import dataclasses
import functools
import sys

import numpy as np
import onnx
from onnx import numpy_helper

import method
import peers
import train_data
from children import ChildError
from models import BIN, CACHE, ROOT, Unavailable, compiled

sys.path.insert(0, str(ROOT / "examples/train"))

import make_onnx  # noqa: E402

PRECISIONS = ("f32", "bf16")
# Greatest difference of losses and norms of gradients of the first steps that passes as the same training, as a share of the
# peer's. Steps of Adam turn with the sign of the smallest gradients, so this is more than sums in another order give.
AGREEMENT = {"f32": 1e-4, "bf16": 1e-2}
SLOW = 600  # seconds that a burst may take: one step of the larger model takes some on a machine that others use


@dataclasses.dataclass(frozen=True)
class Shape:
    dim: int
    layers: int
    heads: int
    max_seq: int
    vocab: int

    def parameters(self):
        """Of GPT-2, without the table of positions, which no product uses."""
        layer = 12 * self.dim**2 + 13 * self.dim
        return self.vocab * self.dim + self.layers * layer + 2 * self.dim

    def flops_per_token(self, length):
        """Operations of a step for each token of sequences of `length`: 6 N + 12 L H Q T (PaLM, arXiv:2204.02311)."""
        return 6 * self.parameters() + 12 * self.layers * self.dim * length


SHAPES = {"10M": Shape(256, 12, 4, 128, 256), "124M": Shape(768, 12, 12, 1024, 50257)}
BATCHES = ((4, 64), (8, 128))  # sequences, tokens of each
NAMES = [f"{shape}-{rows}x{length}" for shape in SHAPES for rows, length in BATCHES]


class TrainedModel:
    """A GPT with a step of training for batches of one shape, by a name as "10M-4x64". Files stay in build/bench/train-10M."""

    def __init__(self, name):
        size, batch = name.split("-")
        self.shape, (self.rows, self.length) = SHAPES[size], map(int, batch.split("x"))
        self.name = f"GPT-{size}, {self.rows} x {self.length}"
        self.folder, self.batch = CACHE / f"train-{size}", batch
        self.folder.mkdir(parents=True, exist_ok=True)

    def onnx(self):
        path = self.folder / "model.onnx"
        if not path.exists():
            partial = path.with_suffix(".part")
            sizes = dataclasses.asdict(self.shape)
            flags = [text for field, size in sizes.items() for text in ("--" + field.replace("_", "-"), str(size))]
            if make_onnx.main([*flags, "-o", str(partial)]):
                raise Unavailable("the model cannot be made")
            partial.rename(path)
        return path

    def weights(self):
        """The initialisers of the ONNX file for programs that do not read such."""
        path = self.folder / "weights.npz"
        if not path.exists():
            partial = path.with_suffix(".part.npz")
            initializers = onnx.load_model(self.onnx()).graph.initializer
            np.savez(partial, **{tensor.name: numpy_helper.to_array(tensor) for tensor in initializers})
            partial.rename(path)
        return path

    def artifact_path(self, precision):
        return self.folder / f"{self.batch}-{precision}.ingot"

    def compile_command(self, precision, output):
        flags = [] if precision == "f32" else ["--precision", precision]
        return [BIN / "ingot", "compile", self.onnx(), "--train", "adamw", "--clip-norm", train_data.CLIP, "--train-batch",
                self.rows, "--train-seq", self.length, *flags, "-o", output]


def difference(mine, theirs):
    """The greatest difference of [loss, norm of gradients] of some steps, as a share of theirs."""
    mine, theirs = np.asarray(mine, np.float64), np.asarray(theirs, np.float64)
    return float((np.abs(mine - theirs) / np.abs(theirs)).max())


def open_torch(stack, model, is_compiled, precision, workers, mine):
    """A child of PyTorch that trains `model` as we do, and how far it is from [loss, norm] of our first steps, `mine`. Raises
    Unavailable if it is another training."""
    if precision != "f32":
        raise Unavailable(f"training in {precision} is not supported yet")
    child = peers.torch(stack, workers, "child_torch_train.py")
    child.call("open_model", timeout=SLOW, key="ours", path=model.weights(), heads=model.shape.heads, rows=model.rows,
               length=model.length, compiled=is_compiled, threads=workers)
    error = difference(mine, child.call("first_losses", timeout=peers.TORCH_COMPILES, key="ours"))
    if not error <= AGREEMENT[precision]:
        raise Unavailable(f"its first losses and norms of gradients differ by {error:.2g} of themselves: not the same "
                          "training, so not timed")
    return child, error


def train(context, name, precision, workers):
    """Tokens per second of whole steps: forward, backward, clipping, AdamW."""
    model = TrainedModel(name)
    path = compiled(model, precision)
    add = functools.partial(context.recorder.add, model.name, precision=precision, workers=workers)
    with contextlib.ExitStack() as stack:
        ours, roof = peers.ingot(stack), peers.roofline(stack)
        ours.call("open_session", key="ours", path=path, workers=workers)
        mine = ours.call("first_losses", timeout=SLOW, key="ours", vocab=model.shape.vocab)
        request = dict(timeout=SLOW, key="ours", seconds=context.burst)
        arms = {"ours": functools.partial(ours.call, "train", **request)}
        arms["flops"] = lambda: float(roof.ask(f"flops {precision} {workers} 0.1"))
        pids, compared = [ours.pid, roof.pid], []
        for peer, is_compiled in peers.TORCH.items():
            try:
                child, error = open_torch(stack, model, is_compiled, precision, workers, mine)
            except (Unavailable, ChildError) as why:
                context.recorder.skip(f"{peer}, {model.name} {precision}", str(why))
                continue
            add("loss_difference", error, peer_name=peer)
            arms[peer] = functools.partial(child.call, "train", **request)
            pids.append(child.pid)
            compared.append(peer)
        rounds = context.rounds(arms, pids)
    work = model.shape.flops_per_token(model.length)
    bound = (lambda values: values["flops"] / work) if rounds[0].values["flops"] else None
    for peer in compared or [None]:
        add("train_tokens_per_second", method.summarise(rounds, "ours", peer, bound=bound), peer_name=peer)
