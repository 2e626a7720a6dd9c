"""What scripts/new-pass and scripts/new-op share: names in all their spellings, and edits that refuse to overwrite."""

import pathlib
import re
import subprocess
import sys


def fail(message):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def dashed(camel):
    """FormKernels -> form-kernels"""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", camel).lower()


def camel(snake):
    """rms_norm -> RmsNorm"""
    return "".join(part.capitalize() for part in snake.split("_"))


def create(path, text):
    if path.exists():
        fail(f"{path} exists already")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if path.suffix in (".cpp", ".h"):
        subprocess.run(["clang-format-22", "-i", path], check=True)
    print(f"created {path}")


def edit(path, change):
    """Replaces the text of `path` by change(text)."""
    path.write_text(change(path.read_text()))
    print(f"edited  {path}")
