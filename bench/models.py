"""The models that bench.py measures: made once under build/bench, weights stored once, compiled when the compiler is newer.

All are llama2.c checkpoints. The ONNX files hold no weights: their initialisers are external data that lie in the checkpoint.
"""

import dataclasses
import pathlib
import subprocess
import sys

import onnx
from onnx import TensorProto

from children import PEERS_PYTHON

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "build/dev/bin"
CACHE = ROOT / "build/bench"
STORIES = ROOT.parent / "shared/data/llm"
sys.path.insert(0, str(ROOT / "examples/llama2c"))

import decoder_decomposed  # noqa: E402
import decoder_named  # noqa: E402
import export_onnx  # noqa: E402
import llama2c  # noqa: E402
import make_checkpoint  # noqa: E402
import onnx_graph  # noqa: E402

PREFILL = 128  # tokens per prefill step of the artifacts


class Unavailable(Exception):
    """Something cannot be measured here; the message says why."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """A seeded decoder, and how long to look at it."""

    config: llama2c.Config
    precisions: tuple = ("f32", "bf16")
    start: int = 64  # decoding is timed behind this many tokens
    burst: int = 128  # tokens at a time


SHAPES = {
    "260K": Shape(llama2c.Config(64, 172, 5, 8, 4, 512, 512), precisions=("f32",), burst=384),
    "15M": Shape(llama2c.Config(288, 768, 6, 6, 6, 32000, 256)),
    "110M": Shape(llama2c.Config(768, 2048, 12, 12, 12, 32000, 1024), burst=24),
    "1.1B": Shape(llama2c.Config(2048, 5632, 22, 32, 4, 32000, 1024, False), precisions=("bf16",), start=16, burst=8),
}


def run(command, timeout=600):
    """What a command prints. Raises Unavailable with its message when it refuses, RuntimeError when it crashes."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, errors="replace", timeout=timeout)
    lines = done.stderr.strip().splitlines() or [""]
    message = next((line for line in lines if "error:" in line), lines[-1])
    if done.returncode == 1:
        raise Unavailable(message)
    if done.returncode:
        raise RuntimeError(f"{pathlib.Path(command[0]).name} ended with {done.returncode}: {message}")
    return done.stdout


def compiler_age():
    """When what compiles and runs was built last: older artifacts are made anew."""
    build = ROOT / "build/dev"
    files = ("bin/ingot", "libexec/ingot/ingot-compiler", "lib/libingot_runtime.so")
    return max((build / file).stat().st_mtime for file in files)


def compiled(model, precision):
    """The artifact of a model, compiled where the compiler is newer. Raises Unavailable with the compiler's message."""
    path = model.artifact_path(precision)
    if not path.exists() or path.stat().st_mtime < compiler_age():
        run(model.compile_command(precision, path))
    return path


class ReferencingGraph(onnx_graph.Graph):
    """Initialisers of a checkpoint's tensors point into the checkpoint, which lies beside the model."""

    def __init__(self, config, parameters, checkpoint):
        super().__init__(config, parameters)
        self.checkpoint = checkpoint

    def initializer(self, name, value):
        if name.startswith("rope."):
            return super().initializer(name, value)
        if name not in self.initializers:
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=value.shape, data_location=TensorProto.EXTERNAL)
            offset = value.__array_interface__["data"][0] - self.start_of_file(value)
            for key, text in (("location", self.checkpoint.name), ("offset", offset), ("length", value.nbytes)):
                tensor.external_data.add(key=key, value=str(text))
            self.initializers[name] = tensor
        return name

    @staticmethod
    def start_of_file(value):
        """Address at which the mapped checkpoint begins: its header of 28 bytes stands before the mapped array."""
        while value.base is not None and hasattr(value.base, "__array_interface__"):
            value = value.base
        return value.__array_interface__["data"][0] - 28

    def model(self, opset, metadata):
        """As the base class, without its checker, which would look for the weights in the working directory."""
        graph = onnx.helper.make_graph(self.nodes, "decoder", self.inputs, self.outputs, list(self.initializers.values()))
        opsets = [onnx.helper.make_opsetid("", opset)]
        model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8 if opset < 23 else 10)
        onnx.helper.set_model_props(model, metadata)
        return model


class Model:
    """One decoder: its files are made on first use and stay in build/bench/NAME."""

    def __init__(self, name):
        self.shape, self.folder = SHAPES[name], CACHE / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.trained = name == "260K" and (STORIES / "stories260K.bin").exists()
        self.name = "stories260K" if self.trained else f"seeded-{name}"
        self.checkpoint, self.tokenizer = self.folder / "model.bin", self.folder / "tokenizer.bin"

    @property
    def config(self):
        return llama2c.read_checkpoint(self.make_checkpoint())[0]

    def make_checkpoint(self):
        """The checkpoint beside which everything else lies; a copy of stories260K, or seeded."""
        if self.checkpoint.exists() and self.tokenizer.exists():
            return self.checkpoint
        if self.trained:
            self.tokenizer.write_bytes((STORIES / "tok512.bin").read_bytes())
            self.checkpoint.write_bytes((STORIES / "stories260K.bin").read_bytes())
            return self.checkpoint
        sizes = dataclasses.asdict(self.shape.config)
        shared = sizes.pop("shared_classifier")
        flags = [text for field, size in sizes.items() for text in ("--" + field.replace("_", "-"), str(size))]
        flags += [] if shared else ["--unshared-classifier"]
        partial = self.checkpoint.with_suffix(".part")
        if make_checkpoint.main([*flags, "-o", str(partial), "--tokenizer-out", str(self.tokenizer)]):
            raise Unavailable("the checkpoint cannot be made")
        partial.rename(self.checkpoint)
        return self.checkpoint

    def onnx(self, style="named"):
        path = self.folder / f"{style}.onnx"
        if not path.exists():
            config, tensors = llama2c.read_checkpoint(self.make_checkpoint())
            graph = ReferencingGraph(config, llama2c.named_parameters(config, tensors), self.checkpoint)
            module = {"named": decoder_named, "decomposed": decoder_decomposed}[style]
            module.build(graph)
            onnx.save_model(graph.model(module.OPSET, export_onnx.metadata(config, self.tokenizer)), path)
        return path

    def artifact_path(self, precision):
        return self.folder / f"{precision}.ingot"

    def compile_command(self, precision, output):
        flags = [] if precision == "f32" else ["--precision", precision]
        return [BIN / "ingot", "compile", self.onnx(), "--prefill", PREFILL, *flags, "-o", output]

    def artifact(self, precision):
        """The compiled model; raises Unavailable with the compiler's message."""
        return compiled(self, precision)

    def gguf(self, precision):
        path = self.folder / f"{precision}.gguf"
        if not path.exists():
            partial = path.with_suffix(".part")
            script = ROOT / "bench/write_gguf.py"
            run([PEERS_PYTHON, script, self.make_checkpoint(), precision, partial])
            partial.rename(path)
        return path

    # ---- What a step has to do ----

    def weight_bytes(self, precision):
        """Bytes of weights that every decoded token needs: all matrices, but of a table of its own one row of embeddings."""
        shapes = self.config.tensors()
        names = [name for name in shapes if not name.startswith("freq_cis")]
        if "output" in shapes:
            names.remove("tok_embeddings")
        count = 0
        for name in names:
            product = 1
            for extent in shapes[name]:
                product *= extent
            count += product
        return count * element_bytes(precision)

    def decode_bytes(self, precision):
        """What a step in the middle of a burst reads: the weights, and the cache up to there."""
        config = self.config
        position = self.shape.start + self.shape.burst // 2
        return self.weight_bytes(precision) + 2 * config.layers * config.kv_dim * position * element_bytes(precision)

    def prefill_flops(self, count):
        """Operations that a prompt of `count` tokens needs: matrices for every token, the classifier for the last one alone,
        attention over what stands before."""
        config = self.config
        matrices = self.weight_bytes("f32") // 4 - config.vocab * config.dim
        attention = 4 * config.layers * config.dim * (count + 1) // 2
        return 2 * matrices * count + attention * count + 2 * config.vocab * config.dim

    def prompt(self, count):
        """`count` token ids, the same everywhere."""
        return [1, *((7919 * i + 13) % (self.config.vocab - 300) + 290 for i in range(1, count))]


def element_bytes(precision):
    return {"f32": 4, "bf16": 2}[precision]
