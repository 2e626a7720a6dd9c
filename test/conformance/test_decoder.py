"""Compiled decoders, end to end: tokens and logits against the exact interpreter, and the same bits however they are run.

Bounds come from the peers' errors on the same graphs (rule 1: a max-norm error of at most max(1e-6, twice the peer's)), and
greedy decoding may leave the exact tokens only where their margin is below the measured error (rule 3).
"""

import numpy as np
import pytest

import llama2c
from reference import NumpyDecoder, OnnxDecoder
from runtime_api import EAGER, INTERLEAVED, MEGAKERNEL, UNSUPPORTED, Session, StatusError
from toolchain import FORMS, check_greedy, f32_bound, ingot, max_error, succeed

BOS = llama2c.BOS
COUNT = 400
ALL_LOGITS = ["--logits", "all"]
WORKERS = [1, 2, 3, 4, 16]

pytestmark = pytest.mark.usefixtures("tools")
forms = pytest.mark.parametrize("form", FORMS)


def exact_of(decoder, form="handwritten", count=COUNT):
    """COUNT greedy tokens and float64 logits of the exact interpreter, computed once."""
    cache = decoder.__dict__.setdefault("exact_cache", {})
    if (form, count) not in cache:
        cache[form, count] = decoder.exact(form, count)
    return cache[form, count]


def peer_error(decoder, style):
    """The max-norm error of ONNX Runtime, cached decoding along the exact tokens."""
    cache = decoder.__dict__.setdefault("peer_cache", {})
    if style not in cache:
        tokens, exact = exact_of(decoder)
        peer = OnnxDecoder(decoder.onnx(style), decoder.config)
        logits = np.concatenate([peer.run([token]) for token in [BOS, *tokens[:-1]]])
        cache[style] = max_error(logits, exact)
        print(f"ONNX Runtime, {style}: max abs error {cache[style]:.3g}")
    return cache[style]


def bound(decoder, form="decomposed"):
    return f32_bound(peer_error(decoder, "named" if form == "named" else "decomposed"))


def bits(array):
    return np.ascontiguousarray(array).tobytes()


# ---- Against the exact interpreter, and what was recorded ----


@forms
def test_exact_interpreter_agrees_with_numpy(decoder, form):
    tokens, exact = exact_of(decoder, form)
    reference = NumpyDecoder(decoder.checkpoint, float32_constants=form == "decomposed").run([BOS, *tokens[:-1]])
    assert max_error(reference, exact) <= 1e-11 * abs(reference).max()
    assert tokens == [int(row.argmax()) for row in reference]


@forms
def test_generates_the_exact_tokens(tmp_path, decoder, form):
    want, exact = exact_of(decoder, form)
    flags = ["--tokens", BOS, "--max-tokens", COUNT, "--ignore-eos", "--print-tokens", "--logits", tmp_path / "l.npz"]
    out = succeed(ingot("generate", decoder.artifact(form), *flags))
    with np.load(tmp_path / "l.npz") as written:
        got, logits = written["tokens"].tolist(), written["logits"]
    assert out.split() == [str(token) for token in [BOS, *got]]
    step = check_greedy(got, want, logits, exact)
    same = COUNT if step is None else step + 1
    error, most = max_error(logits[:same], exact[:same]), bound(decoder, form)
    print(f"{form}: max abs error {error:.3g} over {same} steps, bound {most:.3g}")
    assert error <= most


@forms
def test_tells_the_recorded_story(tmp_path, stories, decoder, form):
    if decoder.checkpoint.parent != stories:
        pytest.skip("only stories260K has a recorded run")
    recorded = [int(token) for token in (stories / "stories260K.tokens.txt").read_text().split()]
    llama2c_logits = np.fromfile(stories / "stories260K.logits.f32", np.float32).reshape(len(recorded), -1)
    exact = exact_of(decoder, form)[1][: len(recorded)]
    with Session(decoder.artifact(form)) as session:
        got, logits, finish = session.generate([BOS], len(recorded))
    assert [BOS, *got[:-1]] == recorded and finish == "length"
    error, most = max_error(logits, exact), f32_bound(max_error(llama2c_logits, exact))
    print(f"{form}: max abs error {error:.3g}, bound by llama2.c {most:.3g}")
    assert error <= most
    # The text of the command line is the tokenizer's.
    text = succeed(ingot("generate", decoder.artifact(form), "--prompt", "Once upon a time", "--max-tokens", 40))
    assert text.startswith("Once upon a time, there was a little girl named Lily.")


@pytest.mark.parametrize("isa", ["generic", "avx2", "avx512"])
def test_every_isa_level(decoder, isa):
    want, exact = exact_of(decoder)
    path = decoder.artifact("handwritten", "--target", "cpu:generic", "--target", "cpu:avx2", "--target", "cpu:avx512")
    try:
        session = Session(path, target=f"cpu:{isa}")
    except StatusError as error:
        assert error.code == UNSUPPORTED, error
        pytest.skip(str(error))  # a machine without this level
    with session:
        got, logits, _ = session.generate([BOS], COUNT, ignore_eos=1)
    step = check_greedy(got, want, logits, exact)
    same = COUNT if step is None else step + 1
    assert max_error(logits[:same], exact[:same]) <= bound(decoder)


# ---- The cache ----


@forms
def test_cached_decode_equals_recompute(decoder, form):
    """Row M1 asks for 256 tokens: cached decode against a fresh session that is fed the whole prefix."""
    count = 256
    tokens, exact = exact_of(decoder, form)
    inputs = [BOS, *tokens[: count - 1]]
    with Session(decoder.artifact(form)) as session:
        cached = session.decode(inputs)
    recomputed = []
    for length in range(1, count + 1):
        with Session(decoder.artifact(form), workers=1) as session:
            recomputed.append(session.prefill(inputs[:length])[-1])
    most = bound(decoder, form)
    for logits in (cached, np.array(recomputed)):
        assert max_error(logits, exact[:count]) <= most
        check_greedy(logits.argmax(1).tolist(), tokens[:count], logits, exact)


@forms
@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 128, 200])
def test_prefill_then_decode_equals_decode_only(decoder, form, length):
    """A prompt that is the beginning of the story is continued with its rest, through either entry."""
    tokens, exact = exact_of(decoder, form)
    story, count = [BOS, *tokens], 60
    want, rows = tokens[length - 1 :][:count], exact[length - 1 :][:count]
    for decode_only in (0, 1):
        with Session(decoder.artifact(form)) as session:
            got, logits, _ = session.generate(story[:length], count, ignore_eos=1, decode_only=decode_only)
        step = check_greedy(got, want, logits, rows)
        same = count if step is None else step + 1
        assert max_error(logits[:same], rows[:same]) <= bound(decoder, form)


def test_prompt_of_random_tokens(decoder):
    prompt = [BOS, *np.random.default_rng(7).integers(3, decoder.config.vocab, 90).tolist()]
    want, exact = decoder.exact("handwritten", 60, tuple(prompt))
    for decode_only in (0, 1):
        with Session(decoder.artifact("handwritten")) as session:
            got, logits, _ = session.generate(prompt, 60, ignore_eos=1, decode_only=decode_only)
        check_greedy(got, want, logits, exact)


@forms
def test_sequence_mode_equals_step_mode(decoder, form):
    """Row N3: the logits of all positions in one causal pass are those of single steps."""
    tokens, exact = exact_of(decoder, form)
    inputs = [BOS, *tokens[:-1]]
    with Session(decoder.artifact(form, *ALL_LOGITS)) as session:
        sequence = session.prefill(inputs)
        session.reset()
        steps = session.decode(inputs)
    most = bound(decoder, form)
    assert sequence.shape == steps.shape
    assert max_error(sequence, exact) <= most and max_error(steps, exact) <= most


@forms
def test_last_logits_of_a_prompt(decoder, form):
    """One row through the head instead of all: the same numbers as from the whole, wherever the prompt ends, and the same
    state behind it."""
    tokens, exact = exact_of(decoder, form)
    inputs = [BOS, *tokens]
    most = bound(decoder, form)
    with Session(decoder.artifact(form)) as last, Session(decoder.artifact(form, *ALL_LOGITS)) as all_rows:
        for length in (1, 2, 31, 63, 64, 65, 130):
            last.reset(), all_rows.reset()
            got, want = last.prefill(inputs[:length]), all_rows.prefill(inputs[:length])
            assert len(got) == -(-length // 64) and len(want) == length
            for chunk, row in enumerate(got):
                at = min(64 * chunk + 63, length - 1)
                assert max_error(row, exact[at]) <= most and max_error(row, want[at]) <= most
            for after in (last, all_rows):
                assert max_error(after.decode(inputs[length : length + 4], length), exact[length : length + 4]) <= most


@pytest.mark.parametrize("style", ["named", "decomposed"])
def test_ragged_batch(decoder, style):
    """Four sequences of different lengths at once: each sees only itself, and idle rows change nothing. The prompts give
    the logits of their last rows."""
    tokens, exact = exact_of(decoder, style)
    inputs = [BOS, *tokens]
    lengths = [1, 17, 64, 40]
    most = bound(decoder, style)
    with Session(decoder.artifact(style, "--batch", 4)) as session:
        first = session.feed([inputs[:n] for n in lengths], [0] * 4, "prefill")
        for i, n in enumerate(lengths):
            assert max_error(first[i, 0], exact[n - 1]) <= most
        at = list(lengths)
        for step in range(32):
            # Sequence 1 pauses in every third step.
            active = [not (i == 1 and step % 3 == 0) for i in range(4)]
            logits = session.feed([[inputs[at[i]]] if active[i] else [] for i in range(4)], at)
            for i in range(4):
                if active[i]:
                    assert max_error(logits[i, 0], exact[at[i]]) <= most, f"sequence {i}, step {step}"
                    at[i] += 1


# ---- The same bits ----


def trace(session, inputs):
    """Bits of a prefill in two chunks and decoding after it."""
    half = len(inputs) // 2
    return bits(session.prefill(inputs[:half])), bits(session.decode(inputs[half:], half))


@forms
def test_workers_and_launches_give_the_same_bits(decoder, form):
    inputs = [BOS, *exact_of(decoder)[0]][:160]
    with Session(decoder.artifact(form), workers=1) as session:
        want = trace(session, inputs)
    for workers in WORKERS:
        for launch in (MEGAKERNEL, EAGER, INTERLEAVED):
            with Session(decoder.artifact(form), workers=workers, launch=launch, seed=workers) as session:
                assert trace(session, inputs) == want, f"{workers} workers, launch {launch}"


def test_repeated_runs_give_the_same_bits(decoder):
    """Races show as rare differences: the same steps over and over on more workers than cores."""
    inputs = [BOS, *exact_of(decoder)[0]][:24]
    with Session(decoder.artifact("handwritten"), workers=4) as session:
        want = trace(session, inputs)
        for _ in range(50):
            session.reset()
            assert trace(session, inputs) == want


@pytest.mark.parametrize("workers", [2, 4, 16])
@pytest.mark.parametrize("entry,seeds", [("decode", 1000), ("prefill", 60)])
def test_interleavings_give_the_same_bits(decoder, entry, seeds, workers):
    """Every step runs its tasks in another legal order. Two steps with different tokens take turns, so that what a task
    reads too early is a value of the other step and not the right one of an earlier run."""
    story = [BOS, *exact_of(decoder)[0]]
    start, chunk = 37, 64 if entry == "prefill" else 1
    feeds = [story[start : start + chunk], story[start + 70 :][:chunk]]
    with Session(decoder.artifact("handwritten"), workers=1, launch=EAGER) as session:
        session.prefill(story[:start])
        want = [bits(session.feed([row], [start], entry)) for row in feeds]
    assert want[0] != want[1]
    with Session(decoder.artifact("handwritten"), workers=workers, launch=INTERLEAVED, seed=1) as session:
        session.prefill(story[:start])
        for seed in range(seeds):
            for row, expected in zip(feeds, want):
                assert bits(session.feed([row], [start], entry)) == expected, f"seed {seed}"


# ---- --max-seq ----


def test_max_seq_bounds_prompt_and_output(decoder):
    tokens, exact = exact_of(decoder)
    path = decoder.artifact("named", "--max-seq", 32)
    with Session(path) as session:
        got, logits, finish = session.generate([BOS], 1000, ignore_eos=1)
    # 32 positions: the prompt's, those of 31 tokens, and one more token that need not be fed.
    assert len(got) == 32 and finish == "length"
    check_greedy(got, tokens[:32], logits, exact)
    for prompt, generated in ((20, 13), (32, 1)):
        with Session(path) as session:
            got, _, finish = session.generate([BOS, *tokens][:prompt], 1000, ignore_eos=1)
        assert (len(got), finish) == (generated, "length")
    done = ingot("generate", path, "--tokens", ",".join(map(str, [BOS, *tokens][:33])))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ingot: the prompt has 33 tokens, but only 32 of max_seq 32 positions are free\n"
    done = ingot("generate", path, "--tokens", BOS, "--max-tokens", 1000, "--ignore-eos", "--print-tokens")
    assert done.returncode == 0 and "finished: length" in done.stderr
    assert len(done.stdout.split()) == 33
    with Session(path) as session, pytest.raises(StatusError, match="position"):
        session.feed([[BOS]], [32])


# ---- --prefill ----


@pytest.mark.parametrize("workers", [1, 2, 3, 6])
def test_any_chunk_is_planned_for_any_workers(seeded, workers):
    """Grids of tasks, and with them the groups that wait for each other, differ with both."""
    for prefill in [64, 192, 200, 256, 510]:
        flags = ["--prefill", prefill, "--workers", workers, "--target", "cpu:avx2", "--emit", "task", "-o", "-"]
        assert f"task.schedule workers {workers} " in succeed(ingot("compile", seeded.onnx("named"), *flags))
