"""`ingot train` on compiled models: an ONNX decoder learns a text and then continues it, with the same bits in every way to run."""

import json
import math
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from toolchain import BIN, ROOT, complain, ingot, succeed

BATCH, LENGTH, STEPS = 4, 16, 100

pytestmark = pytest.mark.usefixtures("tools")


@pytest.fixture(scope="module", params=["gpt", "llama"])
def model(request, tools, tmp_path_factory):
    """A folder with model.onnx, model.ingot (decode, prefill and train_step) and text.txt."""
    folder = tmp_path_factory.mktemp(request.param)
    subprocess.run([sys.executable, ROOT / "examples/train/make_onnx.py", "--kind", request.param, "--dim", "32",
                    "--layers", "2", "--heads", "4", "--max-seq", "64", "-o", folder / "model.onnx"], check=True)
    succeed(ingot("compile", folder / "model.onnx", "-o", folder / "model.ingot", "--tokenizer", "bytes",
                  "--train", "adamw", "--train-batch", BATCH, "--train-seq", LENGTH, "--clip-norm", 1.0))
    words = "the ingot melts and glows while a hammer sings of iron".split()
    rng = np.random.default_rng(0)
    text = " ".join(words[i] for i in rng.integers(0, len(words), 3000)) + "\n"
    (folder / "text.txt").write_text(text)
    return folder


def command(model, out, *options, steps=STEPS):
    return ["train", model / "model.ingot", "--data", model / "text.txt", "--steps", steps, "--lr", "1e-2", "--out", out,
            *options]


def last(out, steps=STEPS):
    return out / f"step-{steps:06}.safetensors"


def test_learns_a_text_and_continues_it(model, tmp_path):
    out = tmp_path / "run"
    steps = 600
    done = ingot(*command(model, out, "--log", tmp_path / "log.jsonl", "--workers", 2, steps=steps))
    assert succeed(done) == f"{last(out, steps)}\n"
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in log] == list(range(1, steps + 1))
    losses = [record["loss"] for record in log]
    assert abs(losses[0] - math.log(256)) < 0.1, "an untrained model takes all bytes for equally likely"
    # The choice of words alone is worth less than one nat per byte; letters without order cost more than two.
    assert np.mean(losses[-10:]) < 1.5
    assert all(record["grad_norm"] > 0 for record in log)
    assert (out / "loss.svg").read_text().startswith("<svg")

    prompt = ["--prompt", "the ", "--max-tokens", LENGTH - 5]  # within the positions that it was trained on
    before = succeed(ingot("generate", model / "model.ingot", *prompt))
    after = succeed(ingot("generate", model / "model.ingot", "--params", last(out, steps), *prompt))
    assert before != after
    words = set((model / "text.txt").read_text().split())
    assert len(after.split()) > 2 and set(after.split()[:-1]) <= words, after  # the last one may be cut off


def test_checkpoints_have_the_names_and_shapes_of_the_model(model, tmp_path):
    out = tmp_path / "run"
    succeed(ingot(*command(model, out, steps=2)))
    tensors = load_file(last(out, 2))
    described = json.loads(succeed(ingot("inspect", model / "model.ingot", "--json")))
    states = {state["name"]: state for state in described["state"]}
    trained = [state for state in states.values() if "param" in state]
    assert trained
    for state in trained:
        assert list(tensors[state["param"]].shape) == state["shape"]
        assert np.any(tensors[state["param"] + ".m"] != 0) and np.all(tensors[state["param"] + ".v"] >= 0)
    with safe_open(last(out, 2), "np") as file:
        metadata = file.metadata()
    assert (metadata["step"], metadata["next_batch"], metadata["batch"], metadata["sequence"]) == ("2", "2", str(BATCH),
                                                                                                  str(LENGTH))


def test_same_bits_however_it_runs(model, tmp_path):
    expected = None
    for number, options in enumerate([["--workers", 1], ["--workers", 2], ["--workers", 4], ["--workers", 16],
                                      ["--launch", "eager", "--workers", 2], ["--launch", "interleaved"]]):
        out = tmp_path / str(number)
        succeed(ingot(*command(model, out, *options, steps=20)))
        got = last(out, 20).read_bytes()
        expected = expected or got
        assert got == expected, options


def test_interrupted_run_goes_on_to_the_same_bits(model, tmp_path):
    succeed(ingot(*command(model, tmp_path / "whole")))
    out = tmp_path / "run"
    process = subprocess.Popen([str(argument) for argument in (BIN / "ingot", *command(model, out, "--checkpoint-every", 1))],
                               stderr=subprocess.PIPE, text=True)
    # Nothing but the file system says when the tenth checkpoint is there.
    while process.poll() is None and not last(out, 10).exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    complain(ingot(*command(model, out)))  # there are checkpoints
    done = ingot(*command(model, out, "--resume"))
    succeed(done)
    assert done.stderr.startswith(f"resumed from '{out}/step-")
    assert last(out).read_bytes() == last(tmp_path / "whole").read_bytes()


def test_bad_input_is_refused(model, tmp_path):
    out = tmp_path / "run"
    (tmp_path / "short").write_text("x" * (BATCH * LENGTH))
    arguments = command(model, out)
    arguments[3] = tmp_path / "short"
    assert f"needs {BATCH * LENGTH + 1}" in complain(ingot(*arguments))
    np.array([1, 2, 256] * 100, "uint16").tofile(tmp_path / "tokens.bin")
    arguments[3] = tmp_path / "tokens.bin"
    assert "has token 256 at position 2, but the artifact's vocabulary has 256 tokens" in complain(
        ingot(*arguments, "--data-format", "uint16"))
    assert f"--seq expects {LENGTH}" in complain(ingot(*command(model, out, "--seq", 2 * LENGTH)))
    assert not out.exists()
