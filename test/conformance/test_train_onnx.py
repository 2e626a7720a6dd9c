"""From an ONNX decoder without training to one that has learned a text, by the command line alone."""

import itertools
import json
import subprocess
import sys

import pytest
from safetensors.numpy import load_file

from toolchain import ROOT, complain, ingot, succeed

sys.path.insert(0, str(ROOT / "examples/train"))

import make_onnx  # noqa: E402

KINDS = {"gpt": ["--kind", "gpt"], "llama": ["--kind", "llama", "--kv-heads", 2]}
SIZES = ["--dim", 32, "--layers", 2, "--heads", 4, "--max-seq", 32]
TRAIN = ["--train", "adamw", "--clip-norm", 1, "--train-batch", 4, "--train-seq", 24]
VERSE = "the cat sat on the mat, and then the dog ran to the log. "

pytestmark = pytest.mark.usefixtures("tools")


@pytest.fixture(scope="module", params=KINDS)
def trainable(request, tools, tmp_path_factory):
    """Folder with model.ingot, which has train_step, decode and prefill, and text.txt."""
    folder = tmp_path_factory.mktemp(request.param)
    model = folder / "model.onnx"
    assert make_onnx.main([str(option) for option in (*KINDS[request.param], *SIZES, "-o", model)]) == 0
    succeed(ingot("compile", model, "-o", folder / "model.ingot", "--tokenizer", "bytes", *TRAIN))
    (folder / "text.txt").write_text(VERSE * 40)
    return folder


def train(folder, out, steps, *options):
    succeed(ingot("train", folder / "model.ingot", "--data", folder / "text.txt", "--steps", steps, "--lr", 0.01, "--out", out,
                  "--log", f"{out}.jsonl", *options))
    losses = [json.loads(line)["loss"] for line in open(f"{out}.jsonl")]
    return out / f"step-{steps:06}.safetensors", losses


def test_learns_its_text_and_tells_it(tmp_path, trainable):
    checkpoint, losses = train(trainable, tmp_path / "run", 300)
    assert len(losses) == 300 and 5.3 < losses[0] < 5.8  # every byte is as likely as any other: log 256 = 5.545
    assert sum(losses[-10:]) / 10 < 0.3
    # No further than sequences of the training went: later positions of the GPT have learned nothing.
    story = succeed(ingot("generate", trainable / "model.ingot", "--params", checkpoint, "--prompt", VERSE[:12],
                          "--max-tokens", 11))
    assert story.rstrip("\n") == VERSE[:23]


def test_same_bits_for_any_workers_and_any_launch(tmp_path, trainable):
    ways = [("--workers", workers) for workers in (1, 2, 4, 16)]
    ways += [("--workers", 2, "--launch", "eager"), ("--workers", 3, "--launch", "interleaved", "--interleaving-seed", 5)]
    results = []
    for number, way in enumerate(ways):
        checkpoint, losses = train(trainable, tmp_path / f"run{number}", 20, *way)
        results.append((losses, {name: value.tobytes() for name, value in load_file(checkpoint).items()}))
    assert len(results[0][1]) > 10
    for first, other in itertools.pairwise(results):
        assert first == other


def test_whole_step_is_one_verified_program(trainable):
    described = json.loads(succeed(ingot("inspect", trainable / "model.ingot", "--verify", "--json")))
    names = [entry["name"] for entry in described["entries"]]
    assert sorted(names) == ["decode", "prefill", "train_step"]


def test_steps_agree_with_the_interpreter(trainable):
    """`debug` feeds every entry; what trains takes no positions from what decodes."""
    out = succeed(ingot("debug", trainable / "model.ingot", "--compare", "--steps", 1))
    assert [line.split(":")[0] for line in out.splitlines()] == ["prefill", "decode", "train_step"]
    assert all("launches agree with the interpreter" in line for line in out.splitlines())


def test_more_rows_than_positions_are_refused(tmp_path):
    model = tmp_path / "model.onnx"
    assert make_onnx.main(["--dim", "32", "--layers", "1", "--heads", "2", "--max-seq", "16", "-o", str(model)]) == 0
    message = complain(ingot("compile", model, "-o", tmp_path / "m.ingot", "--train", "adamw", "--train-seq", 17))
    assert "expects --train-seq of at most 16, the positions of the model, but got 17" in message
    assert not (tmp_path / "m.ingot").exists()
    # Without the flag they are 64, or all positions.
    succeed(ingot("compile", model, "-o", tmp_path / "m.ingot", "--train", "adamw"))
    described = json.loads(succeed(ingot("inspect", tmp_path / "m.ingot", "--json")))
    step = next(entry for entry in described["entries"] if entry["name"] == "train_step")
    assert next(port["shape"] for port in step["inputs"] if port["role"] == "tokens") == [8, 16]


def test_weights_do_not_depend_on_batch_and_length(tmp_path, trainable):
    """Constants of a program, such as positions, are no weights: those of one artifact fit another of the model."""
    checkpoint, _ = train(trainable, tmp_path / "run", 5)
    assert not [name for name in load_file(checkpoint) if name.startswith("const.")]
    for number, more in enumerate(([], ["--params", "external"])):
        other = tmp_path / f"other{number}.ingot"
        succeed(ingot("compile", trainable / "model.onnx", "-o", other, "--tokenizer", "bytes", "--train", "adamw",
                      "--train-batch", 2, "--train-seq", 8, *more))
        beside = tmp_path / f"{other.name}.safetensors"
        if more:
            beside.rename(tmp_path / "away")
        flags = ["--params", checkpoint, "--prompt", VERSE[:12], "--max-tokens", 11]
        assert succeed(ingot("generate", other, *flags)) == succeed(ingot("generate", trainable / "model.ingot", *flags))
        if more:
            (tmp_path / "away").rename(beside)
        succeed(ingot("train", other, "--params", checkpoint, "--data", trainable / "text.txt", "--steps", 2,
                      "--out", tmp_path / f"more{number}"))


def test_demo(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(VERSE * 40)
    done = subprocess.run([ROOT / "examples/train/demo.sh", "gpt", text, "3"], capture_output=True, text=True,
                          errors="replace")  # a model of bytes may write any of them
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n$ ") == 4 and "\nThe " in done.stdout
    assert "step 1/3  loss 5." in done.stderr
    done = subprocess.run([ROOT / "examples/train/demo.sh", "rnn"], capture_output=True, text=True)
    assert done.returncode == 2 and "expects gpt or llama" in done.stderr
