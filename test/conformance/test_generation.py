"""Generation as docs/generation.md defines it: the next token from the logits, several sequences, several steps per launch.

The oracle here knows logits and the definition only: float64 weights, and Philox written down again.
"""

import ctypes

import numpy as np
import pytest

import llama2c
from runtime_api import EAGER, INTERLEAVED, MEGAKERNEL, Session, StatusError, check, library
from toolchain import ingot, succeed

BOS = llama2c.BOS
WORKERS = [1, 2, 3, 4, 16]
SETTINGS = {
    "temperature": {"temperature": 0.9},
    "top-k": {"temperature": 1.2, "top_k": 8},
    "top-p": {"temperature": 1.0, "top_p": 0.7},
    "presence": {"temperature": 0.3, "top_p": 0.9, "presence_penalty": 1.2},
    "frequency": {"temperature": 0.7, "frequency_penalty": 0.4},
    "repetition": {"repetition_penalty": 1.3},
    "all": {
        "temperature": 1.1,
        "top_k": 40,
        "top_p": 0.95,
        "presence_penalty": 0.2,
        "frequency_penalty": -0.1,
        "repetition_penalty": 1.1,
    },
}
settings = pytest.mark.parametrize("setting", SETTINGS)

pytestmark = pytest.mark.usefixtures("tools")


def philox(counter, key):
    """Philox4x32-10 (Salmon et al., SC 2011)."""
    for _ in range(10):
        low, high = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        mask = 0xFFFFFFFF
        counter = [high >> 32 ^ counter[1] ^ key[0], high & mask, low >> 32 ^ counter[3] ^ key[1], low & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return counter


def uniform(seed, position):
    words = philox([position, 0, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])
    return ((words[0] << 32 | words[1]) >> 11) * 2.0**-53


def choose(logits, prompt, sampled, seed, position, **options):
    """The token, and how far the random number is from choosing another one, as a part of all weights."""
    z = logits.astype(np.float64)
    times = np.bincount(sampled, minlength=len(z)) if sampled else np.zeros(len(z))
    seen = (times > 0) | (np.bincount(prompt, minlength=len(z)) > 0)
    r = options.get("repetition_penalty", 0) or 1
    z = np.where(seen, np.where(z > 0, z / r, z * r), z)
    z -= times * options.get("frequency_penalty", 0) + (times > 0) * options.get("presence_penalty", 0)
    temperature = options.get("temperature", 0)
    if temperature == 0:
        second, first = np.sort(z)[-2:]
        return int(z.argmax()), first - second
    weights = np.exp((z - z.max()) / temperature)
    order = np.argsort(-weights, kind="stable")
    margin = 1.0
    kept = options.get("top_k", 0) or len(z)
    weights[order[kept:]] = 0
    top_p = options.get("top_p", 0) or 1
    if top_p < 1:
        before = np.cumsum(weights[order]) - weights[order]
        margin = np.min(np.abs(before / weights.sum() - top_p))
        weights[order[before >= top_p * weights.sum()]] = 0
    sums = np.cumsum(weights) / weights.sum()
    u = uniform(seed, position)
    return int(np.searchsorted(sums, u, side="right")), min(margin, np.min(np.abs(sums - u)))


def test_philox_known_answers():
    """Of the Random123 distribution (kat_vectors)."""
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


@settings
def test_tokens_are_those_of_the_definition(decoder, setting):
    options, prompt, seed = SETTINGS[setting], [BOS, 100, 101, 100], 2**40 + 3
    checked = 0
    for decode_only in (0, 1):
        with Session(decoder.artifact("named")) as session:
            ids, logits, _ = session.generate(prompt, 150, seed=seed, ignore_eos=1, decode_only=decode_only, **options)
        for i, (token, row) in enumerate(zip(ids, logits)):
            want, margin = choose(row, prompt, ids[:i], seed, len(prompt) + i, **options)
            if margin > 1e-5:  # nearer, float32 may decide otherwise
                assert token == want, f"token {i}"
                checked += 1
    assert checked > 250


@settings
def test_workers_and_launches_give_the_same_tokens(decoder, setting):
    def story(**how):
        with Session(decoder.artifact("named"), **how) as session:
            ids, logits, _ = session.generate([BOS, 300], 60, seed=5, ignore_eos=1, **SETTINGS[setting])
            return ids, logits.tobytes()

    want = story(workers=1)
    for workers in WORKERS:
        for launch in (MEGAKERNEL, EAGER, INTERLEAVED):
            assert story(workers=workers, launch=launch, seed=workers) == want, f"{workers} workers, launch {launch}"


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("steps", [2, 7, 64])
def test_steps_in_one_launch_give_the_same_tokens(decoder, workers, steps):
    for options in ({}, SETTINGS["all"]):
        with Session(decoder.artifact("named"), workers=workers) as session:
            want, _, _ = session.generate([BOS], 100, ignore_eos=1, **options)
            session.reset()
            (got, logits, finish) = session.generate_all([[BOS]], 100, ignore_eos=1, steps_per_launch=steps, **options)[0]
            assert (got, finish) == (want, "length")
            # Logits are there for the last token of each group; the first comes with the prompt.
            assert len(logits) == 1 + -(-99 // steps)


@settings
def test_ragged_batch_equals_single_runs(decoder, setting):
    """Four prompts of different lengths at once, to the bit what four artifacts for one sequence give."""
    rng = np.random.default_rng(11)
    prompts = [[BOS, *rng.integers(3, decoder.config.vocab, length - 1).tolist()] for length in (1, 65, 7, 130)]
    options = SETTINGS[setting]
    single = []
    for i, prompt in enumerate(prompts):
        with Session(decoder.artifact("named")) as session:
            single.append(session.generate(prompt, 20 + 10 * i, seed=9 + i, ignore_eos=1, **options))
    with Session(decoder.artifact("named", "--batch", 4), workers=2) as session:
        for steps in (1, 16):
            session.reset()
            together = session.generate_all(prompts, 50, seed=9, ignore_eos=1, steps_per_launch=steps, **options)
            for (ids, logits, _), (want, rows, _) in zip(together, single):
                assert ids[: len(want)] == want
                if steps == 1:
                    assert logits[: len(want)].tobytes() == rows.tobytes()


def test_sequences_end_on_their_own(decoder):
    """Each at its own end of sequence; fewer prompts than slots leave the others idle."""
    prompts = [[BOS], [BOS, 400], [BOS, 200, 300]]
    options = {"temperature": 1.5, "seed": 3}
    alone = []
    for i, prompt in enumerate(prompts):
        with Session(decoder.artifact("named")) as session:
            alone.append(session.generate(prompt, 400, **{**options, "seed": 3 + i}))
    with Session(decoder.artifact("named", "--batch", 4)) as session:
        together = session.generate_all(prompts, 400, **options)
    for got, want in zip(together, alone):
        assert (got[0], got[2]) == (want[0], want[2])


@pytest.mark.parametrize("setting", ["temperature", "all"])
def test_forks_go_on_alone(decoder, setting):
    options = {"ignore_eos": 1, **SETTINGS[setting]}
    with Session(decoder.artifact("named")) as session:
        want, rows, _ = session.generate([BOS], 60, seed=1, **options)
        session.reset()
        begin, _, _ = session.generate([BOS], 25, seed=1, **options)
        handle = ctypes.c_void_p()
        check(library().ingot_session_fork(session.session, ctypes.byref(handle)))
        first, fork = session.session, handle
        other, _, _ = session.generate([], 35, seed=2, **options)
        session.session = fork
        same, logits, _ = session.generate([], 35, seed=1, **options)
        session.session = first
        library().ingot_session_close(fork)
    assert begin + same == want and logits.tobytes() == rows[25:].tobytes()
    assert other != same


def test_slots_fork_within_a_batch(decoder):
    """The copy goes on as the original does, past included, and neither sees what the other does after that."""
    options = {"repetition_penalty": 1.4, "ignore_eos": 1}
    with Session(decoder.artifact("named")) as session:
        want, _, _ = session.generate([BOS], 60, **options)
    with Session(decoder.artifact("named", "--batch", 4)) as session:
        begin = session.generate_all([[BOS]], 20, **options)[0][0]
        check(library().ingot_session_fork_slot(session.session, 0, 2))
        rest = session.generate_all([[], [BOS], []], 40, **options)
        assert begin + rest[0][0] == want and begin + rest[2][0] == want and rest[1][0] == want[:40]
        check(library().ingot_session_fork_slot(session.session, 2, 3))
        other = session.generate_all([[300], [301], [302], [303]], 10, **options)
        assert len({tuple(ids) for ids, _, _ in other}) > 1
        for slot in (4, 2**60):
            with pytest.raises(StatusError, match="slots are numbered from 0 to 3"):
                check(library().ingot_session_fork_slot(session.session, 0, slot))


def test_sequences_begin_anew_at_position_0(decoder):
    """A reset session has forgotten what it counted, and so has one whose entries are run from position 0 again."""
    options = {"repetition_penalty": 1.5, "ignore_eos": 1}
    with Session(decoder.artifact("named")) as session:
        want, _, _ = session.generate([BOS], 40, **options)
        session.reset()
        assert session.generate([BOS], 40, **options)[0] == want


def test_command_line(decoder, tmp_path):
    path = decoder.artifact("named", "--batch", 4)
    both = succeed(ingot("generate", path, "--tokens", "1,100", "--tokens", "1,200,201", "--max-tokens", 12, "--print-tokens"))
    lines = both.splitlines()
    assert [line.split()[:3] for line in lines] == [["1", "100", lines[0].split()[2]], ["1", "200", "201"]]
    for i, prompt in enumerate(("1,100", "1,200,201")):
        alone = succeed(ingot("generate", path, "--tokens", prompt, "--max-tokens", 12, "--print-tokens"))
        assert alone == lines[i] + "\n"
    (tmp_path / "prompts").write_text("Once upon a time\nThe dog\n")
    texts = succeed(ingot("generate", path, "--prompts", tmp_path / "prompts", "--max-tokens", 8))
    assert texts.startswith("Once upon a time") and "\nThe dog" in texts
    # A letter more or less in the options, and another token: nothing is ignored.
    plain = ["generate", path, "--prompt", "a", "--max-tokens", 40, "--ignore-eos", "--print-tokens", "--temperature", "1.5"]
    assert succeed(ingot(*plain)) == succeed(ingot(*plain, "--steps-per-launch", 8))
    for option in ("--top-k=2", "--top-p=0.3", "--presence-penalty=3", "--frequency-penalty=3", "--repetition-penalty=4", "--seed=2"):
        assert succeed(ingot(*plain, option)) != succeed(ingot(*plain)), option
    done = ingot("generate", path, *["--prompt=a"] * 5)
    assert done.returncode == 1 and "runs 4 sequences at a time, but got 5 prompts" in done.stderr
