#!/usr/bin/env python3
"""Measures compiled decoders on this machine's CPU and writes docs/results/bench_cpu.json and bench_cpu.md.

Arms that are compared take turns within one process, so that both see the same machine; figures are medians, `spread` is the
distance of the quartiles divided by the median. A peer that is not installed is named and left out.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "test/conformance"), str(ROOT / "examples/llama2c")]

import cases  # noqa: E402
import report  # noqa: E402


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def busy_share(seconds=1.0):
    """How much of all cores others use: the share of time that was not idle while we sleep."""

    def times():
        fields = [int(field) for field in open("/proc/stat").readline().split()[1:9]]
        return sum(fields), fields[3] + fields[4]

    total, idle = times()
    time.sleep(seconds)
    later, later_idle = times()
    return 1 - (later_idle - idle) / max(1, later - total)


class Recorder:
    """Collects rows, and what was left out."""

    def __init__(self, device):
        self.device, self.rows, self.skipped = device, [], []
        self.date = datetime.date.today().isoformat()

    def add(self, case, metric, ours, workers=None, spread=None, peer=None, peer_name=None, roofline=None):
        """`ratio` is how many times better ours is: of rates ours / peer, of times peer / ours."""
        ratio = None
        if peer:
            ratio = peer / ours if metric.endswith(("seconds", "ms")) else ours / peer
        row = dict(case=case, precision="f32", workers=workers, metric=metric, ours=ours, peer=peer, peer_name=peer_name,
                   ratio=ratio, roofline=roofline, spread=spread, device=self.device, date=self.date,
                   busy=round(busy_share(0.3), 3))
        self.rows.append(row)
        print(report.line(row), flush=True)

    def skip(self, what, why):
        self.skipped.append(f"{what}: {why}")
        print(f"skipped {what}: {why}", flush=True)


def key(row):
    return row["case"], row["metric"], row["workers"], row["peer_name"]


def merged(path, rows):
    """Rows of earlier runs that this one did not measure again, and the new ones."""
    old = json.loads(path.read_text()) if path.exists() else []
    new = {key(row) for row in rows}
    return [row for row in old if key(row) not in new] + rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "docs/results")
    parser.add_argument("--only", default=",".join(cases.CASES), help="cases, separated by commas: " + ", ".join(cases.CASES))
    parser.add_argument("--force", action="store_true", help="measure on a busy machine too; the rows say how busy it was")
    args = parser.parse_args()
    names = args.only.split(",")
    if unknown := [name for name in names if name not in cases.CASES]:
        parser.error(f"unknown case {unknown[0]}")
    share = busy_share()
    if share > 0.1 and not args.force:
        print(f"the machine is busy: others use {share:.0%} of its {os.cpu_count()} cores; figures would mean little. "
              "--force measures anyway", file=sys.stderr)
        return 1
    if share > 0.1:
        print(f"warning: others use {share:.0%} of {os.cpu_count()} cores", file=sys.stderr)
    recorder = Recorder(f"{cpu_model()}, {len(os.sched_getaffinity(0))} cores")
    with tempfile.TemporaryDirectory() as folder:
        context = cases.Context(pathlib.Path(folder), recorder)
        for name in names:
            cases.CASES[name](context)
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "bench_cpu.json"
    rows = merged(path, recorder.rows)
    path.write_text(json.dumps(rows, indent=1) + "\n")
    (args.output / "bench_cpu.md").write_text(report.table(rows, recorder.skipped, share))
    print(f"wrote {path} and bench_cpu.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
