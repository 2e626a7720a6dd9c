"""Artifacts that the tests of the Python package share."""

import pathlib
import subprocess

import pytest

import ingot

ROOT = pathlib.Path(__file__).resolve().parents[2]
WRITER = ROOT / "build/dev/bin/write-test-artifact"


def write(kind, path):
    done = subprocess.run([WRITER, kind, path], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


@pytest.fixture(scope="module")
def mlp_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("mlp") / "mlp.ingot"
    write("mlp", path)
    return path


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    """(artifact, what it answers to "ab")"""
    path = tmp_path_factory.mktemp("decoder") / "decoder.ingot"
    answer = write("decoder", path)
    with ingot.load(path) as artifact:
        yield artifact, answer


@pytest.fixture(scope="module")
def slow(tmp_path_factory):
    path = tmp_path_factory.mktemp("slow") / "slow.ingot"
    write("slow", path)
    with ingot.load(path) as artifact:
        yield artifact
