"""What the importer makes of a model, run by the interpreter: the two decoder styles, and ONNX's own node tests."""

import collections
import concurrent.futures
import os
import pathlib
import subprocess

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from safetensors.numpy import load_file, save_file

import export_onnx
import llama2c
import make_checkpoint
from reference import NumpyDecoder, greedy

ROOT = pathlib.Path(__file__).resolve().parents[2]
EVAL = ROOT / "build/dev/bin/onnx-eval"
TRANSLATE = ROOT / "build/dev/bin/ingot-translate"

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


def supported_operators():
    text = subprocess.run([TRANSLATE, "--list-onnx-operators"], capture_output=True, text=True, check=True).stdout
    return {line.split("|")[1].strip() for line in text.splitlines()[2:]}


def with_constants(model, arrays):
    """The model with its small integer and boolean inputs (shapes, axes, indices, masks) as initialisers."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    constants = {name: value for name, value in arrays.items() if value.dtype.kind in "ib" and value.ndim <= 1}
    # Dropout's ratio and training mode, Clip's bounds, Range's limits and such are scalars of any type.
    constants.update({name: value for name, value in arrays.items() if value.ndim == 0})
    kept = [info for info in model.graph.input if info.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    return model, {name: value for name, value in arrays.items() if name not in constants}


def agree(got, want):
    if got.dtype != want.dtype or got.shape != want.shape:
        return False
    tolerance = {np.dtype(np.float16): 2e-3, np.dtype(np.float64): 1e-9}.get(want.dtype, 2e-6)
    if want.dtype.kind != "f":
        return np.array_equal(got, want)
    scale = np.max(np.abs(want[np.isfinite(want)]), initial=1.0)
    return np.allclose(got, want, rtol=0, atol=tolerance * scale, equal_nan=True)


def run_case(case, folder):
    """passed, refused (by the importer), failed (to run), wrong or crashed, with a message."""
    folder.mkdir()
    inputs, expected = case.data_sets[0]
    names = [info.name for info in case.model.graph.input]
    arrays = {name: np.asarray(value) for name, value in zip(names, inputs)}
    outputs = {info.name: np.asarray(value) for info, value in zip(case.model.graph.output, expected)}
    message = ""
    for model, values in ((case.model, arrays), with_constants(case.model, arrays)):
        onnx.save_model(model, folder / "m.onnx")
        status, got, message = evaluate(folder / "m.onnx", values, folder, "--typed")
        if status != 3:
            break
    if status == 0:
        wrong = [name for name, want in outputs.items() if not agree(got[name], want)]
        return ("wrong", f"outputs {wrong}") if wrong else ("passed", "")
    return {1: "failed", 3: "refused"}.get(status, "crashed"), message


def readable(case):
    """Whether the interpreter's file format and dtypes can carry the case at all."""
    inputs, outputs = case.data_sets[0]
    kinds = [getattr(value, "dtype", None) for value in [*inputs, *outputs]]
    return all(kind in (np.float32, np.float16, np.float64, np.int64, np.int32, np.int8, np.bool_) for kind in kinds)


def test_onnx_node_tests(tmp_path):
    from onnx.backend.test.case.node import collect_testcases

    operators = supported_operators()
    cases = [
        case
        for case in collect_testcases(None)
        if {node.op_type for node in case.model.graph.node} <= operators
        and all(opset.domain in ("", "ai.onnx") for opset in case.model.opset_import)
        and not case.model.functions
        and readable(case)
    ]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda case: run_case(case, tmp_path / case.name), cases))
    by_result = collections.defaultdict(list)
    for case, (result, message) in zip(cases, results):
        by_result[result].append(f"{case.name}: {message.strip()}")
    print({result: len(names) for result, names in by_result.items()}, "of", len(cases))
    for result in ("refused", "failed", "wrong", "crashed"):
        print(f"-- {result}", *by_result[result], sep="\n")
    assert not by_result["wrong"] and not by_result["crashed"] and not by_result["failed"]
    assert len(by_result["passed"]) >= 600
