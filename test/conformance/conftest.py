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


@pytest.fixture(scope="session")
def tools():
    """Skips when the dev build lacks a tool."""
    import toolchain

    if toolchain.missing:
        pytest.skip(f"not built in build/dev/bin: {', '.join(toolchain.missing)}")


@pytest.fixture(scope="session")
def seeded(tools, tmp_path_factory):
    """A decoder with random weights and the shape of stories260K: what there is on every machine."""
    import toolchain

    folder = tmp_path_factory.mktemp("seeded")
    return toolchain.Decoder(folder, *toolchain.make_model(folder))


@pytest.fixture(scope="session", params=["stories", "seeded"])
def decoder(request, tools, tmp_path_factory):
    """stories260K where it is there, and always the seeded decoder."""
    import toolchain

    if request.param == "seeded":
        return request.getfixturevalue("seeded")
    data = request.getfixturevalue("stories")
    folder = tmp_path_factory.mktemp("stories")
    return toolchain.Decoder(folder, data / "stories260K.bin", data / "tok512.bin")


@pytest.fixture(scope="session")
def small(tools, tmp_path_factory):
    """A small decoder: folder with model.onnx, model.ingot and more."""
    import toolchain

    folder = tmp_path_factory.mktemp("small")
    sizes = ["--dim", 32, "--hidden", 56, "--layers", 2, "--heads", 4, "--kv-heads", 2, "--max-seq", 32]
    checkpoint, tokenizer = toolchain.make_model(folder, *sizes)
    toolchain.export(folder / "model.onnx", checkpoint, tokenizer, "named")
    toolchain.succeed(toolchain.ingot("compile", folder / "model.onnx", "-o", folder / "model.ingot"))
    return folder
