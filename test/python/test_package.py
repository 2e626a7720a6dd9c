"""The Python package, on artifacts made by hand and on one that it compiles."""

import gc
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import ingot

ROOT = pathlib.Path(__file__).resolve().parents[2]
WRITER = ROOT / "build/dev/bin/write-test-artifact"
MLP = ROOT / "examples/handwritten/mlp.mlir"


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


# ---- Generation ----


def test_no_logits_have_a_shape(decoder):
    logits = decoder[0].generate("ab", max_tokens=0, logits=True).logits
    assert logits.dtype == np.float32 and logits.shape == (0, 256)


def test_generate(decoder):
    artifact, answer = decoder
    result = artifact.generate("ab", max_tokens=12, logits=True)
    assert result.tokens == answer and result.text == bytes(answer).decode(errors="replace") and str(result) == result.text
    assert (result.finish, result.prompt_tokens) == ("length", 2)
    assert result.logits.shape == (12, 256) and result.logits.argmax(1).tolist() == answer
    assert artifact.generate(artifact.tokenize("ab"), max_tokens=12).tokens == answer  # starts anew each time
    assert artifact.generate(np.array([97, 98]), max_tokens=12).tokens == answer
    assert artifact.detokenize([97, 98]) == "ab"


def test_several_steps_per_launch(decoder):
    artifact, answer = decoder
    with artifact.session(workers=2) as session:
        for steps in (1, 5, 100):
            session.reset()
            assert session.generate("ab", max_tokens=12, steps_per_launch=steps).tokens == answer
            stop = bytes(answer[2:4]).decode()
            session.reset()
            stopped = session.generate("ab", max_tokens=12, stop=stop, steps_per_launch=steps)
            assert stopped.finish == "stop" and stopped.text == bytes(answer[:2]).decode()
    for options in ({"steps_per_launch": 0}, {"steps_per_launch": 2**16 + 1}, {"steps_per_launch": 2, "logits": True}):
        with pytest.raises(ingot.InvalidArgumentError):
            artifact.generate("ab", **options)
    with artifact.session() as session, pytest.raises(ingot.InvalidArgumentError, match="one step at a time"):
        session.stream("ab", steps_per_launch=2)


def test_stop_and_sampling(decoder):
    artifact, answer = decoder
    stop = bytes(answer[2:4]).decode()
    stopped = artifact.generate("ab", max_tokens=12, stop=stop)
    assert stopped.finish == "stop" and stopped.text == bytes(answer[:2]).decode()
    first, again, other = (artifact.generate("ab", max_tokens=12, temperature=1.5, seed=s).tokens for s in (1, 1, 2))
    assert first == again != other


def test_stream_keeps_step_with_its_reader(decoder):
    artifact, answer = decoder
    with artifact.session(workers=2) as session:
        assert [token.id for token in session.stream("ab", max_tokens=12)] == answer
        session.reset()
        tokens = []
        for token in session.stream("ab", max_tokens=12):
            tokens.append(token.id)
            if len(tokens) == 5:
                break
        fork = session.fork()
        assert tokens == answer[:5]
        assert session.generate([answer[4]], max_tokens=7).tokens == answer[5:]
        assert fork.generate([answer[4]], max_tokens=7).tokens == answer[5:]
        fork.close()


def test_bad_generation_options(decoder, mlp_path):
    artifact, _ = decoder
    for options in (dict(max_tokens=-1), dict(seed=-1), dict(seed=1.5), dict(temperature="hot"), dict(stop=[1])):
        with pytest.raises(ingot.InvalidArgumentError, match="expects"):
            artifact.generate("ab", **options)
    for options in (dict(temperature=-1.0), dict(top_p=2.0)):
        with pytest.raises(ingot.InvalidArgumentError):
            artifact.generate("ab", **options)
    for prompt in ([], [1.5], 7, None):
        with pytest.raises(ingot.InvalidArgumentError):
            artifact.generate(prompt)
    with pytest.raises(ingot.InvalidArgumentError):
        artifact.generate([256])
    with pytest.raises(TypeError):
        artifact.generate("ab", warmth=1)
    with ingot.load(mlp_path) as mlp, pytest.raises(ingot.Error):
        mlp.generate("ab")


# ---- Threads and signals ----


def test_sessions_run_side_by_side(decoder):
    artifact, answer = decoder
    results = []

    def work():
        with artifact.session(workers=1) as session:
            for _ in range(20):
                session.reset()
                results.append(session.generate("ab", max_tokens=12).tokens)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [answer] * 80


def test_cancel_and_use_from_two_threads(slow):
    with slow.session(workers=2) as session:
        errors = []

        def work():
            try:
                session.run()
            except ingot.Error as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        while not session._busy.locked() and thread.is_alive():
            time.sleep(0)
        with pytest.raises(ingot.InvalidArgumentError, match="in use"):
            session.run()
        session.cancel()
        thread.join()
        assert isinstance(errors[0], ingot.CancelledError)
        session.reset()
        assert session.run()["y"].size > 0


def test_interrupt_ends_a_generation(decoder):
    script = (
        "import ingot, sys, os, signal, threading\n"
        "session = ingot.load(sys.argv[1]).session(workers=2)\n"
        "seen = []\n"
        "original = ingot._generate._Sequence.take\n"
        "def take(self, *arguments):\n"
        "    seen.append(1)\n"
        "    if len(seen) == 3: os.kill(os.getpid(), signal.SIGINT)\n"
        "    while len(seen) == 3 and not interrupted.wait(0.01): pass\n"
        "    return original(self, *arguments)\n"
        "interrupted = threading.Event()\n"
        "ingot._generate._Sequence.take = take\n"
        "def handler(*_):\n"
        "    interrupted.set()\n"
        "    raise KeyboardInterrupt\n"
        "signal.signal(signal.SIGINT, handler)\n"
        "try:\n"
        "    session.generate('ab', max_tokens=25)\n"
        "except KeyboardInterrupt:\n"
        "    assert len(seen) < 25, len(seen)\n"
        "    session.reset()\n"
        "    assert len(session.generate('ab', max_tokens=5).tokens) == 5\n"
        "    print('interrupted')\n"
    )
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "python"))
    done = subprocess.run(
        [sys.executable, "-c", script, decoder[0].path], env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


# ---- Exit and fork ----


def run_script(script, *arguments):
    """(exit status, stdout, stderr) of a Python program"""
    environment = dict(os.environ, PYTHONPATH=str(ROOT / "python"))
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


OPEN_STREAM = (
    "import ingot, sys, threading, os\n"
    "artifact = ingot.load(sys.argv[1])\n"
    "session = artifact.session(workers=2)\n"
    "stream = session.stream('ab', max_tokens=12)\n"
    "next(stream)\n"
)


def test_exit_while_a_stream_is_open(decoder):
    path = decoder[0].path
    assert run_script(OPEN_STREAM, path) == (0, "", "")
    status, _, errors = run_script(OPEN_STREAM + "for token in stream: raise KeyError('mine')\n", path)
    assert status == 1 and errors.endswith("KeyError: 'mine'\n"), errors
    # A thread that Python does not wait for.
    daemon = (
        "def work():\n"
        "    session = artifact.session(workers=1)\n"
        "    while True:\n"
        "        session.reset()\n"
        "        session.generate('ab', max_tokens=20)\n"
        "        ran.set()\n"
        "ran = threading.Event()\n"
        "threading.excepthook = lambda _: None\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "ran.wait()\n"
    )
    assert run_script(OPEN_STREAM + daemon, path) == (0, "", "")
    # A thread that Python waits for keeps its stream.
    waits = "threading.Thread(target=lambda: print(len(list(stream)))).start()\n"
    assert run_script(OPEN_STREAM + waits, path) == (0, "11\n", "")


def test_fork(decoder):
    script = OPEN_STREAM + (
        "before = artifact.generate('ab', max_tokens=5).tokens\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    calls = (lambda: next(stream), session.reset, session.cancel, lambda: session.generate('ab'))\n"
        "    for call in calls:\n"
        "        try: call()\n"
        "        except ingot.InvalidArgumentError as error: assert 'before this process was forked' in str(error)\n"
        "        else: assert False\n"
        "    session.close()\n"
        "    assert artifact.generate('ab', max_tokens=5).tokens == before\n"
        "    with artifact.session(workers=2) as own:\n"
        "        assert own.generate('ab', max_tokens=5).tokens == before\n"
        "    sys.exit(7)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7\n"
        "assert len(list(stream)) == 11\n"
        "assert artifact.generate('ab', max_tokens=5).tokens == before\n"
    )
    assert run_script(script, decoder[0].path) == (0, "", "")


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
    with pytest.raises(ingot.InvalidArgumentError):
        ingot.compile(MLP, no_such_option=1)
    with pytest.raises(ingot.InvalidArgumentError):
        ingot.compile(MLP, max_seq=-1)
    for emit in ("ingot", "tile", "task", "llvm", "", ["task"]):
        with pytest.raises(ingot.InvalidArgumentError, match="emit expects artifact or exe"):
            ingot.compile(MLP, emit=emit)
    with pytest.raises(ingot.InvalidArgumentError, match="emit=task"):
        ingot.compile(MLP, **{"emit=task": True})
    with pytest.raises(ingot.InvalidArgumentError, match="help is no option"):
        ingot.compile(MLP, help=True)
