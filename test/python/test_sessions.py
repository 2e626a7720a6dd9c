"""Generation by the Python package: sessions, streams, threads, interrupts, forks."""

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
            time.sleep(0)  # lets the other thread run: the lock tells nobody that it is taken
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
