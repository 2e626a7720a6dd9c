"""The tools of the dev build, and models compiled with them."""

import dataclasses
import pathlib
import re
import struct
import subprocess
import zipfile
import zlib

import numpy as np

import export_onnx
import export_safetensors
import llama2c
import make_checkpoint

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/dev/bin"
HANDWRITTEN = ROOT / "examples/handwritten"
FORMS = ["handwritten", "named", "decomposed"]

missing = [name for name in ("ingot", "ingot-opt", "ingot-translate", "ingot-interpret") if not (BIN / name).exists()]


def tool(name, *arguments, timeout=300, **options):
    """Runs a tool; text in stdout and stderr."""
    command = [str(argument) for argument in (BIN / name, *arguments)]
    # A message may quote bytes of a damaged file.
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, **options)


def ingot(*arguments, **options):
    return tool("ingot", *arguments, **options)


def succeed(done):
    assert done.returncode == 0, f"{done.args} gave {done.returncode}: {done.stderr}"
    return done.stdout


CRASH = re.compile(r"LLVM ERROR|Assertion|Stack dump|PLEASE submit|Traceback|std::|terminate called|a bug of ours|AddressSanitizer")


def complain(done, lines=1, status=1):
    """A clean refusal: this exit status, nothing on stdout, a message in the house's style. Gives the message."""
    assert done.returncode == status, f"status {done.returncode}: {done.stderr[-2000:]}"
    assert done.stdout == ""
    assert not CRASH.search(done.stderr), done.stderr
    text = done.stderr.rstrip("\n")
    assert text and (lines is None or len(text.splitlines()) == lines), text
    first = re.sub(r"^.*?(error: |ingot( [a-z]+)?: )", "", text.splitlines()[0])
    assert first and not first[0].isupper() and not text.endswith("."), text
    return text


def make_model(folder, *options, seed=0):
    """A seeded checkpoint and its tokenizer."""
    checkpoint, tokenizer = folder / "model.bin", folder / "tokenizer.bin"
    files = ["-o", str(checkpoint), "--tokenizer-out", str(tokenizer)]
    assert make_checkpoint.main([*files, "--seed", str(seed), *map(str, options)]) == 0
    return checkpoint, tokenizer


def export(output, checkpoint, tokenizer, style, *options):
    files = ["--checkpoint", str(checkpoint), "--tokenizer", str(tokenizer), "-o", str(output)]
    assert export_onnx.main([*files, "--style", style, *options]) == 0
    return output


class Members:
    """The members of a stored zip, which can be changed in place with checksums made right again."""

    def __init__(self, path):
        self.data = bytearray(path.read_bytes())
        self.where = {}
        with zipfile.ZipFile(path) as archive:
            central = archive.start_dir
            for member in archive.infolist():
                name, extra = struct.unpack_from("<HH", self.data, member.header_offset + 26)
                start = member.header_offset + 30 + name + extra
                self.where[member.filename] = (start, member.file_size, member.header_offset, central)
                central += 46 + sum(struct.unpack_from("<HHH", self.data, central + 28))

    def seal(self, name):
        start, size, local, central = self.where[name]
        crc = struct.pack("<I", zlib.crc32(self.data[start : start + size]))
        self.data[local + 14 : local + 18] = self.data[central + 16 : central + 20] = crc

    def put(self, name, at, new):
        start, size = self.where[name][:2]
        assert at + len(new) <= size
        self.data[start + at : start + at + len(new)] = new
        self.seal(name)


@dataclasses.dataclass
class Decoder:
    """A llama2.c checkpoint as handwritten text and in both ONNX styles; everything is made on first use."""

    folder: pathlib.Path
    checkpoint: pathlib.Path
    tokenizer: pathlib.Path

    def __post_init__(self):
        self.config = llama2c.read_checkpoint(self.checkpoint)[0]

    def onnx(self, style):
        path = self.folder / f"{style}.onnx"
        return path if path.exists() else export(path, self.checkpoint, self.tokenizer, style)

    def safetensors(self):
        path = self.folder / "model.safetensors"
        if not path.exists():
            assert export_safetensors.main(["--checkpoint", str(self.checkpoint), "-o", str(path)]) == 0
        return path

    def model(self, form):
        """The arguments of `ingot compile` for this form."""
        if form != "handwritten":
            return [self.onnx(form)]
        return [HANDWRITTEN / "llama.mlir", "--params", self.safetensors(), "--tokenizer", self.tokenizer]

    def artifact(self, form, *options):
        path = self.folder / ("-".join([form, *map(str, options)]).replace("/", "_") + ".ingot")
        if not path.exists():
            succeed(ingot("compile", *self.model(form), *options, "-o", path))
        return path

    def text(self, form):
        """The tensor program and parameters of this form, for the interpreter."""
        if form == "handwritten":
            return HANDWRITTEN / "llama.mlir", self.safetensors()
        imported, raised, params = (self.folder / f"{form}.{kind}" for kind in ("mlir", "raised.mlir", "params"))
        if not raised.exists():
            dims = {"batch": 1, "sequence": 1, "past_sequence_length": self.config.max_seq - 1}
            flags = [flag for name, extent in dims.items() for flag in ("--dim", f"{name}={extent}")]
            source = ["--import-onnx", self.onnx(form), "--entry", "decode", *flags]
            succeed(tool("ingot-translate", *source, "--params-out", params, "-o", imported))
            succeed(tool("ingot-opt", imported, "--ingot-model-pipeline", "-o", raised))
        return raised, params

    def exact(self, form, count, prompt=(llama2c.BOS,)):
        """Greedy tokens of the exact interpreter, and the float64 logits [count, vocab] each was chosen from."""
        program, params = self.text(form)
        path = self.folder / f"{form}.f64"
        flags = ["--params", params, "--entry", "decode", "--tokens", ",".join(map(str, prompt))]
        out = succeed(tool("ingot-interpret", program, *flags, "--generate", count, "--logits", path))
        return [int(token) for token in out.split()], np.fromfile(path).reshape(count, -1)


def f32_bound(peer_error):
    """Rule (1): the max-norm error against float64 that a float32 result may have."""
    return max(1e-6, 2 * peer_error)


def max_error(got, want):
    return float(np.max(np.abs(np.asarray(got, np.float64) - want)))


def check_greedy(got, want, logits, exact):
    """Rule (3): equal until the first step whose float64 top-2 margin is below the measured error. Gives that step, or None.

    `logits` were seen on the way to `got`, `exact` (float64) on the way to `want`; row i chose token i."""
    assert len(got) == len(want)
    step = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), None)
    if step is None:
        return None
    error = max_error(logits[: step + 1], exact[: step + 1])
    second, first = np.sort(exact[step])[-2:]
    assert first - second < error, f"step {step}: {got[step]} instead of {want[step]}, margin {first - second}, error {error}"
    print(f"greedy tokens differ from step {step}: margin {first - second:.3g}, error {error:.3g}")
    return step
