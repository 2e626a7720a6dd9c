"""ONNX's own node tests through compiled code: imported, compiled for this machine's CPU, and run.

    onnx_backend.py [--sample N] [-o docs/results/onnx_backend.json]

Sorts every test of a supported operator into `passed`, `refused` (the compiler or the runtime says what it does not support,
and exits 1), `wrong` and `crashed`. --sample N runs one test of N, chosen by a hash of its name.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import zlib

import numpy as np
import onnx
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/dev/bin"
DTYPES = (np.float32, np.float16, np.float64, np.int64, np.int32, np.int8, np.bool_)


def supported_operators():
    command = [BIN / "ingot-translate", "--list-onnx-operators"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line.split("|")[1].strip() for line in text.splitlines()[2:]}


def operator(node):
    """The node's operator as the table of operators names it."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"


def readable(case):
    """Whether npz files and our dtypes can carry the case at all."""
    inputs, outputs = case.data_sets[0]
    return all(getattr(value, "dtype", None) in DTYPES for value in [*inputs, *outputs])


def collect():
    """The node tests and small models whose operators are supported."""
    from onnx.backend.test.case import model, node

    operators = supported_operators()
    return [
        case
        for case in [*node.collect_testcases(None), *model.collect_testcases()]
        if case.data_sets
        and {operator(one) for one in case.model.graph.node} <= operators
        and not case.model.functions
        and readable(case)
    ]


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


def arrays_of(case):
    """Inputs and expected outputs by name."""
    inputs, expected = case.data_sets[0]
    names = [info.name for info in case.model.graph.input]
    arrays = {name: np.asarray(value) for name, value in zip(names, inputs)}
    return arrays, {info.name: np.asarray(value) for info, value in zip(case.model.graph.output, expected)}


def ingot(*arguments):
    command = [str(argument) for argument in (BIN / "ingot", *arguments)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
    return done.returncode, done.stderr.strip()


def compile_and_run(model, arrays, folder):
    """(exit status, outputs by name, message)"""
    onnx.save_model(model, folder / "m.onnx")
    np.savez(folder / "in.npz", **arrays)
    shapes = [f"--input-shape={name}={'x'.join(map(str, value.shape))}" for name, value in arrays.items() if value.ndim]
    status, message = ingot("compile", folder / "m.onnx", "--workers", 1, *shapes, "-o", folder / "m.ingot")
    if status:
        return status, {}, message
    files = ["--inputs", folder / "in.npz", "--outputs", folder / "out.npz"]
    status, message = ingot("run", folder / "m.ingot", "--workers", 1, *files)
    if status:
        return status, {}, message
    with np.load(folder / "out.npz") as outputs:
        return 0, dict(outputs), ""


def run_case(case, folder):
    """(passed, refused, wrong or crashed, a message)"""
    folder.mkdir()
    arrays, outputs = arrays_of(case)
    status, message = 1, ""
    for model, values in ((case.model, arrays), with_constants(case.model, arrays)):
        try:
            status, got, message = compile_and_run(model, values, folder)
        except subprocess.TimeoutExpired:
            return "crashed", "it took longer than 120 s"
        if status != 1:
            break
    if status == 0:
        wrong = [name for name, want in outputs.items() if not agree(got[name], want)]
        return ("wrong", f"outputs {wrong}") if wrong else ("passed", "")
    return ("refused" if status == 1 else "crashed"), message.replace(str(folder), ".")


def run(cases):
    """{result: [names or "name: message"]} of all cases."""
    results = {result: [] for result in ("passed", "refused", "wrong", "crashed")}
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = pathlib.Path(name)
        for case, (result, message) in zip(cases, pool.map(lambda case: run_case(case, folder / case.name), cases)):
            line = message.splitlines()[0] if message else ""
            results[result].append(f"{case.name}: {line}" if line else case.name)
    return {result: sorted(names) for result, names in results.items()}


def sample(cases, every):
    return [case for case in cases if zlib.crc32(case.name.encode()) % every == 0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=1, metavar="N")
    parser.add_argument("-o", "--output", metavar="FILE")
    args = parser.parse_args()
    results = run(sample(collect(), args.sample))
    counts = {result: len(names) for result, names in results.items()}
    print(json.dumps(counts), file=sys.stderr)
    report = {
        "onnx": onnx.__version__,
        "target": "cpu",
        "date": datetime.date.today().isoformat(),
        "total": sum(counts.values()),
        **counts,
        "lists": results,
    }
    if args.output:
        pathlib.Path(args.output).write_text(json.dumps(report, indent=1) + "\n")
    return 1 if counts["wrong"] or counts["crashed"] else 0


if __name__ == "__main__":
    sys.exit(main())
