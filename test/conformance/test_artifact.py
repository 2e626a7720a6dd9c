"""Artifacts of real models: what the contract says of the file, of its memory, and of running it without the compiler."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from runtime_api import EAGER, INTERLEAVED, LIBRARY, MEGAKERNEL, Session
from toolchain import BIN, FORMS, HANDWRITTEN, Decoder, ingot, make_model, max_error, succeed, tool

pytestmark = pytest.mark.usefixtures("tools")
forms = pytest.mark.parametrize("form", FORMS)


def inspect(path, *flags):
    return json.loads(succeed(ingot("inspect", path, "--json", *flags)))


# ---- The file ----


@forms
def test_two_compiles_give_identical_bytes(tmp_path, seeded, form):
    """Also from other folders under other names of the output, so that no path and no time gets in."""
    first = seeded.artifact(form).read_bytes()
    succeed(ingot("compile", *seeded.model(form), "-o", tmp_path / "again.ingot"))
    assert (tmp_path / "again.ingot").read_bytes() == first
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    arguments = []
    for argument in seeded.model(form):
        if os.path.exists(str(argument)):
            shutil.copy(argument, elsewhere)
            argument = os.path.basename(argument)
        arguments.append(argument)
    succeed(ingot("compile", *arguments, "-o", "x.ingot", cwd=elsewhere))
    assert (elsewhere / "x.ingot").read_bytes() == first


@forms
def test_members(seeded, form):
    path = seeded.artifact(form)
    data = path.read_bytes()
    manifest = None
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for member in archive.infolist():
            assert member.compress_type == zipfile.ZIP_STORED
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            name, extra = (int.from_bytes(data[member.header_offset + at :][:2], "little") for at in (26, 28))
            start = member.header_offset + 30 + name + extra
            assert start % (2 << 20 if member.filename == "params.safetensors" else 64) == 0, member.filename
            assert data[start : start + member.file_size] == archive.read(member)
        names = set(archive.namelist())
        manifest = json.loads(archive.read("manifest.json"))
        params = archive.read("params.safetensors")
    keys = "format min_runtime model tokenizer eos entries params state targets memory flops fallbacks".split()
    assert set(manifest) == set(keys)
    isa = manifest["targets"][0]["isa"]
    programs = {f"program/{entry}.cpu-{isa}.{kind}" for entry in ("decode", "prefill") for kind in ("bin", "mlir")}
    assert names == programs | {"manifest.json", "params.safetensors", "tokenizer.bin", f"code/cpu-{isa}.so"}
    sampling = ["temperature", "top_k", "top_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "seed"]
    roles = ["tokens", "start", "count", "sampled", *sampling, "logits", "next"]
    for entry in manifest["entries"]:
        assert [port["role"] for port in entry["inputs"] + entry["outputs"]] == roles
    for param in manifest["params"]:
        size = 4 * int(np.prod(param["shape"]))
        stored = params[param["offset"] : param["offset"] + size]
        assert param["offset"] % 64 == 0 and len(stored) == size
        assert hashlib.sha256(stored).hexdigest() == param["sha256"]
    listing = subprocess.run(["unzip", "-l", path], capture_output=True, text=True)
    assert listing.returncode == 0 and "manifest.json" in listing.stdout
    succeed(ingot("inspect", path, "--verify"))


@forms
def test_program_text_can_be_compiled_again(tmp_path, seeded, form):
    """The task program in the artifact is the real one: it parses, verifies, and comes out of --from=task unchanged."""
    with zipfile.ZipFile(seeded.artifact(form)) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".mlir") and "decode" in name)
        (tmp_path / "decode.mlir").write_bytes(archive.read(name))
    out = succeed(ingot("compile", tmp_path / "decode.mlir", "--from=task", "--emit=task", "-o", "-"))
    task = succeed(tool("ingot-opt", tmp_path / "decode.mlir"))  # as it stands there, without locations
    assert out.strip() == task.strip()
    assert task.count("task.program") == 1


@forms
def test_parameters_go_in_and_out(tmp_path, seeded, form):
    """Saving gives the checkpoint's row-major tensors back, bit for bit; loading others is compiling with others."""
    source = load_file(seeded.safetensors())
    other = {name: (value * np.float32(0.75)).astype(np.float32) for name, value in source.items()}
    with Session(seeded.artifact(form)) as session:
        before = session.prefill(list(range(3, 40)))
        session.save_params(tmp_path / "saved.safetensors")
        saved = load_file(tmp_path / "saved.safetensors")
        for name, value in source.items():
            if name in saved:
                assert saved[name].dtype == value.dtype and np.array_equal(saved[name], value), name
        if form == "handwritten":
            assert set(saved) == set(source)
        changed = {name: other.get(name, value) for name, value in saved.items()}
        save_file(changed, tmp_path / "other.safetensors")
        session.load_params(tmp_path / "other.safetensors")
        session.reset()
        after = session.prefill(list(range(3, 40)))
    assert not np.array_equal(before, after)
    if form == "handwritten":
        model = [HANDWRITTEN / "llama.mlir", "--params", tmp_path / "other.safetensors"]
        succeed(ingot("compile", *model, "-o", tmp_path / "other.ingot"))
        with Session(tmp_path / "other.ingot") as session:
            assert np.array_equal(session.prefill(list(range(3, 40))), after)


@forms
def test_external_parameters(tmp_path, seeded, form):
    path = tmp_path / "m.ingot"
    succeed(ingot("compile", *seeded.model(form), "--params", "external", "-o", path))
    external = tmp_path / "m.ingot.safetensors"
    assert external.exists(), sorted(os.listdir(tmp_path))
    with zipfile.ZipFile(path) as archive:
        assert "params.safetensors" not in archive.namelist()
    flags = ["--tokens", 1, "--max-tokens", 30, "--print-tokens", "--ignore-eos"]
    assert succeed(ingot("generate", path, *flags)) == succeed(ingot("generate", seeded.artifact(form), *flags))
    succeed(ingot("inspect", path, "--verify"))
    external.rename(tmp_path / "away")
    done = ingot("generate", path, *flags)
    assert (done.returncode, done.stdout) == (1, "") and "m.ingot.safetensors" in done.stderr
    # What does not run needs no parameters, and those from elsewhere do as well.
    assert "  input" in succeed(ingot("inspect", path, "--memory"))
    done = ingot("inspect", path, "--verify")
    assert done.returncode == 1 and "m.ingot.safetensors" in done.stderr
    if form == "handwritten":
        elsewhere = ["--params", seeded.safetensors()]
        assert succeed(ingot("generate", path, *flags, *elsewhere)) == succeed(ingot("generate", seeded.artifact(form), *flags))
    (tmp_path / "m.ingot.safetensors").write_bytes((tmp_path / "away").read_bytes()[:-100])
    done = ingot("generate", path, *flags)
    assert (done.returncode, done.stdout) == (1, "") and len(done.stderr.splitlines()) == 1


@forms
@pytest.mark.parametrize("precision", ["f32", "bf16"])
def test_task_program_is_compiled_with_stored_parameters(tmp_path, seeded, form, precision):
    """A task program in text and the parameters that an artifact keeps beside it, in panels, make the same artifact."""
    whole, task = tmp_path / "whole.ingot", tmp_path / "task.mlir"
    model = [*seeded.model(form), "--precision", precision, "--workers", 2]
    succeed(ingot("compile", *model, "--params", "external", "-o", whole))
    succeed(ingot("compile", *model, "--emit=task", "-o", task))
    succeed(ingot("compile", task, "--from=task", "--params", f"{whole}.safetensors", "-o", tmp_path / "again.ingot"))
    inputs = list(range(3, 40))
    with Session(whole) as session, Session(tmp_path / "again.ingot") as again:
        assert np.array_equal(again.prefill(inputs), session.prefill(inputs))
        assert [p["sha256"] for p in again.manifest["params"]] == [p["sha256"] for p in session.manifest["params"]]


# ---- Without the compiler ----


def test_runs_in_an_empty_folder_without_llvm(tmp_path, seeded):
    """Only the artifact and the runtime library: nothing of LLVM is mapped, and the start takes less than a second times
    the fivefold margin of tests."""
    shutil.copy(seeded.artifact("handwritten"), tmp_path / "a.ingot")
    shutil.copy(LIBRARY, tmp_path)
    script = (
        "import sys, time; sys.path[:0] = sys.argv[1:]; import pathlib, runtime_api\n"
        "runtime_api.LIBRARY = pathlib.Path('libingot_runtime.so').resolve()\n"
        "began = time.monotonic()\n"
        "with runtime_api.Session('a.ingot') as session:\n"
        "    ids = session.generate([1], 20, ignore_eos=1)[0]\n"
        "    maps = open('/proc/self/maps').read()\n"
        "took = time.monotonic() - began\n"
        "assert took < 5, took\n"
        "assert 'libingot_runtime' in maps\n"
        "assert 'LLVM' not in maps and 'MLIR' not in maps\n"
        "print(*ids)\n"
    )
    python = [os.sys.executable, "-c", script, os.path.dirname(os.path.abspath(__file__))]
    done = subprocess.run(python, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert [int(token) for token in done.stdout.split()] == seeded.exact("handwritten", 20)[0]


# ---- Memory ----

SMALL = ["--dim", 32, "--hidden", 56, "--layers", 2, "--heads", 4, "--max-seq", 64]
KV_CONFIGS = {
    "mha": [*SMALL, "--kv-heads", 4],
    "gqa": [*SMALL, "--kv-heads", 2],
    "mqa": [*SMALL, "--kv-heads", 1],
    "deep": ["--dim", 48, "--hidden", 40, "--layers", 7, "--heads", 6, "--kv-heads", 3, "--max-seq", 40],
}


@pytest.mark.parametrize("style", ["named", "decomposed"])
@pytest.mark.parametrize("config", KV_CONFIGS)
def test_kv_bytes_per_token(tmp_path, config, style):
    model = Decoder(tmp_path, *make_model(tmp_path, *KV_CONFIGS[config]))
    c = model.config
    formula = 2 * c.kv_heads * c.head_dim * 4 * c.layers
    for batch in (1, 3):
        path = model.artifact(style, "--batch", batch)
        described = inspect(path, "--memory")
        assert described["kv_bytes_per_token"] == described["memory"]["total"]["kv_bytes_per_token"] == formula
        assert described["memory"]["total"]["kv"] == formula * c.max_seq * batch
        with Session(path) as session:
            counts = 2 * 4 * c.vocab  # of the sampler, see docs/generation.md
            assert session.memory()["state"] == (formula * c.max_seq + counts) * batch
        assert f"{formula} bytes per token, {c.max_seq} positions" in succeed(ingot("inspect", path))


OPT_13B = """
ingot.state @kv init 0.0 : tensor<40x2x1x40x4x128xf16>
ingot.param @rows : tensor<16x5120xf16>
func.func @decode(%tokens: tensor<1x1xi32> {ingot.input = "tokens", ingot.role = "tokens"},
    %start: tensor<1xi32> {ingot.input = "start", ingot.role = "start"},
    %count: tensor<1xi32> {ingot.input = "count", ingot.role = "count"},
    %rows: tensor<16x5120xf16> {ingot.param = @rows}, %kv: tensor<40x2x1x40x4x128xf16> {ingot.state = @kv})
    -> (tensor<1x1x5120xf16> {ingot.output = "x"}, tensor<40x2x1x40x4x128xf16> {ingot.state = @kv}) {
  %x = ingot.gather %rows, %tokens : (tensor<16x5120xf16>, tensor<1x1xi32>) -> tensor<1x1x5120xf16>
  %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 1, 40, 128]
      : tensor<1x1x5120xf16> into tensor<1x1x40x128xf16>
  %n = ingot.kv_append %h, %h into %kv layer 0 start %start count %count : tensor<1x1x40x128xf16>,
      tensor<1x1x40x128xf16>, tensor<40x2x1x40x4x128xf16>, tensor<1xi32>, tensor<1xi32>
  return %x, %n : tensor<1x1x5120xf16>, tensor<40x2x1x40x4x128xf16>
}
"""


def test_kv_bytes_of_opt_13b(tmp_path):
    """Row M10: 2 x 5120 x 40 x 2 bytes."""
    (tmp_path / "opt.mlir").write_text(OPT_13B)
    save_file({"rows": np.zeros((16, 5120), np.float16)}, tmp_path / "rows.safetensors")
    succeed(ingot("compile", tmp_path / "opt.mlir", "--params", tmp_path / "rows.safetensors", "-o", tmp_path / "o.ingot"))
    assert inspect(tmp_path / "o.ingot")["kv_bytes_per_token"] == 819200


@pytest.mark.parametrize("style", ["named", "decomposed"])
def test_memory_is_linear_in_max_seq(seeded, style):
    """Row M15: the cache is the formula times max_seq, and nothing else depends on it."""
    c = seeded.config
    per_token = 2 * c.kv_heads * c.head_dim * 4 * c.layers
    rest = []
    for max_seq in (64, 128, 192, 384, 512):
        memory = inspect(seeded.artifact(style, "--max-seq", max_seq), "--memory")["memory"]
        counts = 2 * 4 * c.vocab  # of the sampler
        assert memory["total"].pop("state") - counts == memory["total"].pop("kv") == per_token * max_seq
        memory.pop("state")
        rest.append(memory)
    assert all(memory == rest[0] for memory in rest)


BUFFER = re.compile(r"task\.buffer @\S+ : memref<([\dx]+)x(f32|i32|i64|i8|i1)> scratch offset (\d+)")
SIZES = {"f32": 4, "i32": 4, "i64": 8, "i8": 1, "i1": 1}


@forms
def test_planned_peak_is_what_is_taken(seeded, form):
    """The end of the last scratch buffer in the program's text, the manifest's figure, and the session's arena."""
    path = seeded.artifact(form)
    peaks = {}
    with zipfile.ZipFile(path) as archive:
        memory = json.loads(archive.read("manifest.json"))["memory"]
        for entry in memory["entries"]:
            text = archive.read(f"program/{entry['name']}.cpu-{entry['isa']}.mlir").decode()
            buffers = [(int(at), int(np.prod([int(n) for n in shape.split("x")])) * SIZES[element])
                       for shape, element, at in BUFFER.findall(text)]
            assert len(buffers) == text.count(" scratch offset ") > 0
            peaks[entry["name"]] = max(at + size for at, size in buffers)
            assert entry["arena"] == peaks[entry["name"]]
    for workers in (1, 3):
        with Session(path, workers=workers) as session:
            taken = session.memory()
        assert taken["arena"] == max(peaks.values())
        assert taken["state"] == memory["state"] and taken["params"] == memory["params"]
        for use in ("inputs", "outputs"):
            assert taken[use] == sum(entry[use] for entry in memory["entries"]), use
        assert taken["private_bytes"] == workers * max(entry["private_per_worker"] for entry in memory["entries"])


@forms
@pytest.mark.parametrize("entry", ["decode", "prefill"])
def test_no_allocation_after_the_first_step(seeded, form, entry):
    if not (BIN / "count-allocations").exists():
        pytest.skip("build/dev/bin/count-allocations is not built")
    for workers in (1, 2, 4):
        for launch in ("megakernel", "eager"):
            assert succeed(tool("count-allocations", seeded.artifact(form), entry, 20, workers, launch)) == "0\n"


# ---- A model that is no decoder ----


@pytest.fixture(scope="session")
def mlp(tools, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlp")
    params = folder / "mlp.safetensors"
    subprocess.run([os.sys.executable, HANDWRITTEN / "make_mlp_params.py", "-o", params], check=True)
    succeed(ingot("compile", HANDWRITTEN / "mlp.mlir", "--params", params, "-o", folder / "mlp.ingot"))
    return folder / "mlp.ingot", load_file(params)


def mlp_in(dtype, x, p):
    x, p = x.astype(dtype), {name: value.astype(dtype) for name, value in p.items()}
    h = x @ p["w1"].T + p["b1"]
    return (h / (1 + np.exp(-h))) @ p["w2"].T + p["b2"]


def test_mlp_agrees_with_numpy(tmp_path, mlp):
    path, params = mlp
    x = np.random.default_rng(3).standard_normal((4, 16)).astype(np.float32)
    np.savez(tmp_path / "in.npz", x=x)
    want = mlp_in(np.float64, x, params)
    peer = max_error(mlp_in(np.float32, x, params), want)
    outputs = []
    for workers in (1, 2):
        flags = ["--inputs", tmp_path / "in.npz", "--outputs", tmp_path / "out.npz", "--workers", workers]
        assert succeed(ingot("run", path, *flags)) == ""
        with np.load(tmp_path / "out.npz") as written:
            assert list(written) == ["y"]
            outputs.append(written["y"])
    assert outputs[0].dtype == np.float32 and outputs[0].shape == (4, 8)
    assert max_error(outputs[0], want) <= max(1e-6, 2 * peer)
    assert outputs[0].tobytes() == outputs[1].tobytes()
    for launch in (MEGAKERNEL, EAGER):
        with Session(path, workers=3, launch=launch) as session:
            assert session.run("main", [x])[0].tobytes() == outputs[0].tobytes()
    other = np.full((4, 16), 3, np.float32)
    with Session(path, workers=4, launch=INTERLEAVED, seed=1) as session:
        for _ in range(1000):
            session.run("main", [other])
            assert session.run("main", [x])[0].tobytes() == outputs[0].tobytes()


def test_mlp_refuses_other_inputs(tmp_path, mlp):
    x = np.zeros((4, 16), np.float32)
    cases = {
        "'x' expects f32[4,16], but got f32[4,15]": {"x": x[:, :15]},
        "'x' expects f32[4,16], but got f32[64]": {"x": x.ravel()},
        "'x' expects f32[4,16], but got f64[4,16]": {"x": x.astype(np.float64)},
        "'x' is missing": {"X": x},
        "'extra' is no input": {"x": x, "extra": x},
    }
    for message, arrays in cases.items():
        np.savez(tmp_path / "in.npz", **arrays)
        done = ingot("run", mlp[0], "--inputs", tmp_path / "in.npz", "--outputs", tmp_path / "out.npz")
        assert (done.returncode, done.stdout) == (1, "") and message in done.stderr
        assert not (tmp_path / "out.npz").exists()
