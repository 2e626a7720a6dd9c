"""Child processes that measure: one for us, one for each peer, so that their threads and libraries do not meet.

A child answers lines on stdin with lines on stdout, Python children in JSON; between calls it sleeps in a read.
"""

import json
import os
import pathlib
import queue
import subprocess
import threading

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
PYTHON = ROOT / ".venv/bin/python"
PEERS_PYTHON = ROOT / ".venv-peers/bin/python"
TORCH_PYTHON = ROOT / ".venv-torch/bin/python"


class ChildError(Exception):
    """A child refused, failed, died, or did not answer in time."""


class Child:
    """`command` in a process of its own; use as a context manager."""

    def __init__(self, name, command, environment=None):
        self.name = name
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", env={**os.environ, **(environment or {})})
        self.pid = self.process.pid
        self.answers, self.errors = queue.Queue(), []
        for target in (self._read_answers, self._read_errors):
            threading.Thread(target=target, daemon=True).start()

    def _read_answers(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors = [*self.errors[-9:], line.strip()]

    def ask(self, line, timeout=120):
        """The child's answer to a line of text. Raises ChildError; after a timeout the child is gone."""
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.answers.get(timeout=timeout)
        except queue.Empty:
            self.close()
            raise ChildError(f"{self.name}: no answer within {timeout} s to: {line:.80}") from None
        except OSError:
            answer = None
        if answer is None:
            code = self.process.wait()
            raise ChildError(f"{self.name}: ended with {code} at: {line:.80}: {' / '.join(self.errors[-3:])}")
        return answer

    def call(self, function, timeout=120, **arguments):
        """What `function` of a Python child gives."""
        answer = json.loads(self.ask(json.dumps({"call": function, **arguments}, default=str), timeout))
        if "error" in answer:
            raise ChildError(f"{self.name}: {answer['error']}")
        return answer["result"]

    def close(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def python_child(name, script, python=PYTHON, threads=None, environment=None):
    """A Python child; `threads` bounds what numerical libraries of the child may use."""
    environment = {"PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
    if threads:
        environment |= {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    return Child(name, [python, BENCH / script], environment)


def missing(python, modules, flags=""):
    """Why `python` of an optional environment, which `scripts/bench-peers FLAGS` makes, cannot import `modules`, or None."""
    folder = python.parents[1].name
    if not python.exists():
        return f"not installed; `{' '.join(['scripts/bench-peers', *flags.split()])}` makes {folder}"
    done = subprocess.run([python, "-c", f"import {modules}"], capture_output=True, text=True)
    lines = done.stderr.strip().splitlines() or ["?"]
    return None if done.returncode == 0 else f"cannot be imported in {folder}: {lines[-1]}"
