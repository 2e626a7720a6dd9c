"""Bad input and bad luck on the command line: always exit status 1 (2 for bad usage), a message, nothing left behind.

Tests run as root, so folders that cannot be written are mounts in a namespace of their own, not modes."""

import os
import random
import resource
import shutil
import signal
import subprocess
import time

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from toolchain import BIN, CRASH, HANDWRITTEN, complain, ingot, succeed

pytestmark = pytest.mark.usefixtures("tools")

def compile_refused(folder, *arguments, lines=1, status=1, **options):
    """`ingot compile` refuses and leaves nothing, no part of the output and no other file."""
    before = sorted(os.listdir(folder))
    message = complain(ingot("compile", *arguments, "-o", folder / "out.ingot", cwd=folder, **options), lines, status)
    assert sorted(os.listdir(folder)) == before
    return message


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(folder, nodes, inputs, outputs, initializers=(), opset=17, check=False):
    graph = helper.make_graph(nodes, "m", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if check:
        onnx.checker.check_model(model)
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return folder / "m.onnx"


# ---- Files that are no models ----


def test_no_model(tmp_path):
    for name, content in {"empty.onnx": b"", "text.onnx": b"hello, world\n", "zero.onnx": bytes(1000)}.items():
        (tmp_path / name).write_bytes(content)
        assert name in compile_refused(tmp_path, name)
    (tmp_path / "folder.onnx").mkdir()
    compile_refused(tmp_path, "folder.onnx")
    assert "no such file" in compile_refused(tmp_path, "none.onnx")
    (tmp_path / "model.pt").write_bytes(b"PK")
    assert "expects a model in .onnx or .mlir" in compile_refused(tmp_path, "model.pt")
    (tmp_path / "bad.mlir").write_text("func.func @main(")
    compile_refused(tmp_path, "bad.mlir", lines=None)


def test_truncated_onnx(tmp_path, small):
    data = (small / "model.onnx").read_bytes()
    for part in range(1, 20):
        (tmp_path / "m.onnx").write_bytes(data[: len(data) * part // 20])
        compile_refused(tmp_path, "m.onnx", lines=None)


def test_random_and_mutated_onnx(tmp_path, small):
    rng = random.Random(1)
    data = (small / "model.onnx").read_bytes()
    structure = len(data) // 8  # the nodes stand before the weights
    for case in range(40):
        if case < 8:
            mutated = rng.randbytes(rng.randrange(1, 3000))
        else:
            mutated = bytearray(data)
            for _ in range(rng.randrange(1, 6)):
                mutated[rng.randrange(structure)] = rng.randrange(256)
        (tmp_path / "m.onnx").write_bytes(mutated)
        done = ingot("compile", "m.onnx", "-o", "out.ingot", cwd=tmp_path, timeout=60)
        if done.returncode == 0:  # the change did not matter
            (tmp_path / "out.ingot").unlink()
        else:
            complain(done, lines=None)
        assert os.listdir(tmp_path) == ["m.onnx"]


def test_unsupported_operators_are_listed_at_once(tmp_path):
    nodes = [
        helper.make_node("Det", ["x"], ["a"], name="first"),
        helper.make_node("Nothing", ["a"], ["b"], name="second"),
        helper.make_node("StringNormalizer", ["b"], ["y"], name="third"),
    ]
    model = save(tmp_path, nodes, [value("x", [2, 2])], [value("y", [2, 2])])
    message = compile_refused(tmp_path, model, lines=4)
    assert "not supported yet" in message
    assert all(operator in message for operator in ("Det", "Nothing", "StringNormalizer"))


def test_wrong_dtype_or_rank(tmp_path, small):
    x, y = value("x", [2, 3]), value("y", [2, 3])
    ints = numpy_helper.from_array(np.zeros((2, 3), np.int32), "c")
    compile_refused(tmp_path, save(tmp_path, [helper.make_node("Add", ["x", "c"], ["y"])], [x], [y], [ints]), lines=None)
    odd = numpy_helper.from_array(np.zeros((5, 7), np.float32), "c")
    compile_refused(tmp_path, save(tmp_path, [helper.make_node("MatMul", ["x", "c"], ["y"])], [x], [y], [odd]), lines=None)
    node = helper.make_node("Transpose", ["x"], ["y"], perm=[0, 2, 1])
    compile_refused(tmp_path, save(tmp_path, [node], [x], [y]), lines=None)
    node = helper.make_node("Identity", ["x"], ["y"])
    compile_refused(tmp_path, save(tmp_path, [node], [x], [value("y", [2, 3], TensorProto.INT64)]), lines=None)
    compile_refused(tmp_path, save(tmp_path, [node], [x], [value("y", [3, 2])]), lines=None)
    compile_refused(tmp_path, save(tmp_path, [node], [value("x", [2, 3], TensorProto.STRING)], [y]), lines=None)
    # A decoder whose ids are no integers, and one whose positions have another rank.
    for name, change in {
        "input_ids": lambda kind: setattr(kind, "elem_type", TensorProto.FLOAT),
        "position_ids": lambda kind: kind.shape.dim.add(),
    }.items():
        model = onnx.load(small / "model.onnx")
        port = next(port for port in model.graph.input if port.name == name)
        change(port.type.tensor_type)
        (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
        compile_refused(tmp_path, "m.onnx", lines=None)


def external(location, offset=None, length=None, shape=(4,)):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, "offset": offset, "length": length}.items():
        if text is not None:
            tensor.external_data.add(key=key, value=str(text))
    return tensor


def test_external_data(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "outside.bin").write_bytes(bytes(64))
    (folder / "inside.bin").write_bytes(bytes(64))
    os.symlink("../outside.bin", folder / "link.bin")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    ports = [value("x", [4])], [value("y", [4])]
    cases = {
        "missing.bin": {},
        "../outside.bin": {},
        "sub/../../outside.bin": {},
        str(tmp_path / "outside.bin"): {},
        "link.bin": {},
        "": {},
        "inside.bin": {"offset": 56},
        "inside.bin ": {},
    }
    for location, more in cases.items():
        compile_refused(folder, save(folder, [node], *ports, [external(location, **more)]))
    for more in ({"offset": -4}, {"length": 2**60}, {"offset": 2**63 - 8}, {"offset": "x"}, {"length": 8}):
        compile_refused(folder, save(folder, [node], *ports, [external("inside.bin", **more)]))
    succeed(ingot("compile", save(folder, [node], *ports, [external("inside.bin", 16)]), "-o", folder / "good.ingot"))


@pytest.mark.parametrize("extent", [-1, -(2**40), 2**60, 2**63 - 1])
def test_impossible_dims(tmp_path, extent):
    node = helper.make_node("Identity", ["x"], ["y"])
    compile_refused(tmp_path, save(tmp_path, [node], [value("x", [extent, 4])], [value("y", [extent, 4])]), lines=None)
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[extent, 4], raw_data=bytes(64))
    add = helper.make_node("Add", ["x", "w"], ["y"])
    compile_refused(tmp_path, save(tmp_path, [add], [value("x", [4])], [value("y", [4])], [weight]), lines=None)
    model = save(tmp_path, [node], [value("x", ["n"])], [value("y", ["n"])])
    compile_refused(tmp_path, model, "--dim", f"n={extent}", lines=None, status=2)
    shape = numpy_helper.from_array(np.array([extent, 4]), "s")
    big = helper.make_node("Expand", ["x", "s"], ["y"])
    compile_refused(tmp_path, save(tmp_path, [big], [value("x", [4])], [value("y", None)], [shape]), lines=None)


def test_broken_graphs(tmp_path):
    x, y = value("x", [4]), value("y", [4])
    relu = lambda source, target: helper.make_node("Relu", [source], [target])  # noqa: E731
    weight = numpy_helper.from_array(np.ones(4, np.float32), "w")
    cases = {
        "cycle": ([helper.make_node("Add", ["x", "b"], ["a"]), relu("a", "b"), relu("a", "y")], [x], [y]),
        "own input": ([helper.make_node("Add", ["x", "y"], ["y"])], [x], [y]),
        "node twice": ([relu("x", "y"), relu("x", "y")], [x], [y]),
        "input as output of a node": ([relu("x", "x"), relu("x", "y")], [x], [y]),
        "input twice": ([relu("x", "y")], [x, x], [y]),
        "output twice": ([relu("x", "y")], [x], [y, y]),
        "parameter twice": ([helper.make_node("Add", ["x", "w"], ["y"])], [x], [y], [weight, weight]),
        "unknown value": ([relu("z", "y")], [x], [y]),
        "output that nobody makes": ([relu("x", "a")], [x], [y]),
        "no outputs": ([relu("x", "y")], [x], []),
        "too few inputs": ([helper.make_node("Add", ["x"], ["y"])], [x], [y]),
        "too many inputs": ([helper.make_node("Relu", ["x", "x"], ["y"])], [x], [y]),
    }
    for name, arguments in cases.items():
        try:
            compile_refused(tmp_path, save(tmp_path, *arguments), lines=None)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_dims(tmp_path, small):
    relu = helper.make_node("Relu", ["x"], ["y"])
    model = save(tmp_path, [relu], [value("x", ["n", "m"])], [value("y", ["n", "m"])])
    message = compile_refused(tmp_path, model, lines=None)
    assert "'n': pass --dim n=N" in message and "'m': pass --dim m=N" in message
    assert "'m': pass --dim m=N" in compile_refused(tmp_path, model, "--dim", "n=2", lines=None)
    for flags in (["n"], ["n="], ["=3"], ["n=x"], ["n=2", "--dim", "n=3", "--dim", "m=2"]):
        compile_refused(tmp_path, model, "--dim", *flags, status=2)
    compile_refused(tmp_path, model, "--input-shape", "x=2xx3", status=2)
    for flags in (["--dim", "k=3", "--dim", "n=2", "--dim", "m=2"], ["--dim", "n=0"], ["--input-shape", "x=2"],
                  ["--input-shape", "z=2x3"], ["--max-seq", "8", "--dim", "n=2", "--dim", "m=2"]):
        compile_refused(tmp_path, model, *flags, lines=None)
    assert "32" in compile_refused(tmp_path, small / "model.onnx", "--max-seq", 33)
    compile_refused(tmp_path, HANDWRITTEN / "mlp.mlir", "--max-seq", 33)
    assert "w1" in compile_refused(tmp_path, HANDWRITTEN / "mlp.mlir", lines=None)  # without --params


# ---- Usage, and what is not there yet ----


def test_bad_usage_exits_with_2(tmp_path, small):
    model, artifact = small / "model.onnx", small / "model.ingot"
    for arguments in (
        [],
        ["dance"],
        ["compile"],
        ["compile", model],
        ["compile", model, "-o"],
        ["compile", model, "-o", tmp_path / "x", "--unknown"],
        ["compile", model, "-o", tmp_path / "x", "--max-seq", "0"],
        ["compile", model, "-o", tmp_path / "x", "--workers", "many"],
        ["compile", model, "-o", tmp_path / "x", "--logits", "some"],
        ["compile", model, "-o", tmp_path / "x", "--logits", "all", "--from", "tile"],
        ["run"],
        ["run", artifact],
        ["generate", artifact],
        ["generate", artifact, "--prompt", "a", "--tokens", "1"],
        ["generate", artifact, "--prompt", "a", "--launch", "fast"],
        ["inspect"],
    ):
        done = ingot(*arguments)
        assert done.returncode == 2 and done.stdout == "" and done.stderr, arguments
    assert os.listdir(tmp_path) == []


ABSENT = """
compile MODEL -o OUT --precision fp16
compile MODEL -o OUT --quant int8
compile MODEL -o OUT --quant int4
compile MODEL -o OUT --train adafactor
compile MODEL -o OUT --train adamw --precision bf16
compile MODEL -o OUT --grad-accum 4
compile MODEL -o OUT --recompute full
compile MODEL -o OUT --recompute budget=1000000
compile MODEL -o OUT --mesh dp=2,tp=2
compile MODEL -o OUT --rules megatron,sp,zero1
compile MODEL -o OUT --target cuda:sm_90a
compile MODEL -o OUT --emit=cuda
generate ART --prompt a --launch graph
generate ART --prompt a --target cuda
generate ART --prompt a --target emulator
generate ART --prompt a --ranks 2
run ART --entry decode --outputs OUT --launch graph
run ART --entry decode --outputs OUT --target cuda
run ART --entry decode --outputs OUT --ranks 2
eval ART --data FILE
inspect ART --sharding
"""


@pytest.mark.parametrize("line", ABSENT.strip().splitlines())
def test_what_is_absent_says_so(tmp_path, small, line):
    names = {"MODEL": small / "model.onnx", "ART": small / "model.ingot", "OUT": tmp_path / "out", "FILE": small / "model.bin"}
    done = ingot(*(names.get(word, word) for word in line.split()))
    assert "not supported yet" in complain(done)
    assert os.listdir(tmp_path) == []


# ---- Where files cannot be written ----


def in_namespace(script, *arguments):
    """Runs a shell script as root of a mount namespace of its own."""
    probe = subprocess.run(["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("mounting is not allowed here")
    command = ["unshare", "-Urm", "bash", "-c", script, "bash", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


COMMANDS = {
    "compile": '"$1/ingot" compile "$2/model.onnx" -o "$3/out"',
    "emit": '"$1/ingot" compile "$2/model.onnx" --emit=task -o "$3/out"',
    "external": '"$1/ingot" compile "$2/model.onnx" --params external -o "$3/out"',
    "logits": '"$1/ingot" generate "$2/model.ingot" --tokens 1 --max-tokens 30 --ignore-eos --logits "$3/out" > /dev/null',
}


@pytest.mark.parametrize("command", COMMANDS)
def test_read_only_folder(tmp_path, small, command):
    script = f'mount -t tmpfs -o ro tmpfs "$3" || exit 9; {COMMANDS[command]}; code=$?; ls -A "$3"; exit $code'
    done = in_namespace(script, BIN, small, tmp_path)
    assert "ead-only file system" in complain(done, lines=None if command == "logits" else 1)


@pytest.mark.parametrize("command", COMMANDS)
def test_full_disk(tmp_path, small, command):
    script = f'mount -t tmpfs -o size=16k tmpfs "$3" || exit 9; {COMMANDS[command]}; code=$?; ls -A "$3"; exit $code'
    done = in_namespace(script, BIN, small, tmp_path)
    assert "o space left on device" in complain(done, lines=None if command == "logits" else 1)


def test_missing_folder(tmp_path, small):
    done = ingot("compile", small / "model.onnx", "-o", tmp_path / "none/out.ingot")
    assert "none" in complain(done)
    assert os.listdir(tmp_path) == []


def test_failed_compile_keeps_the_old_file(tmp_path):
    (tmp_path / "out.ingot").write_text("old")
    (tmp_path / "bad.onnx").write_bytes(b"bad")
    compile_refused(tmp_path, "bad.onnx")
    assert (tmp_path / "out.ingot").read_text() == "old"


# ---- Signals, memory, machines ----


def test_interrupted_compile_leaves_nothing(tmp_path, small):
    interrupted = 0
    for delay in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8):
        command = [BIN / "ingot", "compile", small / "model.onnx", "-o", tmp_path / "out.ingot"]
        # Jobs in the background of a shell ignore SIGINT, and so would their children.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGINT) and not CRASH.search(err.decode()), err
        if process.returncode == 0:
            succeed(ingot("inspect", tmp_path / "out.ingot", "--verify"))
            (tmp_path / "out.ingot").unlink()
        else:
            interrupted += 1
        assert os.listdir(tmp_path) == []
    assert interrupted > 0


def limited(size):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


def test_no_memory(tmp_path, small):
    """From too little for the libraries, which is the loader's message, to enough; in between every refusal is clean."""
    weight = numpy_helper.from_array(np.zeros((1024, 16384), np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    save(tmp_path, [node], [value("x", [1, 1024])], [value("y", [1, 16384])], [weight])
    succeed(ingot("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.ingot"))
    np.savez(tmp_path / "in.npz", x=np.zeros((1, 1024), np.float32))
    before = sorted(os.listdir(tmp_path))
    run = ["run", tmp_path / "m.ingot", "--inputs", tmp_path / "in.npz", "--outputs", tmp_path / "out"]
    refused = 0
    for command in (["compile", tmp_path / "m.onnx", "-o", tmp_path / "out"], run,
                    ["compile", small / "model.onnx", "-o", tmp_path / "out"]):
        for megabytes in range(310, 560, 10):
            done = ingot(*command, preexec_fn=limited(megabytes << 20))
            if done.returncode == 127 and "error while loading shared libraries" in done.stderr:
                continue
            if done.returncode == 0:
                (tmp_path / "out").unlink()
            else:
                refused += 1
                assert "memory" in complain(done).lower()
            assert sorted(os.listdir(tmp_path)) == before
    assert refused > 0


def test_cpu_without_avx2(tmp_path, small):
    """Code for a level that the machine lacks is refused by name; code for any x86-64 runs there, with the same tokens."""
    if not shutil.which("qemu-x86_64"):
        pytest.skip("qemu-x86_64 is not installed")
    nehalem = ["qemu-x86_64", "-cpu", "Nehalem", BIN / "ingot"]
    flags = ["--tokens", "1", "--max-tokens", "8", "--ignore-eos", "--print-tokens"]
    for target in ("avx2", "avx512", "generic"):
        succeed(ingot("compile", small / "model.onnx", "--target", f"cpu:{target}", "-o", tmp_path / f"{target}.ingot"))
        command = [*nehalem, "generate", tmp_path / f"{target}.ingot", *flags]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if target == "generic":
            assert succeed(done) == succeed(ingot("generate", small / "model.ingot", *flags))
        else:
            assert f"needs {target}" in complain(done) and "this cpu has only" in done.stderr
    both = ["--target", "cpu:avx2", "--target", "cpu:generic"]
    succeed(ingot("compile", small / "model.onnx", *both, "-o", tmp_path / "both.ingot"))
    done = subprocess.run([*nehalem, "generate", tmp_path / "both.ingot", *flags], capture_output=True, text=True, timeout=120)
    assert succeed(done) == succeed(ingot("generate", small / "model.ingot", *flags))
