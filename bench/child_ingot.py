"""The child that runs Ingot: sessions by the C interface."""

import ctypes
import pathlib
import sys
import time

import numpy as np

import train_data
from serve import serve

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test/conformance"))

from runtime_api import (  # noqa: E402
    EAGER, MEGAKERNEL, TOKEN_CALLBACK, GenerateParams, GenerateResult, Session, check, library)

sessions, steps = {}, {}


def open_session(key, path, workers, eager=False):
    sessions[key] = Session(path, workers=workers, launch=EAGER if eager else MEGAKERNEL)
    return sessions[key].memory()


def close_all():
    for session in sessions.values():
        session.close()
    sessions.clear()


def generate(session, prompt, count):
    """Greedy generation without a callback; the runtime's own times."""
    result = GenerateResult()
    tokens = (ctypes.c_int32 * len(prompt))(*prompt)
    params = GenerateParams(tokens=tokens, num_tokens=len(prompt), max_tokens=count, ignore_eos=1, result=ctypes.pointer(result))
    check(library().ingot_generate(session.session, ctypes.byref(params), TOKEN_CALLBACK(), None))
    assert result.generated_tokens == count
    return result


def decode(key, prompt, count, seconds):
    """Tokens per second of the runtime's greedy loop: `count` tokens behind `prompt` and one more, again until `seconds`
    are full."""
    done = took = 0
    while took < seconds:
        sessions[key].reset()
        took += generate(sessions[key], prompt, count + 1).decode_seconds
        done += count
    return done / took


def decode_in_turns(keys, prompt, count, seconds):
    """Several sessions take turns, each with `count` tokens behind `prompt`, until each has decoded for `seconds`:
    {"turns": [{key: tokens per second}]}."""
    turns, took = [], dict.fromkeys(keys, 0.0)
    while min(took.values()) < seconds:
        turn = {}
        for key in keys if len(turns) % 2 == 0 else keys[::-1]:
            sessions[key].reset()
            used = generate(sessions[key], prompt, count + 1).decode_seconds
            turn[key] = count / used
            took[key] += used
        turns.append(turn)
    return {"turns": turns}


def prefill(key, prompt, seconds):
    """Tokens per second of feeding `prompt` up to its last logits."""
    done = took = 0
    while took < seconds:
        sessions[key].reset()
        took += generate(sessions[key], prompt, 0).prompt_seconds
        done += len(prompt)
    return done / took


def first_token(path, workers):
    """Milliseconds from opening the artifact to the first token behind one; the library itself is loaded already."""
    began = time.perf_counter()
    with Session(path, workers=workers) as session:
        generate(session, [1], 1)
        return 1e3 * (time.perf_counter() - began)


def logits(key, tokens, output):
    """Writes the logits [len(tokens), vocab] of feeding `tokens` one by one."""
    sessions[key].reset()
    np.save(output, sessions[key].decode(tokens))


def contract(key, seconds):
    """Calls per second of the only entry, on ones."""
    session = sessions[key]
    (name, entry), = session.entries.items()
    kinds = {"f32": np.float32, "i32": np.int32}
    inputs = [np.ones(port["shape"], kinds[port["dtype"]]) for port in entry["inputs"]]
    done, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not done:
        session.run(name, inputs)
        done += 1
    return done / took


class TrainStep:
    """Runs entry train_step of a session."""

    def __init__(self, session, vocab):
        self.session, self.vocab, self.taken = session, vocab, 0
        entry = session.entries["train_step"]
        self.inputs = {port["role"]: port["shape"] for port in entry["inputs"]}
        self.rows, self.length = self.inputs["tokens"]
        roles = [port["role"] for port in entry["outputs"]]
        self.results = [roles.index(role) for role in ("loss", "grad_norm")]

    def run(self, number):
        """One step on batch `number`: loss and norm of the gradients."""
        self.taken += 1
        tokens, targets = train_data.batch(number, self.vocab, self.rows, self.length)
        values = {"tokens": tokens, "targets": targets, "lr": np.float32(train_data.RATE), "step": np.int32(self.taken)}
        # The weights of the targets, where the step has them.
        inputs = [values.get(role, np.ones(shape, np.float32)) for role, shape in self.inputs.items()]
        outputs = self.session.run("train_step", inputs)
        return [float(outputs[index]) for index in self.results]


def first_losses(key, vocab):
    """Loss and norm of the first steps, all on batch 0. `train` goes on from there."""
    steps[key] = TrainStep(sessions[key], vocab)
    return [steps[key].run(0) for _ in range(train_data.AGREEING_STEPS)]


def train(key, seconds):
    """Tokens per second of whole steps, on other batches each, until `seconds` are full."""
    step, done, began = steps[key], 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not done:
        step.run(step.taken)
        done += step.rows * step.length
    return done / took


if __name__ == "__main__":
    serve({f.__name__: f for f in (open_session, close_all, decode, decode_in_turns, prefill, first_token, logits, contract,
                                   first_losses, train)})
