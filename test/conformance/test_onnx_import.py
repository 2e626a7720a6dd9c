"""What the importer makes of a model, run by the interpreter: the two decoder styles, and ONNX's own node tests."""

import collections
import concurrent.futures
import os
import pathlib
import subprocess

import numpy as np
import onnx
import onnx.parser
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
    save_file({name: np.array(value, order="C") for name, value in inputs.items()}, files[0])
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


TRAINING = "ai.onnx.preview.training"
OPTIMIZERS = {
    "adagrad": ("Adagrad", 1, {"decay_factor": 0.1, "norm_coefficient": 0.01, "epsilon": 1e-5}),
    "adam": ("Adam", 2, {"alpha": 0.9, "beta": 0.999, "norm_coefficient": 0.01, "norm_coefficient_post": 0.02}),
    "adam-beta-0": ("Adam", 2, {"alpha": 0.0, "beta": 0.0}),
    "momentum": ("Momentum", 1, {"alpha": 0.9, "beta": 0.6, "norm_coefficient": 0.01, "mode": "standard"}),
    "nesterov": ("Momentum", 1, {"alpha": 0.9, "beta": 0.6, "norm_coefficient": 0.0, "mode": "nesterov"}),
}


def optimizer_model(kind, dtype):
    """Two tensors updated by one node; inputs R, T, then values, gradients and accumulators."""
    op, accumulators, attributes = OPTIMIZERS[kind]
    element = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    shapes = {"0": (5,), "1": (3, 4)}
    names = [f"{name}{i}" for name in ("x", "g", "v", "h")[: 2 + accumulators] for i in shapes]
    outputs = [f"{name}_new" for name in names if name[0] != "g"]
    node = onnx.helper.make_node(op, ["r", "t", *names], outputs, domain=TRAINING, **attributes)
    info = onnx.helper.make_tensor_value_info
    inputs = [info("r", element, ()), info("t", onnx.TensorProto.INT64, ())]
    inputs += [info(name, element, shapes[name[1]]) for name in names]
    results = [info(name, element, shapes[name[1]]) for name in outputs]
    graph = onnx.helper.make_graph([node], kind, inputs, results)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid(TRAINING, 1)])
    return model, {name: shapes[name[1]] for name in names}


def optimizer_formulas(kind, r, t, x, g, v, h):
    """The pseudo code of the operators' documentation in float64."""
    op, _, attributes = OPTIMIZERS[kind]
    a = {name: float(np.float32(value)) for name, value in attributes.items() if name != "mode"}
    g = a.get("norm_coefficient", 0) * x + g
    if op == "Adagrad":
        v = v + g * g
        return x - r / (1 + t * a["decay_factor"]) * g / (np.sqrt(v) + a["epsilon"]), v
    if op == "Momentum":
        v = a["alpha"] * v + (a["beta"] if t > 0 else 1) * g
        return x - r * (g + a["alpha"] * v if attributes["mode"] == "nesterov" else v), v
    v = a["alpha"] * v + (1 - a["alpha"]) * g
    h = a["beta"] * h + (1 - a["beta"]) * g * g
    rate = r * np.sqrt(1 - a["beta"] ** t) / (1 - a["alpha"] ** t) if t > 0 else r
    x = x - rate * v / (np.sqrt(h) + np.float64(np.float32(1e-6)))
    return x * (1 - a.get("norm_coefficient_post", 0)), v, h


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_onnx_optimizers(tmp_path, kind, dtype):
    """ONNX's node tests have T = 0 alone; here others, against the documented formulas."""
    model, shapes = optimizer_model(kind, dtype)
    onnx.checker.check_model(model)
    onnx.save_model(model, tmp_path / "m.onnx")
    random = np.random.default_rng(5)
    for t in (0, 1, 2, 1000):
        arrays = {name: random.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}
        arrays |= {name: np.abs(array) for name, array in arrays.items() if name[0] in "vh"}
        arrays |= {"r": dtype(0.125), "t": np.int64(t)}
        status, got, message = evaluate(tmp_path / "m.onnx", arrays, tmp_path, "--typed")
        assert status == 0, message
        for i in "01":
            x, g, v, h = (np.float64(arrays.get(name + i, 0)) for name in "xgvh")
            results = [got[f"{name}{i}_new"] for name in "xvh" if f"{name}{i}_new" in got]
            for result, want in zip(results, optimizer_formulas(kind, 0.125, t, x, g, v, h), strict=True):
                bound = (1e-14 if dtype == np.float64 else 1e-6) * np.abs(want).max()
                assert result.dtype == dtype and np.abs(result - want).max() <= bound


def test_onnx_gradients(tmp_path):
    """y = sum(tanh(x w)) + s^3: first derivatives, by a value in between too, and the second one by s."""
    text = """<ir_version: 8, opset_import: ["" : 17, "ai.onnx.preview.training" : 1]>
    m (double[2, 3] x, double[3, 4] w, double s)
      => (double[2, 3] dx, double[3, 4] dw, double ds, double[2, 4] dp, double dds) {
      p = MatMul(x, w)
      h = Tanh(p)
      sum = ReduceSum <keepdims = 0> (h)
      square = Mul(s, s)
      cube = Mul(square, s)
      y = Add(sum, cube)
      dx, dw, ds = ai.onnx.preview.training.Gradient <xs = ["x", "w", "s"], y = "y"> (x, w, s)
      dp = ai.onnx.preview.training.Gradient <xs = ["p"], zs = ["s"], y = "y"> (p, s)
      dds = ai.onnx.preview.training.Gradient <xs = ["s"], y = "ds"> (s)
    }"""
    onnx.save_model(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    random = np.random.default_rng(6)
    x, w, s = random.standard_normal((2, 3)), random.standard_normal((3, 4)), np.array(0.75)
    status, got, message = evaluate(tmp_path / "m.onnx", {"x": x, "w": w, "s": s}, tmp_path, "--typed")
    assert status == 0, message
    dp = 1 - np.tanh(x @ w) ** 2
    want = {"dx": dp @ w.T, "dw": x.T @ dp, "ds": 3 * s * s, "dp": dp, "dds": 6 * s}
    for name, value in want.items():
        assert abs(got[name] - value).max() <= 1e-12, name


def test_onnx_node_tests_in_compiled_code(tools):
    """One test of sixteen; onnx_backend.py runs all, and docs/results/onnx_backend.json says how that ended."""
    cases = onnx_backend.sample(onnx_backend.collect(), 16)
    results = onnx_backend.run(cases)
    print({result: len(names) for result, names in results.items()}, "of", len(cases))
    assert not results["wrong"] and not results["crashed"]
    assert len(results["passed"]) >= 0.7 * len(cases)
    assert all("not supported yet" in line for line in results["refused"]), results["refused"]
