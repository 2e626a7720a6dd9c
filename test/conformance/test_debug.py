"""`ingot debug --compare`: silent where compiled code is right, and a finger on the first value where it is not."""

import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save_model

from toolchain import BIN, HANDWRITTEN, Members, complain, ingot, succeed

pytestmark = pytest.mark.usefixtures("tools")


@pytest.fixture(scope="module")
def layers(tools, tmp_path_factory):
    """An ONNX model of three nodes that cannot be one launch, and its artifact."""
    folder = tmp_path_factory.mktemp("layers")
    rng = np.random.default_rng(7)
    weights = [numpy_helper.from_array(rng.standard_normal((16, 16), np.float32), name) for name in ("v", "w")]
    half = numpy_helper.from_array(np.array(0.5, np.float32), "half")
    nodes = [
        helper.make_node("MatMul", ["x", "v"], ["a"], name="into"),
        helper.make_node("Mul", ["a", "half"], ["b"], name="halve"),
        helper.make_node("MatMul", ["b", "w"], ["y"], name="out_of"),
    ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 16]) for name in "xy"]
    graph = helper.make_graph(nodes, "layers", ports[:1], ports[1:], [*weights, half])
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "m.onnx")
    succeed(ingot("compile", folder / "m.onnx", "-o", folder / "m.ingot"))
    return folder


def test_compiled_decoders_agree(seeded):
    for options in ([], ["--precision", "bf16"]):
        options = [*options, "--target", "cpu:generic"]
        out = succeed(ingot("debug", seeded.artifact("named", *options), "--compare", "--steps", 3))
        assert [line.split(":")[0] for line in out.splitlines()] == ["prefill", *(f"decode, step {i}" for i in (1, 2, 3))]
        assert all("launches agree with the interpreter" in line for line in out.splitlines())


def test_models_are_compiled_and_compared_with_themselves(layers, small):
    out = succeed(ingot("debug", layers / "m.onnx", "--compare", "--target", "cpu:generic"))
    agree = "outputs agree with the tensor program that was planned (1-model.mlir of --save-temps)\n"
    assert re.search(r"^main: \d+ launches agree", out) and f"main: {agree}" in out
    out = succeed(ingot("debug", small / "model.onnx", "--compare", "--max-seq", 16, "--prefill", 8, "--steps", 1))
    assert f"prefill: {agree}" in out and f"decode: {agree}" in out


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_what_was_interrupted(layers, tmp_path, ending):
    # Jobs in the background of a shell ignore SIGINT, and so would their children.
    process = subprocess.Popen([BIN / "ingot", "debug", layers / "m.onnx", "--compare"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(tmp_path)},
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    # Nothing but the file system says when there is something to be left behind.
    while process.poll() is None and not any(tmp_path.glob("*/temps/*")):
        time.sleep(0.002)
    process.send_signal(ending)
    assert process.wait() in (0, -ending)
    assert not list(tmp_path.iterdir())


def test_task_programs_are_compared_by_launches_alone(tmp_path):
    (tmp_path / "m.mlir").write_text(
        """func.func @main(%x: tensor<4xf32> {ingot.input = "x"}) -> (tensor<4xf32> {ingot.output = "y"}) {
          %y = math.exp %x : tensor<4xf32>
          return %y : tensor<4xf32>
        }"""
    )
    succeed(ingot("compile", tmp_path / "m.mlir", "--emit=task", "-o", tmp_path / "task.mlir"))
    out = succeed(ingot("debug", tmp_path / "task.mlir", "--compare", "--from", "task"))
    assert out.startswith("main: 1 launch agrees with the interpreter") and len(out.splitlines()) == 1


THREE_COPIES = """
ingot.state @a init 0.0 : tensor<8xf32>
ingot.state @b init 0.0 : tensor<8xf32>
task.program @main target(#task.cpu<"generic">) {
  task.buffer @x : memref<8xf32> input "x"
  task.buffer @y : memref<8xf32> output "y"
  task.buffer @a : memref<8xf32> state "a"
  task.buffer @b : memref<8xf32> state "b"
  task.body @copy(%i: index, %to: memref<8xf32>, %from: memref<8xf32>) {
    tile.map [affine_map<(i) -> (i)>] ins(%from : memref<8xf32>) outs(%to : memref<8xf32>) {
    ^bb0(%v: f32):
      tile.yield %v : f32
    }
  }
  task.launch @first body @copy grid [1] args(@a, @x) reads [@x[0] [8]] writes [@a[0] [8]]
  task.launch @second body @copy grid [1] args(@b, @a) READS writes [@b[0] [8]]
  task.launch @third body @copy grid [1] args(@y, @x) reads [@x[0] [8]] writes [@y[0] [8]]
  task.schedule workers 1 {
    queue 0 [QUEUE]
  }
}
"""


@pytest.mark.parametrize("reads", ["", "reads [@a[0] [8]]"])
def test_a_bug_of_the_schedule_is_found(tmp_path, reads):
    """A queue has two launches in the wrong order. States hold data from the start, so the verifier sees nothing wrong
    with a launch that reads one before it is written, nor with a read that is not declared; and the output is right."""

    def debug(*order):
        queue = ", ".join(f"@{name}[0 to 1]" for name in order)
        (tmp_path / "m.mlir").write_text(THREE_COPIES.replace("READS", reads).replace("QUEUE", queue))
        return ingot("debug", tmp_path / "m.mlir", "--compare", "--from", "task", "--workers", 1)

    right = succeed(debug("first", "second", "third"))
    wrong = debug("second", "first", "third")
    assert wrong.returncode == 1 and wrong.stderr == ""
    assert wrong.stdout == right + (
        "main: state 'b' differs between the launches one by one and 1 worker: it is a bug of the schedule, or a launch "
        "touches more than it declares\n"
    )


def test_a_wrong_constant_is_found(layers, tmp_path):
    """The program says 0.25 where the code has 0.5: the launch, its node and the values are named."""
    members = Members(layers / "m.ingot")
    name = next(name for name in members.where if name.startswith("program/") and name.endswith(".mlir"))
    start, size = members.where[name][:2]
    text = bytes(members.data[start : start + size])
    assert text.count(b"5.000000e-01") == 1
    members.put(name, text.index(b"5.000000e-01"), b"2.500000e-01")
    (tmp_path / "m.ingot").write_bytes(members.data)
    x = np.random.default_rng(1).standard_normal((4, 16), np.float32)
    np.savez(tmp_path / "in.npz", x=x)
    done = ingot("debug", tmp_path / "m.ingot", "--compare", "--inputs", tmp_path / "in.npz")
    assert done.returncode == 1 and done.stderr == "", done.stderr
    report = dict(line.strip().split(": ", 1) for line in done.stdout.splitlines()[1:])
    assert re.fullmatch(r"main: launch 1 of 2, @k0\.\S+, diverges from the interpreter", done.stdout.splitlines()[0])
    assert report["node"].strip() in ("'into'", "'halve'")
    index, got, want = re.match(r"\s*\[(.*)\]: got (\S+), want (\S+),", report["first"]).groups()
    v = numpy_helper.to_array(next(t for t in _initializers(layers / "m.onnx") if t.name == "v"))
    exact = (x.astype(np.float64) @ v)[tuple(map(int, index.split(", ")))]
    assert float(got) == pytest.approx(exact / 2, rel=1e-5) and float(want) == pytest.approx(exact / 4, rel=1e-5)


def test_an_error_of_a_ten_thousandth_is_found(layers, tmp_path):
    """What rounding may do does not hide it."""
    members = Members(layers / "m.ingot")
    name = next(name for name in members.where if name.startswith("program/") and name.endswith(".mlir"))
    start, size = members.where[name][:2]
    members.put(name, bytes(members.data[start : start + size]).index(b"5.000000e-01"), b"5.000500e-01")
    (tmp_path / "m.ingot").write_bytes(members.data)
    done = ingot("debug", tmp_path / "m.ingot", "--compare")
    assert done.returncode == 1 and "main: launch 1 of 2, " in done.stdout and "diverges" in done.stdout


def test_every_entry_gets_its_steps(seeded):
    artifact = seeded.artifact("named", "--target", "cpu:generic", "--max-seq", 16)
    out = succeed(ingot("debug", artifact, "--compare", "--steps", 15))
    assert [line.split(":")[0] for line in out.splitlines()][-2:] == ["decode, step 14", "decode, step 15"]
    message = complain(ingot("debug", artifact, "--compare", "--steps", 16))
    assert "expects fewer --steps than 16: entry 'decode' has room for 15 steps in 16 positions" in message


def test_rounding_that_attention_amplifies_is_no_divergence(seeded):
    """Large scores: one float32 run by another order does not show all that rounding may do."""
    artifact = seeded.artifact("named", "--target", "cpu:generic", "--max-seq", 16)
    for seed in (1, 2, 3):
        succeed(ingot("debug", artifact, "--compare", "--steps", 8, "--seed", seed))


def test_text_that_declares_other_writes_is_refused(layers, tmp_path):
    """Values are compared where launches say that they write: what says so must be the program that runs."""
    members = Members(layers / "m.ingot")
    name = next(name for name in members.where if name.startswith("program/") and name.endswith(".mlir"))
    start, size = members.where[name][:2]
    text = bytes(members.data[start : start + size])
    writes = re.search(rb"writes \[(@t0\[[^]]*\] \[[^]]*\])\]", text)
    for new in (b"writes []", b"writes [@y[0, 0] [4, 4]]"):
        assert len(new) <= len(writes[0])
        members.put(name, writes.start(), new.ljust(len(writes[0])))
        (tmp_path / "m.ingot").write_bytes(members.data)
        assert "is not the program that runs" in complain(ingot("debug", tmp_path / "m.ingot", "--compare"))


def _initializers(path):
    import onnx

    return onnx.load(path).graph.initializer


def test_a_reference_file_is_compared(layers, tmp_path):
    x = np.random.default_rng(2).standard_normal((4, 16), np.float32)
    v, w = (numpy_helper.to_array(t).astype(np.float64) for t in _initializers(layers / "m.onnx")[:2])
    y = ((x @ v) * 0.5 @ w).astype(np.float32)
    np.savez(tmp_path / "in.npz", x=x)
    np.savez(tmp_path / "good.npz", y=y)
    y[2, 3] += 0.5
    np.savez(tmp_path / "bad.npz", y=y)
    np.savez(tmp_path / "odd.npz", z=y)
    np.savez(tmp_path / "none.npz")
    command = ["debug", layers / "m.ingot", "--inputs", tmp_path / "in.npz", "--compare"]
    assert "outputs agree with" in succeed(ingot(*command, tmp_path / "good.npz"))
    done = ingot(*command, tmp_path / "bad.npz")
    assert done.returncode == 1 and "output 'y' diverges from" in done.stdout and "[2, 3]: got" in done.stdout
    done = ingot(*command, tmp_path / "odd.npz")
    assert done.returncode == 1 and "has no output 'z'" in done.stderr
    done = ingot(*command, tmp_path / "none.npz")
    assert done.returncode == 1 and "has no arrays" in done.stderr


def test_names_do_not_reach_terminals_as_escapes(tmp_path):
    """U+009B is what ESC [ is; the compiler lets it pass, and no other control character."""
    ports = [helper.make_tensor_value_info(port, TensorProto.FLOAT, [4]) for port in ("x", "y23456\x9b")]
    graph = helper.make_graph([helper.make_node("Exp", ["x"], ["y23456\x9b"])], "exp", ports[:1], ports[1:])
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    succeed(ingot("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.ingot"))
    np.savez(tmp_path / "in.npz", x=np.zeros(4, np.float32))
    np.savez(tmp_path / "bad.npz", **{"y23456\x9b": np.zeros(4, np.float32)})
    done = ingot("debug", tmp_path / "m.ingot", "--inputs", tmp_path / "in.npz", "--compare", tmp_path / "bad.npz")
    assert done.returncode == 1 and r"output 'y23456\xC2\x9B' diverges" in done.stdout
    members = Members(tmp_path / "m.ingot")
    start, size = members.where["manifest.json"][:2]
    manifest = bytes(members.data[start : start + size])
    assert manifest.count("y23456\x9b".encode()) == 1
    members.put("manifest.json", manifest.index("y23456\x9b".encode()), rb"\u001b\n")
    (tmp_path / "edited.ingot").write_bytes(members.data)
    for artifact, shown in (("m", r"y23456\xC2\x9B"), ("edited", r"\x1B\x0A")):
        out = succeed(ingot("inspect", tmp_path / f"{artifact}.ingot", "--memory"))
        assert f"  output            {shown} f32[4]\n" in out
        assert all(ord(each) in range(32, 127) or each == "\n" for each in out), out


def test_usage(layers, tmp_path):
    artifact = layers / "m.ingot"
    for arguments in ([], ["--compare", "x.npz"], ["--compare", "--precision", "bf16"], ["--compare", "--target", "cpu:avx9"]):
        assert complain(ingot("debug", artifact, *arguments), lines=None, status=2)
    for flag in ("--launch", "--interleaving-seed"):
        assert flag not in succeed(ingot("debug", "--help"))
        message = complain(ingot("debug", artifact, "--compare", flag, "1"), status=2)
        assert message == f"ingot debug: unexpected argument '{flag}'"
    for flags in (["--emit", "task"], ["--emit=task"]):
        message = complain(ingot("debug", layers / "m.onnx", "--compare", *flags), status=2)
        assert message == f"ingot debug: unexpected argument '{flags[0]}': what is compared is an artifact"
    assert "not supported yet" in complain(ingot("debug", artifact, "--compare", "--ranks", 2))
    assert "no such file" in complain(ingot("debug", tmp_path / "none.onnx", "--compare"))
    assert "No such file" in complain(ingot("debug", tmp_path / "none.ingot", "--compare"))
    assert "no entry 'x'" in complain(ingot("debug", artifact, "--compare", "--entry", "x"))
    assert "w1" in complain(ingot("debug", HANDWRITTEN / "mlp.mlir", "--compare"), lines=None)  # without --params
