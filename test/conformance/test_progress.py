"""Progress is for terminals: a line that is rewritten and erased there, nothing in pipes."""

import os
import pty
import re
import signal
import subprocess

import pytest

from toolchain import BIN, ingot, succeed

pytestmark = pytest.mark.usefixtures("tools")

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def on_terminal(*arguments, kind="xterm", ending=None):
    """(exit status, standard output, what standard error showed on a terminal)

    `ending`: a signal that the process gets when it has shown something."""
    ours, theirs = pty.openpty()
    command = [str(argument) for argument in (BIN / "ingot", *arguments)]
    environment = {**os.environ, "TERM": kind} if kind is not None else {k: v for k, v in os.environ.items() if k != "TERM"}
    # What we ignore (SIGINT in the background of a shell, SIGHUP behind nohup) our children would ignore, too.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment,
                               preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in ENDING])
    os.close(theirs)
    shown = bytearray()
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the last one has closed it
            break
        if not part:
            break
        shown += part
        if ending:
            process.send_signal(ending)
            ending = None
    os.close(ours)
    out = process.stdout.read().decode(errors="replace")
    return process.wait(timeout=300), out, shown.decode()


def left_over(shown):
    """What is on the screen at the end: lines without what was erased."""
    return [re.sub(r".*\r\x1b\[K", "", line.removesuffix("\r")) for line in shown.split("\n")]


def test_compile_says_what_it_is_doing(small, tmp_path):
    # Four levels take longer than a line waits to appear.
    targets = [word for level in ("generic", "avx2", "avx512", "avx512bf16") for word in ("--target", f"cpu:{level}")]
    command = ["compile", small / "model.onnx", "-o", tmp_path / "m.ingot"]
    status, out, shown = on_terminal(*command, *targets)
    assert status == 0 and out == ""
    assert re.search(r"\r\x1b\[K(planning|compiling) for \S+  \d+\.\d s", shown), shown
    assert left_over(shown) == [""]
    done = ingot(*command)
    assert succeed(done) == "" and done.stderr == ""


def test_nothing_that_a_terminal_cannot_erase(seeded):
    # The interpreter takes longer than a line waits to appear.
    command = ["debug", seeded.artifact("named", "--target", "cpu:generic"), "--compare", "--steps", 25]
    status, out, shown = on_terminal(*command)
    assert status == 0 and re.search(r"\r\x1b\[K\S+, .*launch \d+ of \d+  \d+\.\d s", shown), shown
    for kind in ("dumb", "", None):
        status, same, shown = on_terminal(*command, kind=kind)
        assert status == 0 and same == out and shown == "", kind


@pytest.mark.parametrize("ending", ENDING)
def test_nothing_is_left_of_what_was_interrupted(seeded, ending):
    artifact = seeded.artifact("named", "--target", "cpu:generic")
    status, _, shown = on_terminal("debug", artifact, "--compare", "--steps", 50, ending=ending)
    assert status == -ending and "\x1b[K" in shown
    assert left_over(shown) == [""]


def test_messages_stand_on_lines_of_their_own(small, tmp_path):
    status, out, shown = on_terminal("compile", small / "model.onnx", "-o", tmp_path / "none" / "m.ingot")
    assert status == 1 and out == ""
    message, rest = left_over(shown)
    assert message.startswith("error: ") and "none" in message and rest == ""


def test_generate_leaves_the_terminal_clean(seeded):
    command = ["generate", seeded.artifact("named"), "--prompt", "a", "--max-tokens", 5, "--ignore-eos"]
    status, out, shown = on_terminal(*command)
    assert status == 0 and out == succeed(ingot(*command))
    statistics, rest = left_over(shown)
    assert re.match(r"prompt: \d+ tokens?, .* finished: length$", statistics) and rest == ""
