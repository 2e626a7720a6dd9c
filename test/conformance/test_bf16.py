"""Models compiled with --precision bf16: against the typed interpreter, a NumPy decoder that rounds where the policy says,
and the exact interpreter of the float32 model.

Bound: 2^-7 relative per tensor. All of them round at the same places but sum in another order: a sum that lands beside a
rounding boundary moves one unit in the last place (2^-8) of what is stored. Against NumPy, whose sums are exact, that is the
largest difference of two logits over the largest logit. The typed interpreter sums in float32 too and is as far from exact
sums as compiled code may be: against it, it is the norm of the difference over the norm. Greedy tokens may leave those of
the exact float32 model only where the exact margin is below the measured error.
"""

import json

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import llama2c
from reference import NumpyDecoder, softmax
from runtime_api import EAGER, INTERLEAVED, MEGAKERNEL, UNSUPPORTED, Session, StatusError
from toolchain import FORMS, check_greedy, ingot, max_error, succeed, tool

BOS = llama2c.BOS
COUNT = 200
BF16 = ("--precision", "bf16")
BOUND = 2.0**-7
ISAS = ["generic", "avx2", "avx512", "avx512bf16"]

pytestmark = pytest.mark.usefixtures("tools")
forms = pytest.mark.parametrize("form", FORMS)


def round_bf16(array):
    """To the nearest bfloat16, ties to even, by way of float32 as the compiled code does it."""
    return np.asarray(array, np.float32).astype(ml_dtypes.bfloat16).astype(np.float64)


def relative_error(got, want):
    return max_error(got, want) / float(np.max(np.abs(want)))


def norm_error(got, want):
    return float(np.linalg.norm(got - want) / np.linalg.norm(want))


def check_logits(got, decoder, form):
    """Holds logits along the typed interpreter's tokens to the bounds."""
    tokens, typed = typed_of(decoder, form)
    cache = decoder.__dict__.setdefault("bf16_numpy", {})
    if tuple(tokens) not in cache:
        cache[tuple(tokens)] = Bf16Decoder(decoder.checkpoint).run([BOS, *tokens[:-1]])
    exact_sums = cache[tuple(tokens)]
    print(f"{form}: {relative_error(got, exact_sums):.3g} from NumPy, {norm_error(got, typed):.3g} from typed")
    assert relative_error(got, exact_sums) <= BOUND
    assert norm_error(got, typed) <= BOUND


class Bf16Decoder(NumpyDecoder):
    """The decoder in float64, rounded to bfloat16 where the compiled model stores values: an oracle of the policy."""

    def __init__(self, checkpoint):
        super().__init__(checkpoint)
        norms = ("attention_norm", "ffn_norm", "norm")
        self.w = {name: value if name in norms else round_bf16(value) for name, value in self.w.items()}

    def norm(self, x, weight):
        return round_bf16(x / np.sqrt(np.mean(x * x, -1, keepdims=True) + self.eps) * weight)

    def heads(self, x, weight, count):
        return round_bf16(x @ weight.T).reshape(-1, count, self.config.head_dim)

    def attention(self, x, i, positions):
        c, w = self.config, self.w
        q = round_bf16(self.rope(self.heads(x, w["wq"][i], c.heads), positions))
        k = round_bf16(self.rope(self.heads(x, w["wk"][i], c.kv_heads), positions))
        v = self.heads(x, w["wv"][i], c.kv_heads)
        self.cache[i] = np.concatenate([self.cache[i], [k, v]], axis=1)
        keys, values = (np.repeat(part, c.heads // c.kv_heads, axis=1) for part in self.cache[i])
        scores = np.einsum("qhd,khd->hqk", q, keys) / self.divisor
        scores = np.where(np.arange(len(keys)) <= positions[:, None], scores, -np.inf)
        return round_bf16(np.einsum("hqk,khd->qhd", softmax(scores), values).reshape(-1, c.dim)) @ w["wo"][i].T

    def run(self, tokens):
        w = self.w
        positions = self.cache[0].shape[1] + np.arange(len(tokens))
        x = w["tok_embeddings"][np.asarray(tokens)]
        for i in range(self.config.layers):
            x = round_bf16(x + self.attention(self.norm(x, w["attention_norm"][i]), i, positions))
            h = self.norm(x, w["ffn_norm"][i])
            gate = h @ w["w1"][i].T
            x = round_bf16(x + round_bf16(gate / (1 + np.exp(-gate)) * (h @ w["w3"][i].T)) @ w["w2"][i].T)
        return self.norm(x, w["norm"]) @ w.get("output", w["tok_embeddings"]).T


def exact_of(decoder, form="handwritten"):
    """COUNT greedy tokens and float64 logits of the exact interpreter of the float32 model, computed once."""
    cache = decoder.__dict__.setdefault("bf16_exact", {})
    if form not in cache:
        cache[form] = decoder.exact(form, COUNT)
    return cache[form]


def typed_of(decoder, form):
    """The same of the typed interpreter on the bfloat16 program, along its own tokens."""
    cache = decoder.__dict__.setdefault("bf16_typed", {})
    if form not in cache:
        text, params = decoder.text(form)
        program, logits = decoder.folder / f"{form}.bf16.mlir", decoder.folder / f"{form}.bf16.f64"
        succeed(tool("ingot-opt", text, "--ingot-model-pipeline=compute=bf16", "-o", program))
        flags = ["--params", params, "--entry", "decode", "--mode", "typed", "--tokens", BOS, "--generate", COUNT]
        out = succeed(tool("ingot-interpret", program, *flags, "--logits", logits))
        cache[form] = [int(token) for token in out.split()], np.fromfile(logits).reshape(COUNT, -1)
    return cache[form]


def bits(array):
    return np.ascontiguousarray(array).tobytes()


# ---- Against the oracles ----


@forms
def test_typed_interpreter_agrees_with_numpy(decoder, form):
    tokens, typed = typed_of(decoder, form)
    reference = Bf16Decoder(decoder.checkpoint).run([BOS, *tokens[:-1]])
    error = relative_error(typed, reference)
    print(f"{form}: relative error {error:.3g}")
    assert error <= BOUND


@forms
def test_logits_are_those_of_the_oracles(decoder, form):
    tokens, _ = typed_of(decoder, form)
    inputs = [BOS, *tokens[:-1]]
    with Session(decoder.artifact(form, *BF16, "--logits", "all")) as session:
        steps = session.decode(inputs)
        session.reset()
        sequence = session.prefill(inputs)
    assert steps.dtype == np.float32 and sequence.shape == steps.shape
    check_logits(steps, decoder, form)
    check_logits(sequence, decoder, form)


@forms
def test_last_logits_of_a_prompt(decoder, form):
    """The whole prompt's last row and the row that is computed alone, against the same oracle."""
    tokens, typed = typed_of(decoder, form)
    inputs = [BOS, *tokens[:-1]]
    with Session(decoder.artifact(form, *BF16)) as session:
        for length in (1, 2, 63, 64):
            session.reset()
            error = relative_error(session.prefill(inputs[:length])[-1:], typed[length - 1 : length])
            print(f"{form}, {length} tokens: relative error {error:.3g}")
            assert error <= BOUND


@pytest.mark.parametrize("isa", ISAS)
def test_every_isa_level(decoder, isa):
    tokens, _ = typed_of(decoder, "handwritten")
    targets = [flag for level in ISAS for flag in ("--target", f"cpu:{level}")]
    try:
        session = Session(decoder.artifact("handwritten", *BF16, *targets), target=f"cpu:{isa}")
    except StatusError as error:
        assert error.code == UNSUPPORTED, error
        pytest.skip(str(error))  # a machine without this level
    with session:
        check_logits(session.decode([BOS, *tokens[:-1]]), decoder, "handwritten")


@forms
def test_greedy_tokens_of_the_float32_model(decoder, form):
    """Decoding alone, and a prompt through prefill."""
    tokens, exact = exact_of(decoder, form)
    with Session(decoder.artifact(form, *BF16)) as session:
        got, logits, _ = session.generate([BOS], COUNT, ignore_eos=1)
    step = check_greedy(got, tokens, logits, exact)
    same = COUNT if step is None else step + 1
    print(f"{form}: same tokens for {same} steps, max abs error {max_error(logits[:same], exact[:same]):.3g}")
    story = [BOS, *tokens]
    for length in (2, 64, 65, 100):
        with Session(decoder.artifact(form, *BF16)) as session:
            got, logits, _ = session.generate(story[:length], 60, ignore_eos=1)
        check_greedy(got, tokens[length - 1 :][:60], logits, exact[length - 1 :][:60])


@forms
def test_prefill_then_decode_equals_decode_only(decoder, form):
    """GREEDY: the chosen tokens are equal until two of them are closer than the two ways differ."""
    story = [BOS, *exact_of(decoder, form)[0]]
    for length in (2, 64, 65, 100):
        runs = []
        for decode_only in (0, 1):
            with Session(decoder.artifact(form, *BF16)) as session:
                runs.append(session.generate(story[:length], 60, ignore_eos=1, decode_only=decode_only)[:2])
        (got, logits), (want, steps) = runs
        check_greedy(got, want, logits, steps.astype(np.float64))


@forms
def test_workers_and_launches_give_the_same_bits(decoder, form):
    inputs = [BOS, *exact_of(decoder)[0]][:140]

    def trace(session):
        return bits(session.prefill(inputs[:70])), bits(session.decode(inputs[70:], 70))

    with Session(decoder.artifact(form, *BF16), workers=1) as session:
        want = trace(session)
    for workers in (1, 2, 3, 4, 16):
        for launch in (MEGAKERNEL, EAGER, INTERLEAVED):
            with Session(decoder.artifact(form, *BF16), workers=workers, launch=launch, seed=workers) as session:
                assert trace(session) == want, f"{workers} workers, launch {launch}"


# ---- What is stored ----


def describe(path):
    return json.loads(succeed(ingot("inspect", path, "--memory", "--json")))


@forms
def test_memory_is_halved(decoder, form):
    single, half = describe(decoder.artifact(form)), describe(decoder.artifact(form, *BF16))
    assert half["kv_bytes_per_token"] * 2 == single["kv_bytes_per_token"]
    assert half["memory"]["total"]["kv"] * 2 == single["memory"]["total"]["kv"]
    assert half["parameters"]["elements"] == single["parameters"]["elements"]
    by_dtype = half["parameters"]["bytes_by_dtype"]
    # What stays float32: scales of norms and tables of angles.
    c = decoder.config
    kept = 4 * ((2 * c.layers + 1) * c.dim + c.max_seq * c.head_dim)
    assert by_dtype == {"bf16": (single["parameters"]["bytes"] - kept) // 2, "f32": kept}
    assert half["parameters"]["bytes"] == sum(by_dtype.values()) == half["memory"]["total"]["parameters"]
    # The types of inputs and outputs are the model's.
    assert [e["outputs"] for e in half["entries"]] == [e["outputs"] for e in single["entries"]]
    assert "  in bf16 " in succeed(ingot("inspect", decoder.artifact(form, *BF16)))


def rounded_copy(decoder, path):
    """The parameters as a bfloat16 checkpoint."""
    tensors = load_file(decoder.safetensors())
    save_file({name: value.astype(ml_dtypes.bfloat16) for name, value in tensors.items()}, path)
    return path


def test_bfloat16_checkpoint_is_taken_as_it_is(tmp_path, decoder):
    """Rounding at compile time and a rounded file give the same artifact, but for what is float32 in it."""
    model = decoder.model("handwritten")
    model[model.index("--params") + 1] = rounded_copy(decoder, tmp_path / "bf16.safetensors")
    succeed(ingot("compile", *model, *BF16, "-o", tmp_path / "llama.ingot"))
    want = {param["name"]: param for param in json.loads(manifest_of(decoder.artifact("handwritten", *BF16)))["params"]}
    for param in json.loads(manifest_of(tmp_path / "llama.ingot"))["params"]:
        assert param["dtype"] == want[param["name"]]["dtype"]
        if param["dtype"] == "bf16":
            assert param["sha256"] == want[param["name"]]["sha256"], param["name"]
    # In float32 it is widened, exactly.
    succeed(ingot("compile", *model, "-o", tmp_path / "wide.ingot"))
    with Session(tmp_path / "wide.ingot") as session:
        session.save_params(tmp_path / "wide.safetensors")
    narrow, wide = load_file(tmp_path / "bf16.safetensors"), load_file(tmp_path / "wide.safetensors")
    for name, value in wide.items():
        assert np.array_equal(value, narrow[name].astype(np.float32)), name


def manifest_of(path):
    with Session(path) as session:
        return json.dumps(session.manifest)


def test_parameters_are_loaded_and_saved(tmp_path, decoder):
    tokens = [BOS, *exact_of(decoder)[0]][:20]
    path = decoder.artifact("handwritten", *BF16)
    with Session(path) as session:
        want = bits(session.decode(tokens))
        session.save_params(tmp_path / "saved.safetensors")
        session.reset()
        session.load_params(decoder.safetensors())  # float32: rounded
        assert bits(session.decode(tokens)) == want
        session.reset()
        session.load_params(tmp_path / "saved.safetensors")  # as stored
        assert bits(session.decode(tokens)) == want
    saved, source = load_file(tmp_path / "saved.safetensors"), load_file(decoder.safetensors())
    for name, value in saved.items():
        assert np.array_equal(value, source[name].astype(value.dtype)), name
    assert {value.dtype for value in saved.values()} == {np.dtype(ml_dtypes.bfloat16), np.dtype(np.float32)}


# ---- Casts (row B4) ----

PATTERNS = 65536
CASTS = f"""
func.func @widen(%bits: tensor<{PATTERNS}xi32> {{ingot.input = "bits"}}) -> (tensor<{PATTERNS}xf32> {{ingot.output = "value"}}) {{
  %half = arith.trunci %bits : tensor<{PATTERNS}xi32> to tensor<{PATTERNS}xi16>
  %narrow = arith.bitcast %half : tensor<{PATTERNS}xi16> to tensor<{PATTERNS}xbf16>
  %value = arith.extf %narrow : tensor<{PATTERNS}xbf16> to tensor<{PATTERNS}xf32>
  return %value : tensor<{PATTERNS}xf32>
}}
func.func @round(%value: tensor<{PATTERNS}xf32> {{ingot.input = "value"}}) -> (tensor<{PATTERNS}xi32> {{ingot.output = "bits"}}) {{
  %narrow = arith.truncf %value : tensor<{PATTERNS}xf32> to tensor<{PATTERNS}xbf16>
  %half = arith.bitcast %narrow : tensor<{PATTERNS}xbf16> to tensor<{PATTERNS}xi16>
  %bits = arith.extui %half : tensor<{PATTERNS}xi16> to tensor<{PATTERNS}xi32>
  return %bits : tensor<{PATTERNS}xi32>
}}
"""
# What follows the kept bits: exact, just above, below, at and above a tie, and just below the next value.
TAILS = [0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF]


@pytest.fixture(scope="module")
def casts(tools, tmp_path_factory):
    """An artifact of both casts for all levels, and its text."""
    folder = tmp_path_factory.mktemp("casts")
    (folder / "casts.mlir").write_text(CASTS)
    targets = [flag for level in ISAS for flag in ("--target", f"cpu:{level}")]
    succeed(ingot("compile", folder / "casts.mlir", *targets, "-o", folder / "casts.ingot"))
    return folder / "casts.ingot"


@pytest.mark.parametrize("isa", [*ISAS, "interpreter"])
def test_casts_of_all_patterns(tmp_path, casts, isa):
    if isa == "interpreter":
        run = lambda entry, array: run_interpreted(tmp_path, casts, entry, array)  # noqa: E731
    else:
        try:
            session = Session(casts, target=f"cpu:{isa}")
        except StatusError as error:
            assert error.code == UNSUPPORTED, error
            pytest.skip(str(error))  # a machine without this level
        run = lambda entry, array: session.run(entry, [array])[0].copy()  # noqa: E731
    patterns = np.arange(PATTERNS, dtype=np.int32)
    want = patterns.astype(np.uint16).view(ml_dtypes.bfloat16).astype(np.float32)
    got = run("widen", patterns)
    nan = np.isnan(want)
    assert np.array_equal(np.isnan(got), nan)
    assert np.array_equal(got[~nan].view(np.uint32), want[~nan].view(np.uint32))
    for tail in TAILS:
        value = ((patterns.astype(np.uint32) << 16) | tail).view(np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            want = value.astype(ml_dtypes.bfloat16)
        got = run("round", value).astype(np.uint16)
        nan = np.isnan(value)
        assert np.isnan(got[nan].view(ml_dtypes.bfloat16)).all(), hex(tail)
        assert np.array_equal(got[~nan], want[~nan].view(np.uint16)), hex(tail)


def run_interpreted(folder, artifact, entry, array):
    name = "bits" if entry == "widen" else "value"
    np.savez(folder / "in.npz", **{name: array})
    flags = ["--entry", entry, "--target", "interpreter", "--inputs", folder / "in.npz", "--outputs", folder / "out.npz"]
    succeed(ingot("run", artifact, *flags))
    with np.load(folder / "out.npz") as outputs:
        return outputs["value" if entry == "widen" else "bits"]


# ---- Other models, and refusals ----


def test_mlp(tmp_path):
    """The smallest example: one rounding of each operand and of the hidden layer; everything else is float32."""
    rng = np.random.default_rng(3)
    shapes = {"w1": (32, 16), "b1": (32,), "w2": (8, 32), "b2": (8,)}
    params = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(params, tmp_path / "mlp.safetensors")
    x = rng.standard_normal((4, 16)).astype(np.float32)
    model = ["../../examples/handwritten/mlp.mlir", "--params", tmp_path / "mlp.safetensors"]
    succeed(ingot("compile", *model, *BF16, "-o", tmp_path / "mlp.ingot", cwd=__file__.rsplit("/", 1)[0]))
    with Session(tmp_path / "mlp.ingot") as session:
        (got,) = session.run(session.manifest["entries"][0]["name"], [x])
    h = round_bf16(x) @ round_bf16(params["w1"]).T + params["b1"]
    want = round_bf16(h / (1 + np.exp(-h))) @ round_bf16(params["w2"]).T + params["b2"]
    # Sums in another order: a unit in the last place of a hidden element, at most.
    assert relative_error(got, want) <= 2.0**-8


@pytest.mark.parametrize(
    "flags,code,message",
    [
        (["--precision", "fp16"], 1, "ingot compile: --precision fp16 is not supported yet\n"),
        (["--precision", "bf16", "--from", "tile"], 2, "ingot compile: --precision is for tensor programs, but got --from tile\n"),
    ],
)
def test_refusals(tmp_path, flags, code, message):
    done = ingot("compile", "model.mlir", *flags, "-o", tmp_path / "x.ingot")
    assert (done.returncode, done.stderr) == (code, message)
    assert not (tmp_path / "x.ingot").exists()
