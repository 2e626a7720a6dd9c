"""Measures the dev build and writes docs/results/spine.json and spine.md.

Figures are medians; the table says on which machine and beside which load they were taken. Machines differ, so tests
gate at most a fivefold bound on any of them.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build/dev"
INGOT = BUILD / "bin/ingot"
STORIES = ROOT.parent / "shared/data/llm"


def run(*command, **options):
    """Runs a command; returns (seconds, completed process). Fails loudly with the command's own words."""
    start = time.perf_counter()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, **options)
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"measure: {' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return seconds, done


def machine():
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1] if model else "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "commit": run("git", "rev-parse", "--short", "HEAD")[1].stdout.strip(),
        "date": datetime.date.today().isoformat(),
    }


def make_checkpoint(folder):
    """stories260K when it is there, else a seeded decoder of the same shape; returns (name, checkpoint, tokenizer)."""
    if (STORIES / "stories260K.bin").exists():
        return "stories260K", STORIES / "stories260K.bin", STORIES / "tok512.bin"
    checkpoint, tokenizer = folder / "seeded.bin", folder / "tokenizer.bin"
    run(sys.executable, "examples/llama2c/make_checkpoint.py", "-o", checkpoint, "--tokenizer-out", tokenizer)
    return "seeded decoder", checkpoint, tokenizer


def measure_compile(folder, checkpoint, tokenizer, repeats):
    rows = {}
    for style in ("named", "decomposed"):
        onnx, artifact = folder / f"{style}.onnx", folder / f"{style}.ingot"
        run(sys.executable, "examples/llama2c/export_onnx.py", "--checkpoint", checkpoint, "--tokenizer", tokenizer,
            "--style", style, "-o", onnx)
        times = [run(INGOT, "compile", onnx, "-o", artifact)[0] for _ in range(repeats)]
        rows[f"compile, {style} ONNX (s)"] = round(statistics.median(times), 2)
    rows["artifact (bytes)"] = (folder / "named.ingot").stat().st_size
    return rows


def measure_generate(artifact, repeats):
    rows = {}
    arms = [(f"{workers} worker{'s' if workers > 1 else ''}", ["--workers", workers])
            for workers in (1, 2) if workers <= len(os.sched_getaffinity(0))]
    arms.append(("eager launches", ["--launch", "eager"]))
    for name, options in arms:
        rates, firsts = [], []
        for _ in range(repeats):
            _, done = run(INGOT, "generate", artifact, "--prompt", "Once upon a time", "--max-tokens", 400,
                          "--ignore-eos", *options)
            rates.append(float(re.search(r"generated: \d+ tokens, ([0-9.]+) tokens/s", done.stderr)[1]))
            firsts.append(float(re.search(r"first token after ([0-9.]+) ms", done.stderr)[1]))
        rows[f"decode, {name} (tokens/s)"] = round(statistics.median(rates), 1)
        rows[f"prompt to first token, {name} (ms)"] = round(statistics.median(firsts), 2)
    return rows


def measure_programs():
    """Verifying, scheduling and reading task programs of about 100,000 tasks."""
    _, done = run(BUILD / "bin/verify_bench", "--benchmark_format=json")
    rows = {}
    for row in json.loads(done.stdout)["benchmarks"]:
        tasks = f", {int(row['tasks'])} tasks" if "tasks" in row else ""
        rows[f"{row['name']}{tasks} ({row['time_unit']})"] = round(row["real_time"], 1)
    return rows


def measure_rebuild():
    """After touching one pass, without ccache's help, until `ingot` and `ingot-opt` are linked again."""
    (ROOT / "lib/Plan/FormKernels.cpp").touch()
    seconds, _ = run("ninja", "-C", BUILD, "ingot", "ingot-opt", env={**os.environ, "CCACHE_DISABLE": "1"})
    return {"rebuild after touching lib/Plan/FormKernels.cpp (s)": round(seconds, 1)}


def measure_sizes():
    rows = {}
    with tempfile.NamedTemporaryFile() as stripped:
        run("strip", "-o", stripped.name, BUILD / "lib/libingot_runtime.so")
        rows["libingot_runtime.so, stripped (bytes)"] = pathlib.Path(stripped.name).stat().st_size
    return rows


def write(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spine.json").write_text(json.dumps(results, indent=2) + "\n")
    where = results["machine"]
    lines = ["# Measured by `make bench`", "",
             f"{where['date']}, commit {where['commit']}, {where['cores']} cores of {where['cpu']}, load average "
             f"{where['load_before']} before the run (a load near 0 means an idle machine). Medians. Dev build, with asserts.",
             "", f"Model: {results['model']}.", "", "| what | value |", "|---|---|"]
    lines += [f"| {name} | {value:,} |" for name, value in results["figures"].items()]
    (folder / "spine.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/results")
    options = parser.parse_args()
    results = {"machine": machine()}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        results["model"], checkpoint, tokenizer = make_checkpoint(folder)
        figures = measure_compile(folder, checkpoint, tokenizer, options.repeats)
        figures |= measure_generate(folder / "named.ingot", options.repeats)
    results["figures"] = figures | measure_programs() | measure_rebuild() | measure_sizes()
    write(results, options.out)


if __name__ == "__main__":
    main()
