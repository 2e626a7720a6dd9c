#!/usr/bin/env python3
"""Measures Ingot and its peers on this machine's CPU and writes docs/results/bench_cpu.{json,md,svg}.

Arms that are compared take turns in short bursts, each in a process of its own; a burst waits for an idle machine, rounds in
which others used the machine are dropped, figures are medians (see method.py). Every unit stands alone: one that fails is
reported and the rest goes on. A peer that is not installed is named and left out (scripts/bench-peers installs them).
"""

import argparse
import datetime
import fnmatch
import json
import os
import pathlib
import platform
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import cases  # noqa: E402
import method  # noqa: E402
import models  # noqa: E402
import report  # noqa: E402


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


class Recorder:
    """Collects rows, and what was left out or failed."""

    def __init__(self, device):
        self.device, self.rows, self.skipped = device, [], []
        self.date = datetime.date.today().isoformat()

    def add(self, case, metric, result, precision=None, workers=None, peer=None, peer_name=None):
        """`result` is a method.Summary, or a number that was seen once; `ratio` is how many times better ours is."""
        if not isinstance(result, method.Summary):
            lower = metric in report.LOWER_IS_BETTER
            ratio = None if not peer else peer / result if lower else result / peer
            result = method.Summary(ours=result, peer=peer, ratio=ratio, spread=None, roofline=None, busy=0.0)
        self.rows.append(dict(
            case=case, precision=precision, workers=workers, metric=metric, ours=result.ours, peer=result.peer,
            peer_name=peer_name, ratio=result.ratio, roofline=result.roofline, spread=result.spread, device=self.device,
            date=self.date, busy=round(result.busy, 3)))
        print("  " + report.line(self.rows[-1]), flush=True)

    def skip(self, what, why):
        entry = f"{what}: {why}"
        if entry not in self.skipped:
            self.skipped.append(entry)
            print(f"  skipped {entry}", flush=True)


class Run:
    """A run and its files: rows in OUTPUT/NAME.json after every unit, and which units are done, for --resume."""

    def __init__(self, args, recorder):
        self.recorder, self.results, self.name = recorder, args.output, args.name
        self.progress = models.CACHE / f"progress-{args.name}.json"
        self.done, self.old = [], self.read_rows() if args.only or args.resume else []
        if args.resume and self.progress.exists():
            state = json.loads(self.progress.read_text())
            self.done, recorder.skipped = state["done"], state["skipped"]

    @property
    def path(self):
        return self.results / f"{self.name}.json"

    def read_rows(self):
        return json.loads(self.path.read_text()) if self.path.exists() else []

    def finish(self, unit):
        self.done.append(unit)
        models.CACHE.mkdir(parents=True, exist_ok=True)
        self.progress.write_text(json.dumps({"done": self.done, "skipped": self.recorder.skipped}))
        self.results.mkdir(parents=True, exist_ok=True)
        report.write(self.results, self.name, report.merged(self.old, self.recorder.rows), self.recorder.skipped)


def measure(names, table, context, run):
    """Runs units; gives how many failed."""
    failed = 0
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {name}", flush=True)
        began = time.monotonic()
        try:
            table[name](context)
        except models.Unavailable as error:
            context.recorder.skip(name, str(error))
        except Exception as error:  # one unit must not end the others
            failed += 1
            traceback.print_exc()
            context.recorder.skip(name, f"FAILED: {type(error).__name__}: {error}")
        run.finish(name)
        print(f"  {time.monotonic() - began:.1f} s", flush=True)
    return failed


def selected(patterns, table):
    """The units that match a comma-separated list of patterns; "decode" stands for "decode/*"."""
    names = []
    for pattern in patterns.split(","):
        found = [name for name in table if fnmatch.fnmatch(name, pattern) or name.startswith(pattern + "/")]
        if not found:
            print(f"bench: no unit matches '{pattern}'; --list shows them", file=sys.stderr)
            raise SystemExit(2)
        names += found
    return [name for name in table if name in names]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=models.ROOT / "docs/results", help="folder for the results")
    parser.add_argument("--name", default="bench_cpu", help="of the files that are written")
    parser.add_argument("--only", help="units, separated by commas, * stands for anything: 'decode/15M/*,start'; "
                                       "rows of others stay")
    parser.add_argument("--list", action="store_true", help="list the units")
    parser.add_argument("--quick", action="store_true", help="two short rounds each: whether it works, not how fast")
    parser.add_argument("--force", action="store_true", help="do not wait for an idle machine; the rows say how busy it was")
    parser.add_argument("--resume", action="store_true", help="go on after the last unit that an interrupted run finished")
    return parser.parse_args()


def main():
    args = parse()
    table = cases.units()
    names = selected(args.only, table) if args.only else list(table)
    if args.list:
        print("\n".join(names))
        return 0
    recorder = Recorder(f"{cpu_model()}, {len(os.sched_getaffinity(0))} cores")
    plan = method.Plan(rounds=2, extra=0) if args.quick else method.Plan(patience=method.Patience())
    if args.force:
        plan.patience, plan.extra = None, 0
    context = cases.Context(recorder, plan, burst=0.05 if args.quick else 0.25)
    run = Run(args, recorder)
    names = [name for name in names if name not in run.done]
    began = time.monotonic()
    failed = measure(names, table, context, run)
    print(f"wrote {run.path} and the table and picture beside it; {time.monotonic() - began:.0f} s, {failed} units failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
