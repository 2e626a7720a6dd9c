"""What the importer makes of a model, run by the interpreter: the two decoder styles, and ONNX's own node tests."""

import collections
import concurrent.futures
import os
import pathlib
import subprocess

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

import export_onnx
import llama2c
import make_checkpoint
import onnx_backend
from reference import NumpyDecoder, greedy

ROOT = pathlib.Path(__file__).resolve().parents[2]
EVAL = ROOT / "build/dev/bin/onnx-eval"

pytestmark = pytest.mark.skipif(not EVAL.exists(), reason="build/dev/bin/onnx-eval is not built")


def evaluate(model, inputs, folder, *options):
    """Runs onnx-eval; returns (exit status, outputs by name, messages)."""
    files = folder / "in.safetensors", folder / "out.safetensors"
    save_file({name: np.ascontiguousarray(value) for name, value in inputs.items()}, files[0])
    command = [EVAL, model, *files, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    return done.returncode, load_file(files[1]) if done.returncode == 0 else {}, done.stderr


class ImportedDecoder:
    """An ONNX decoder behind the interface of reference.py: imported anew for every length of the past."""

    def __init__(self, model, config, folder, *options):
        self.model, self.config, self.folder, self.options = model, config, folder, options
        self.reset()

    def reset(self):
        c = self.config
        empty = np.zeros((1, c.kv_heads, 0, c.head_dim), np.float32)
        self.cache = {f"past_key_values.{i}.{kind}": empty for i in range(c.layers) for kind in ("key", "value")}

    def run(self, tokens):
        past = self.cache["past_key_values.0.key"].shape[2]
        ids = np.asarray(tokens, np.int64)[None]
        inputs = {"input_ids": ids, "position_ids": past + np.arange(ids.shape[1])[None], **self.cache}
        status, outputs, messages = evaluate(self.model, inputs, self.folder, *self.options)
        assert status == 0, messages
        self.cache = {name: outputs[name.replace("past_key_values", "present")] for name in self.cache}
        return outputs["logits"][0]


@pytest.mark.parametrize("style", ["named", "decomposed"])
def test_stories_tells_the_recorded_story(tmp_path, stories, style):
    output = tmp_path / "m.onnx"
    files = ["--checkpoint", str(stories / "stories260K.bin"), "--tokenizer", str(stories / "tok512.bin")]
    assert export_onnx.main([*files, "--style", style, "-o", str(output)]) == 0
    recorded = [int(token) for token in (stories / "stories260K.tokens.txt").read_text().split()]
    config = llama2c.read_checkpoint(stories / "stories260K.bin")[0]
    exact = greedy(NumpyDecoder(stories / "stories260K.bin"), 64)[1]
    tokens, logits = greedy(ImportedDecoder(output, config, tmp_path), 64)
    assert tokens == recorded
    # Exact mode rounds nothing but the cache and the logits on their way through a file of float32.
    assert abs(logits - exact).max() <= 1e-5


@pytest.mark.parametrize("style", ["named", "decomposed"])
def test_prefill_equals_decode(tmp_path, style):
    checkpoint, tokenizer, output = (tmp_path / name for name in ("r.bin", "rt.bin", "m.onnx"))
    sizes = ["--dim", "32", "--hidden", "56", "--layers", "2", "--heads", "4", "--kv-heads", "2", "--max-seq", "32"]
    assert make_checkpoint.main(["-o", str(checkpoint), "--tokenizer-out", str(tokenizer), *sizes]) == 0
    files = ["--checkpoint", str(checkpoint), "--tokenizer", str(tokenizer)]
    assert export_onnx.main([*files, "--style", style, "--external-data", "-o", str(output)]) == 0
    exact = NumpyDecoder(checkpoint)
    tokens, want = greedy(exact, 12)
    decoder = ImportedDecoder(output, exact.config, tmp_path, "--typed")
    chunks = np.concatenate([decoder.run(tokens[:5]), decoder.run(tokens[5:6]), decoder.run(tokens[6:])])
    assert abs(chunks - want).max() <= 1e-5 * abs(want).max()


# ---- ONNX's node tests ----


def interpret_case(case, folder):
    """passed, refused (by the importer), failed (to run), wrong or crashed, with a message."""
    folder.mkdir()
    arrays, outputs = onnx_backend.arrays_of(case)
    status, got, message = 3, {}, ""
    for model, values in ((case.model, arrays), onnx_backend.with_constants(case.model, arrays)):
        onnx.save_model(model, folder / "m.onnx")
        status, got, message = evaluate(folder / "m.onnx", values, folder, "--typed")
        if status != 3:
            break
    if status == 0:
        wrong = [name for name, want in outputs.items() if not onnx_backend.agree(got[name], want)]
        return ("wrong", f"outputs {wrong}") if wrong else ("passed", "")
    return {1: "failed", 3: "refused"}.get(status, "crashed"), message


def test_onnx_node_tests(tmp_path):
    cases = onnx_backend.collect()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda case: interpret_case(case, tmp_path / case.name), cases))
    by_result = collections.defaultdict(list)
    for case, (result, message) in zip(cases, results):
        by_result[result].append(f"{case.name}: {message.strip()}")
    print({result: len(names) for result, names in by_result.items()}, "of", len(cases))
    for result in ("refused", "failed", "wrong", "crashed"):
        print(f"-- {result}", *by_result[result], sep="\n")
    assert not by_result["wrong"] and not by_result["crashed"] and not by_result["failed"]
    assert len(by_result["passed"]) >= 600


def test_onnx_node_tests_in_compiled_code(tools):
    """One test of sixteen; onnx_backend.py runs all, and docs/results/onnx_backend.json says how that ended."""
    cases = onnx_backend.sample(onnx_backend.collect(), 16)
    results = onnx_backend.run(cases)
    print({result: len(names) for result, names in results.items()}, "of", len(cases))
    assert not results["wrong"] and not results["crashed"]
    assert len(results["passed"]) >= 0.7 * len(cases)
    assert all("not supported yet" in line for line in results["refused"]), results["refused"]
