"""The untrained models of examples/train: decoded and fed as prompts they agree with ONNX Runtime; equal seeds, equal bytes."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from runtime_api import Session
from toolchain import ROOT, ingot, succeed

sys.path.insert(0, str(ROOT / "examples/train"))

import make_onnx  # noqa: E402

KINDS = {"gpt": ["--kind", "gpt"], "llama": ["--kind", "llama", "--kv-heads", 2]}
SIZES = ["--dim", 64, "--layers", 2, "--heads", 4, "--max-seq", 32]

pytestmark = pytest.mark.usefixtures("tools")
kinds = pytest.mark.parametrize("kind", KINDS)


def make(path, kind, *options):
    assert make_onnx.main([str(option) for option in (*KINDS[kind], *SIZES, *options, "-o", path)]) == 0
    return path


def reference_logits(path, tokens):
    """ONNX Runtime's logits [len(tokens), vocabulary] of the whole sequence, without a past."""
    session = onnxruntime.InferenceSession(path)
    feeds = {"input_ids": np.array([tokens]), "position_ids": np.arange(len(tokens))[None]}
    for value in session.get_inputs():
        if value.name.startswith("past"):
            feeds[value.name] = np.zeros((1, value.shape[1], 0, value.shape[3]), np.float32)
    return session.run(["logits"], feeds)[0][0]


@kinds
def test_decodes_as_onnx_runtime(tmp_path, kind):
    # Larger weights than those of the beginning: with these all logits would be nearly equal.
    model = onnx.load(make(tmp_path / "m.onnx", kind, "--seed", 3))
    for tensor in model.graph.initializer:
        if len(tensor.dims) == 2 and not tensor.name.startswith("rope"):
            tensor.CopyFrom(onnx.numpy_helper.from_array(5 * onnx.numpy_helper.to_array(tensor), tensor.name))
    onnx.save_model(model, tmp_path / "large.onnx")
    tokens = list(b"Once upon a time, there was")
    want = reference_logits(tmp_path / "large.onnx", tokens)
    succeed(ingot("compile", tmp_path / "large.onnx", "--tokenizer", "bytes", "-o", tmp_path / "m.ingot"))
    with Session(tmp_path / "m.ingot") as session:
        got = session.decode(tokens)
    # Both are float32 in another order of sums.
    assert np.abs(want).max() > 1
    np.testing.assert_allclose(got, want, rtol=0, atol=2e-5 * np.abs(want).max())


@kinds
def test_equal_seeds_give_equal_bytes(tmp_path, kind):
    first, second, third = (make(tmp_path / name, kind, "--seed", seed).read_bytes()
                            for name, seed in (("a.onnx", 1), ("b.onnx", 1), ("c.onnx", 2)))
    assert first == second != third


@kinds
def test_vocabularies_of_any_size(tmp_path, kind):
    path = make(tmp_path / "m.onnx", kind, "--vocab", 300)
    assert reference_logits(path, [299, 0, 17]).shape == (3, 300)


@pytest.mark.parametrize("options", [["--heads", 5], ["--dim", 0], ["--vocab", 0], ["--kv-heads", 2],
                                     ["--kind", "llama", "--kv-heads", 3]])
def test_sizes_that_do_not_fit_are_bad_usage(tmp_path, options, capsys):
    with pytest.raises(SystemExit) as error:
        make_onnx.main([*map(str, options), "-o", str(tmp_path / "m.onnx")])
    assert error.value.code == 2
    assert "--" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
