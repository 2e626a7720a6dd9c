"""Fixtures of the conformance tests."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "examples/llama2c"), str(pathlib.Path(__file__).resolve().parent)]

DATA = ROOT.parent / "shared/data"


@pytest.fixture(scope="session")
def stories():
    """The folder with stories260K.bin, tok512.bin and its recorded run; skips when it is not there."""
    folder = DATA / "llm"
    if not (folder / "stories260K.bin").exists():
        pytest.skip("../shared/data/llm/stories260K.bin is not there")
    return folder
