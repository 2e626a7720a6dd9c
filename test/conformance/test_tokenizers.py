"""Compiled tokenizers against the libraries that made the files: `tokenizers` and `sentencepiece`."""

import base64
import json
import pathlib
import random
import unicodedata

import onnx
import pytest
import sentencepiece
from onnx import TensorProto, helper
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import runtime_api
from toolchain import HANDWRITTEN, complain, export, ingot, make_model, succeed

pytestmark = pytest.mark.usefixtures("tools")

ROOT = pathlib.Path(__file__).resolve().parents[2]
STRANGE = "漢字かな交じり文 é à ü абв नमस्ते \U0001f600 \U0001f468\u200d\U0001f469 12345 ﬁ Å ▁ \u3000x\n"
TEXTS = 2000  # random ones for each tokenizer

GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{SUFFIX}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def corpus():
    """Text to train on: ours, and some of many scripts."""
    lines = [line for path in sorted((ROOT / "docs").glob("*.md")) for line in path.read_text().splitlines(True)]
    return lines + [STRANGE] * 3


# The libraries know different versions of Unicode; all of them know what this Python knows.
ASSIGNED = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) not in ("Cn", "Cs")]
POOLS = [
    list("etaoin shrdlu ETAOIN.,;:!?'\"-0123456789"),
    list(" \t\n\r\v\f\u0085\u00a0\u2003\u3000\u2028\u200b"),
    list("é漢字かなabвअआกข\u0301\u200d\U0001f600\U0001f468👍🏽ﬁÅß"),
    "'s 'S 'ſ 're 'LL n't <s> </s> <unk> <|end|> <0x41> ▁ ▁▁ \x00 \x7f \ufffd".split(" "),
    ASSIGNED,
]
FIXED = ["", " ", "  ", "\n", " a", "a ", "  a  b  ", " " * 300, "a" * 300, "\t\n \r\n" * 20, "▁", "▁a", "x  <s> y"]


def texts(seed, extra=(), count=TEXTS):
    """Texts of one to three kinds of characters mixed; `extra` are words that this tokenizer treats in its own way."""
    choose = random.Random(seed)
    pools = POOLS + [list(extra)] * 2 if extra else POOLS
    yield from FIXED
    for _ in range(count):
        kinds = [choose.choice(pools) for _ in range(choose.randrange(1, 4))]
        yield "".join(choose.choice(choose.choice(kinds)) for _ in range(choose.randrange(40)))


def compile_model(folder, *options, **metadata):
    """The tokenizer of an artifact of a small model."""
    floats = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", floats[:1], floats[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, {f"ingot.tokenizer.{key}": value for key, value in metadata.items()})
    onnx.save(model, folder / "model.onnx")
    artifact = folder / "model.ingot"
    succeed(ingot("compile", folder / "model.onnx", "--target", "cpu:generic", *options, "-o", artifact))
    return runtime_api.Tokenizer(artifact)


def compiled(folder, name, contents):
    """The tokenizer of an artifact that was compiled with this file."""
    (folder / name).write_bytes(contents)
    return compile_model(folder, "--tokenizer", folder / name)


# ---- tokenizer.json ----


def byte_level(pre=None, specials=("<s>", "</s>", "<|end|>"), alphabet=True, added=(), post=None, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre or pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet() if alphabet else []
    settings = dict(vocab_size=900, special_tokens=list(specials), initial_alphabet=letters, show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(**settings))
    tokenizer.add_tokens(list(added))
    if post:
        tokenizer.post_processor = post
    return tokenizer


def pieces(*stages):
    return pre_tokenizers.Sequence([*stages, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def split(pattern):
    return pieces(pre_tokenizers.Split(Regex(pattern), "isolated"))


def begin(bos, number):
    return processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, number)])


def metaspace(scheme="always", split=True, byte_fallback=False, **options):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=byte_fallback, **options))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    names = [f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else []
    settings = dict(vocab_size=900, special_tokens=["<unk>", "<s>", "</s>", *names], show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(**settings))
    return tokenizer


def gemma():
    """As Gemma's: spaces are replaced, and then split at."""
    contents = json.loads(metaspace(byte_fallback=True).to_str())
    pattern = {"String": " "}
    contents["normalizer"] = {"type": "Replace", "pattern": pattern, "content": "▁"}
    split = {"type": "Split", "pattern": pattern, "behavior": "MergedWithPrevious", "invert": False}
    back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    contents["decoder"] = {"type": "Sequence", "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}]}
    contents["added_tokens"] = [t for t in contents["added_tokens"] if not t["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(contents | {"pre_tokenizer": split}))


def llama2(**options):
    """As Llama 2's was converted from SentencePiece."""
    contents = json.loads(metaspace(**options).to_str())
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    contents["pre_tokenizer"] = None
    contents["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]}
    contents["decoder"] = {"type": "Sequence", "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"}, strip]}
    contents["added_tokens"] = [t for t in contents["added_tokens"] if not t["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(contents))
    tokenizer.post_processor = begin("<s>", 1)
    return tokenizer


ADDED = [
    AddedToken("<mask>", lstrip=True),
    AddedToken("world", normalized=True),
    AddedToken("[X]", rstrip=True, special=True),
    AddedToken("é", normalized=False),
    AddedToken("a b", normalized=True),
    AddedToken("<m", normalized=False),
    AddedToken("  ", normalized=False),
]
HUGGING_FACE = {
    "gpt2": lambda: byte_level(specials=["<|endoftext|>"]),
    "prefix space": lambda: byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "characters missing": lambda: byte_level(alphabet=False),
    "unknown characters": lambda: byte_level(alphabet=False, specials=["<unk>"], unk_token="<unk>"),
    "fused unknown": lambda: byte_level(alphabet=False, specials=["<unk>"], unk_token="<unk>", fuse_unk=True),
    "llama3": lambda: byte_level(split(GPT4), post=begin("<s>", 0), ignore_merges=True),
    "gpt4o": lambda: byte_level(split(GPT4O)),
    "single digits": lambda: byte_level(pieces(pre_tokenizers.Digits(individual_digits=True))),
    "digits": lambda: byte_level(pieces(pre_tokenizers.Digits(), pre_tokenizers.Split("th", "isolated"))),
    "added tokens": lambda: byte_level(added=ADDED),
    "metaspace": metaspace,
    "metaspace first": lambda: metaspace("first"),
    "metaspace never": lambda: metaspace("never"),
    "metaspace whole": lambda: metaspace("first", split=False, fuse_unk=True),
    "metaspace bytes": lambda: metaspace("first", byte_fallback=True),
    "gemma": gemma,
    "llama2": lambda: llama2(byte_fallback=True, fuse_unk=True),
    "llama2 unknown": lambda: llama2(fuse_unk=True),
    "llama2 each unknown": llama2,
}


@pytest.mark.parametrize("name", HUGGING_FACE)
def test_tokenizer_json(tmp_path, name):
    theirs = HUGGING_FACE[name]()
    ours = compiled(tmp_path, "tokenizer.json", theirs.to_str().encode())
    assert ours.manifest["tokenizer"]["type"] == "huggingface"
    assert ours.manifest["tokenizer"]["bos"] == theirs.encode("").ids
    for text in texts(1, ["<mask>", "world", "[X]", "a b", "<|end|>", " <mask> "]):
        ids = theirs.encode(text).ids
        assert ours.encode(text.encode()) == ids, text
        assert ours.decode(ids).decode(errors="replace") == theirs.decode(ids), text
    choose = random.Random(2)
    for _ in range(500):
        ids = [choose.randrange(theirs.get_vocab_size()) for _ in range(choose.randrange(20))]
        if name in ("llama2", "gemma"):
            # Of a run of bytes that is no text the library forgets all bytes; ours stay.
            ids = [id for id in ids if not theirs.id_to_token(id).startswith("<0x")]
        assert ours.decode(ids).decode(errors="replace") == theirs.decode(ids), ids


def change(contents, path, value):
    for key in path[:-1]:
        contents = contents[key]
    contents[path[-1]] = value


REFUSED = {
    "model 'Unigram'": (["model", "type"], "Unigram"),
    "model 'WordPiece'": (["model", "type"], "WordPiece"),
    "normalizer 'NFC'": (["normalizer"], {"type": "NFC"}),
    "pre-tokenizer 'BertPreTokenizer'": (["pre_tokenizer"], {"type": "BertPreTokenizer"}),
    r"the pre-tokenizer: '\b'": (["pre_tokenizer"], json.loads(split(r"\b").__getstate__())),
    "the pre-tokenizer: a repeated group": (["pre_tokenizer"], json.loads(split("(ab)*").__getstate__())),
    "the property 'Han'": (["pre_tokenizer"], json.loads(split(r"\p{Han}+").__getstate__())),
    "post-processor 'RobertaProcessing'": (["post_processor"], {"type": "RobertaProcessing"}),
    "a decoder other than 'ByteLevel'": (["decoder"], {"type": "WordPiece"}),
    "a BPE model with end_of_word_suffix": (["model", "end_of_word_suffix"], "</w>"),
}


def test_what_is_not_supported_is_named(tmp_path):
    contents = json.loads(byte_level().to_str())
    for message, (path, value) in REFUSED.items():
        changed = json.loads(json.dumps(contents))
        change(changed, path, value)
        (tmp_path / "tokenizer.json").write_text(json.dumps(changed))
        model = [HANDWRITTEN / "mlp.mlir", "--tokenizer", tmp_path / "tokenizer.json", "-o", tmp_path / "m.ingot"]
        got = complain(ingot("compile", *model))
        assert message in got and got.endswith("is not supported yet"), got


def test_more_tokens_than_the_model_has(tmp_path):
    """Refused at every stage: prompts would become tokens that the model does not know."""
    checkpoint, same = make_model(tmp_path, "--vocab", 300, "--layers", 1)
    (tmp_path / "large").mkdir()
    _, large = make_model(tmp_path / "large", "--vocab", 301, "--layers", 1)
    model, output = export(tmp_path / "m.onnx", checkpoint, same, "named"), tmp_path / "m.ingot"
    for stage in ("ingot", "tile", "task"):
        succeed(ingot("compile", model, "--emit", stage, "-o", tmp_path / f"{stage}.mlir"))
    sources = [[model], *([tmp_path / f"{stage}.mlir", "--from", stage] for stage in ("ingot", "tile", "task"))]
    for source in sources:
        message = complain(ingot("compile", *source, "--tokenizer", large, "-o", output))
        assert message.endswith("tokenizer.bin': expects a tokenizer of at most 300 tokens, but got 301"), message
        assert not output.exists()
    succeed(ingot("compile", model, "--tokenizer", same, "-o", output))
    carried = onnx.load(model)
    (data,) = (each for each in carried.metadata_props if each.key == "ingot.tokenizer.data")
    data.value = base64.b64encode(large.read_bytes()).decode()
    onnx.save(carried, model)
    message = complain(ingot("compile", model, "-o", tmp_path / "other.ingot"))
    assert message.endswith("'ingot.tokenizer.data': expects a tokenizer of at most 300 tokens, but got 301"), message


def test_end_of_text_comes_from_the_files(tmp_path):
    contents = byte_level().to_str().encode()
    assert compiled(tmp_path, "tokenizer.json", contents).manifest["eos"] == [1, 2]
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, 5]}))
    assert compiled(tmp_path, "tokenizer.json", contents).manifest["eos"] == [2, 5]


# ---- SentencePiece ----

SENTENCE_PIECE = {
    "llama": dict(
        model_type="bpe",
        normalization_rule_name="identity",
        byte_fallback=True,
        remove_extra_whitespaces=False,
        vocab_size=1000,
    ),
    "bpe": dict(model_type="bpe"),
    "bpe folded": dict(model_type="bpe", normalization_rule_name="nmt_nfkc_cf", byte_fallback=True, vocab_size=900),
    "bpe symbols": dict(
        model_type="bpe",
        user_defined_symbols=["<sep>", "th", "world  x", "漢字"],
        control_symbols=["<ctl>"],
        remove_extra_whitespaces=False,
    ),
    "bpe no prefix": dict(model_type="bpe", add_dummy_prefix=False, remove_extra_whitespaces=False),
    "bpe trimmed": dict(model_type="bpe", add_dummy_prefix=False),
    "unigram": dict(model_type="unigram"),
    "unigram bytes": dict(model_type="unigram", byte_fallback=True, vocab_size=900, normalization_rule_name="nfkc"),
    "unigram symbols": dict(
        model_type="unigram",
        user_defined_symbols=["<sep>", "th", "the t", "漢字"],
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
    ),
    "unigram unknown": dict(model_type="unigram", character_coverage=0.98, bos_id=-1, eos_id=1, unk_id=0),
    "unigram across": dict(
        model_type="unigram",
        split_by_whitespace=False,
        remove_extra_whitespaces=False,
        split_digits=True,
        unk_surface="??",
    ),
}


def sentence_piece(folder, **options):
    settings = dict(vocab_size=700, character_coverage=1.0, minloglevel=2, num_threads=1) | options
    prefix = folder / "trained"
    trainer = sentencepiece.SentencePieceTrainer
    trainer.train(sentence_iterator=iter(corpus()), model_prefix=str(prefix), **settings)
    return prefix.with_suffix(".model").read_bytes()


def broken_texts(seed, count):
    """Bytes that are often no UTF-8."""
    choose = random.Random(seed)
    some = b"A \xe2\x96\x81\xff\xc3\xa9\xf0\x9f\x98\x80\xed\xa0"
    return [bytes(choose.choice(some) for _ in range(choose.randrange(12))) for _ in range(count)]


@pytest.mark.parametrize("name", SENTENCE_PIECE)
def test_sentence_piece(tmp_path, name):
    model = sentence_piece(tmp_path, **SENTENCE_PIECE[name])
    theirs = sentencepiece.SentencePieceProcessor(model_proto=model)
    ours = compiled(tmp_path, "tokenizer.model", model)
    manifest = ours.manifest
    assert manifest["tokenizer"]["type"] == "sentencepiece" and manifest["eos"] == [theirs.eos_id()]
    assert manifest["tokenizer"]["bos"] == [theirs.bos_id()] * (theirs.bos_id() >= 0)
    valid = [text.encode() for text in texts(3, ["<sep>", "th", "the t", "world  x", "漢字", "<ctl>", "<s>"])]
    for text in valid + broken_texts(4, 300):
        ids = theirs.encode(text)
        assert ours.encode(text, at_start=False) == ids, text
        assert ours.decode(ids).decode(errors="replace") == theirs.decode(ids), text
    choose = random.Random(5)
    for _ in range(500):
        ids = [choose.randrange(len(theirs)) for _ in range(choose.randrange(20))]
        ids = [id for id in ids if not theirs.is_byte(id)]
        assert ours.decode(ids).decode(errors="replace") == theirs.decode(ids), ids


# ---- All of them ----


@pytest.mark.parametrize("name", ["gpt2", "llama3", "llama2"])
def test_any_bytes_survive(tmp_path, name):
    ours = compiled(tmp_path, "tokenizer.json", HUGGING_FACE[name]().to_str().encode())
    choose = random.Random(6)
    for length in [*range(40)] * 20:
        # A code point of the replacement character is a token like any other; broken bytes are kept as they are.
        text = bytes(choose.randrange(256) for _ in range(length))
        assert ours.decode(ours.encode(text)) == text
    assert ours.decode([-1, 10**9]) == b""


def test_metadata_of_a_model(tmp_path):
    """A model may carry the file itself."""
    contents = byte_level().to_str().encode()
    ours = compile_model(tmp_path, type="huggingface", data=base64.b64encode(contents).decode())
    assert ours.encode("Hello <|end|>".encode()) == Tokenizer.from_str(contents.decode()).encode("Hello <|end|>").ids
