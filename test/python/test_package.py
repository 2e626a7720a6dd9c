"""The Python package on arrays, files and bad arguments, on artifacts made by hand and on one that it compiles."""

import gc
import os
import pathlib

import numpy as np
import pytest

import ingot

ROOT = pathlib.Path(__file__).resolve().parents[2]
MLP = ROOT / "examples/handwritten/mlp.mlir"


def mlp_weights(artifact):
    """Row-major weights of the artifact, through what `save_params` writes."""
    import safetensors.numpy

    path = pathlib.Path(artifact.path).with_suffix(".safetensors")
    with artifact.session(workers=1) as session:
        session.save_params(path)
    return safetensors.numpy.load_file(path)


# ---- Arrays ----


def test_run_computes_what_numpy_computes(mlp_path):
    with ingot.load(mlp_path) as artifact:
        weights = mlp_weights(artifact)
        x = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
        y = artifact.run(x=x)["y"]
        expected = np.maximum(x @ weights["w1"], 0) @ weights["w2"]
    assert y.dtype == np.float32 and y.shape == (4, 8)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)


def test_inputs_in_other_forms_give_the_same_bits(mlp_path):
    x = np.random.default_rng(1).standard_normal((4, 8)).astype(np.float32)
    with ingot.load(mlp_path) as artifact:
        y = artifact.run("forward", x=x)["y"]
        for form in (np.asfortranarray(x), x.tolist(), x.astype(">f4"), np.repeat(x, 2, axis=1)[:, ::2]):
            assert np.array_equal(artifact.run(entry="forward", x=form)["y"], y)


class Foreign:
    """A tensor of a library that only has DLPack."""

    def __init__(self, array, device=None):
        self.array, self.device = array, device

    def __dlpack__(self, stream=None, **_):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.device or self.array.__dlpack_device__()


def test_dlpack_tensors_are_used_in_place(mlp_path):
    x = np.random.default_rng(2).standard_normal((4, 8)).astype(np.float32)
    with ingot.load(mlp_path) as artifact, artifact.session(workers=1) as session:
        y = session.run(x=x)["y"]
        assert np.array_equal(session.run(x=Foreign(x))["y"], y)
        assert np.array_equal(session.run(x=Foreign(np.asfortranarray(x)))["y"], y)
        target, foreign = np.zeros((4, 8), np.float32), np.zeros((4, 8), np.float32)
        assert session.run(x=x, out={"y": target})["y"] is target
        session.run(x=x, out={"y": Foreign(foreign)})
        assert np.array_equal(target, y) and np.array_equal(foreign, y)
        with pytest.raises(ingot.InvalidArgumentError, match="memory of the cpu"):
            session.run(x=Foreign(x, device=(2, 0)))


def test_wrong_arrays_are_named(mlp_path):
    x = np.ones((4, 8), np.float32)
    with ingot.load(mlp_path) as artifact:
        cases = [
            (dict(), "'x' is missing"),
            (dict(x=x, z=x), "'z' is no input"),
            (dict(x=x[:3]), r"input 'x' expects f32\[4,8\], but got f32\[3,8\]"),
            (dict(x=x.astype(np.float64)), r"expects f32\[4,8\], but got f64\[4,8\]"),
            (dict(x=x.astype(np.complex64)), r"but got complex64\[4,8\]"),
            (dict(x="text"), r"input 'x' expects f32\[4,8\]"),
            (dict(x=x, out={"q": x}), "'q' is no output"),
            (dict(x=x, out={"y": x[:, ::2]}), "row-major"),
            (dict(x=x, out={"y": [1.0]}), "expects an array"),
        ]
        for arguments, message in cases:
            with pytest.raises(ingot.InvalidArgumentError, match=message):
                artifact.run(**arguments)
        with pytest.raises(ingot.InvalidArgumentError, match="no entry 'backward', but forward"):
            artifact.run("backward", x=x)


# ---- Files and handles ----


def test_bad_files(tmp_path, mlp_path):
    with pytest.raises(ingot.FileError, match="No such file"):
        ingot.load(tmp_path / "none.ingot")
    with pytest.raises(OSError):
        ingot.load(tmp_path / "none.ingot")
    (tmp_path / "short.ingot").write_bytes(mlp_path.read_bytes()[:1000])
    with pytest.raises(ingot.CorruptError):
        ingot.load(tmp_path / "short.ingot")


def test_closed_handles_say_so(mlp_path):
    artifact = ingot.load(mlp_path)
    session = artifact.session(workers=2)
    artifact.close()
    artifact.close()
    x = np.ones((4, 8), np.float32)
    assert session.run(x=x)["y"].shape == (4, 8)  # what is in use stays alive
    session.close()
    session.close()
    with pytest.raises(ingot.InvalidArgumentError, match="session is closed"):
        session.run(x=x)
    with pytest.raises(ingot.InvalidArgumentError, match="artifact is closed"):
        artifact.run(x=x)


def test_handles_are_freed_without_close(mlp_path):
    def threads():
        return len(os.listdir("/proc/self/task"))

    gc.collect()
    before = threads()
    for _ in range(5):
        ingot.load(mlp_path).session(workers=3)
    gc.collect()
    assert threads() == before


def test_session_options(mlp_path):
    x = np.ones((4, 8), np.float32)
    with ingot.load(mlp_path) as artifact:
        results = []
        for options in (dict(workers=1), dict(workers=3), dict(launch="eager"), dict(launch="interleaved", interleaving_seed=5)):
            with artifact.session(**options) as session:
                assert session.workers == options.get("workers", session.workers)
                results.append(session.run(x=x)["y"].tobytes())
                assert set(session.memory()) == {"params", "state", "arena", "inputs", "outputs", "private_bytes"}
        assert len(set(results)) == 1
        with pytest.raises(ingot.OutOfMemoryError):
            artifact.session(memory_limit=1)
        with pytest.raises(ingot.UnsupportedError, match="not supported yet"):
            artifact.session(target="cuda")
        with pytest.raises(ingot.InvalidArgumentError, match="expects a launch of"):
            artifact.session(launch="rocket")


def test_numbers_that_do_not_fit(decoder):
    artifact, _ = decoder
    sizes = [("workers", -1), ("workers", 4097), ("workers", 2**32), ("workers", 1.5), ("workers", "2"), ("workers", None)]
    sizes += [(name, value) for name in ("memory_limit", "interleaving_seed") for value in (-1, 2**64, 0.5, None)]
    for name, value in sizes:
        with pytest.raises(ingot.InvalidArgumentError, match=f"{name} expects an integer from 0 to"):
            artifact.session(**{name: value})
    for value in (-1, 2**64, "1"):
        with pytest.raises(ingot.InvalidArgumentError, match="seed expects an integer from 0 to 18446744073709551615"):
            artifact.generate("ab", seed=value)
    with pytest.raises(ingot.InvalidArgumentError, match="temperature expects a number"):
        artifact.generate("ab", temperature=10**400)
    with pytest.raises(ingot.InvalidArgumentError, match="stop expects texts"):
        artifact.generate("ab", stop=None)
    assert artifact.generate("ab", max_tokens=np.int64(2), seed=np.uint8(3)).finish == "length"
    for tokens in ([2**32 + 97], [2**31], [-1], [1.5], ["a"], "a", None, 5):
        with pytest.raises(ingot.InvalidArgumentError, match="token id"):
            artifact.detokenize(tokens)
    for previous in (-2, 2**31, None):
        with pytest.raises(ingot.InvalidArgumentError, match="previous expects an integer from -1 to 2147483647"):
            artifact.detokenize([97], previous=previous)
    for token in (2**32 + 97, -1):
        with pytest.raises(ingot.InvalidArgumentError):
            artifact.generate([token])
    assert artifact.detokenize(np.array([97, 98])) == "ab" and artifact.detokenize([]) == ""


def test_texts_and_paths_that_make_no_sense(decoder, tmp_path):
    artifact, _ = decoder
    for text in (None, b"ab", 5):
        with pytest.raises(ingot.InvalidArgumentError, match="tokenize expects a text, but got"):
            artifact.tokenize(text)
    with pytest.raises(ingot.InvalidArgumentError, match="surrogates"):
        artifact.tokenize("\ud800")
    assert artifact.tokenize("a\0b")[-3:] == [97, 0, 98]
    for options in (dict(target=None), dict(target=5), dict(affinity=0), dict(launch=["eager"]), dict(params=5)):
        with pytest.raises(ingot.InvalidArgumentError, match="expects"):
            artifact.session(**options)
    for options in (dict(target="cpu\0x"), dict(affinity="0\0x"), dict(params="a\0b")):
        with pytest.raises(ingot.InvalidArgumentError, match="no zero bytes"):
            artifact.session(**options)
    for path in (artifact.path + "\0x", os.fsencode(artifact.path) + b"\0x"):
        with pytest.raises(ingot.InvalidArgumentError, match="path expects no zero bytes"):
            ingot.load(path)
    with pytest.raises(ingot.InvalidArgumentError, match="path expects a path, but got None"):
        ingot.load(None)
    with artifact.session(workers=1) as session:
        for method in (session.load_params, session.save_params):
            with pytest.raises(ingot.InvalidArgumentError, match="no zero bytes"):
                method(f"{tmp_path}/a\0b")
    with pytest.raises(ingot.InvalidArgumentError, match="no zero bytes"):
        ingot.compile("a\0b")
    with pytest.raises(ingot.InvalidArgumentError, match="no zero bytes"):
        ingot.compile(MLP, params="a\0b")
    assert os.listdir(tmp_path) == []


# ---- Compilation ----


def test_compile_and_run(tmp_path):
    rng = np.random.default_rng(3)
    shapes = {"w1": (32, 16), "b1": (32,), "w2": (8, 32), "b2": (8,)}
    weights = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    import safetensors.numpy

    safetensors.numpy.save_file(weights, tmp_path / "w.safetensors")
    x = rng.standard_normal((4, 16)).astype(np.float32)
    hidden = x @ weights["w1"].T + weights["b1"]
    expected = hidden / (1 + np.exp(-hidden)) @ weights["w2"].T + weights["b2"]
    for model in (MLP, MLP.read_bytes()):
        with ingot.compile(model, params=tmp_path / "w.safetensors", target=["cpu:generic", "cpu"], workers=2) as artifact:
            np.testing.assert_allclose(artifact.run(x=x)["y"], expected, rtol=1e-4, atol=1e-5)
            path = artifact.path
        assert not os.path.exists(path)
    kept = ingot.compile(MLP, tmp_path / "kept.ingot", params=tmp_path / "w.safetensors")
    kept.close()
    assert (tmp_path / "kept.ingot").exists()


def test_compile_errors(tmp_path):
    with pytest.raises(ingot.CompileError, match="w1.*has no data"):
        ingot.compile(MLP)
    with pytest.raises(ingot.CompileError, match="model.mlir:1"):
        ingot.compile(b"nonsense")
    with pytest.raises(ingot.CompileError):
        ingot.compile(tmp_path / "none.onnx")
    with pytest.raises(ingot.InvalidArgumentError, match="^there is no option 'foo', but target, dim, input_shape, ") as raised:
        ingot.compile(MLP, foo=1)
    known = str(raised.value).split(", but ")[1].split(", ")
    assert {"max_seq", "target_description", "save_temps"} <= set(known) and not {"help", "output", "quant"} & set(known)
    with pytest.raises(ingot.CompileError, match="--quant int8 is not supported yet"):
        ingot.compile(MLP, quant="int8")
    with pytest.raises(ingot.InvalidArgumentError):
        ingot.compile(MLP, max_seq=-1)
    for emit in ("ingot", "tile", "task", "llvm", "", ["task"]):
        with pytest.raises(ingot.InvalidArgumentError, match="emit expects artifact or exe"):
            ingot.compile(MLP, emit=emit)
    with pytest.raises(ingot.InvalidArgumentError, match="emit=task"):
        ingot.compile(MLP, **{"emit=task": True})
    with pytest.raises(ingot.InvalidArgumentError, match="help is no option"):
        ingot.compile(MLP, help=True)
