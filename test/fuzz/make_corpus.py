"""Makes the seeds in test/fuzz/corpus that are no ONNX files: small inputs of every kind, to be mutated.

usage: make_corpus.py        needs the dev build and .venv; seeds that exist and did not change stay as they are"""

import io
import json
import pathlib
import subprocess
import tempfile
import zipfile

import numpy as np
import sentencepiece
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "test/fuzz/corpus"
LINES = ["the cat sat on the mat and the cat ate the hat, 12 times!\n"] * 3


def put(kind, name, contents):
    (CORPUS / kind).mkdir(parents=True, exist_ok=True)
    (CORPUS / kind / name).write_bytes(contents)


def sentence_piece(folder, **options):
    prefix = folder / "trained"
    settings = dict(vocab_size=60, hard_vocab_limit=False, minloglevel=2, num_threads=1) | options
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(LINES), model_prefix=str(prefix), **settings)
    return prefix.with_suffix(".model").read_bytes()


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=60, special_tokens=["<s>"], show_progress=False))
    return tokenizer.to_str()


def metaspace():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    settings = dict(vocab_size=60, special_tokens=["<unk>"], show_progress=False)
    tokenizer.train_from_iterator(LINES, trainers.BpeTrainer(**settings))
    return tokenizer.to_str()


def patterns():
    contents = json.loads(byte_level())
    pattern = r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    contents["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, level]}
    contents["model"]["ignore_merges"] = True
    single = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    special = {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}
    post = {"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": special}
    return json.dumps(contents | {"post_processor": post})


def compiled(folder, file):
    """The compiled form of a tokenizer file: a member of an artifact."""
    import onnx
    from onnx import TensorProto, helper

    floats = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", floats[:1], floats[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), folder / "m.onnx")
    (folder / "tokenizer").write_bytes(file)
    command = [ROOT / "build/dev/bin/ingot", "compile", folder / "m.onnx", "--target", "cpu:generic"]
    subprocess.run([*command, "--tokenizer", folder / "tokenizer", "-o", folder / "m.ingot"], check=True)
    return zipfile.ZipFile(folder / "m.ingot").read("tokenizer.bin")


def tokenizers(folder):
    text = "the cat's  hat\n\n 1234 é <s>\xff".encode("latin-1")
    prefix = bytes([len(text)]) + text
    files = {
        "byte-level.json": byte_level().encode(),
        "metaspace.json": metaspace().encode(),
        "patterns.json": patterns().encode(),
        "bpe.model": sentence_piece(folder, model_type="bpe", normalization_rule_name="identity"),
        "unigram.model": sentence_piece(
            folder, model_type="unigram", normalization_rule_name="identity", user_defined_symbols=["cat"]
        ),
    }
    for name, contents in files.items():
        put("tokenizer", name, prefix + contents)
        put("tokenizer", name + ".compiled", prefix + compiled(folder, contents))


def artifact_members(folder):
    path = folder / "decoder.ingot"
    subprocess.run([ROOT / "build/dev/bin/write-test-artifact", "decoder", path], check=True, stdout=subprocess.DEVNULL)
    archive = zipfile.ZipFile(path)
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as small:
            for name in archive.namelist():
                if not name.startswith("code/"):
                    # A fixed date: the same seeds each time.
                    small.writestr(zipfile.ZipInfo(name), archive.read(name))
        put("artifact", "without-code.ingot", file.getvalue())
    for index, name in enumerate(archive.namelist()):
        if name.startswith("code/"):
            continue
        contents = archive.read(name)
        # The target's artifact has a tokenizer in front of the parameters.
        put("resealed", name.replace("/", "-"), bytes([index + (name == "params.safetensors")]) + contents)
        if name.endswith(".bin") and name.startswith("program/"):
            put("program", name.replace("/", "-"), contents)


def arrays():
    for dtype in ("float32", "int8", "bool"):
        with io.BytesIO() as file:
            np.save(file, np.zeros((2, 3), dtype))
            put("npz", f"{dtype}.npy", file.getvalue())
    for name, save in (("stored.npz", np.savez), ("deflated.npz", np.savez_compressed)):
        with io.BytesIO() as file:
            save(file, x=np.arange(6, dtype="float32").reshape(2, 3), y=np.int32(3))
            put("npz", name, file.getvalue())


def text():
    """The dialects' own tests, without what lit reads."""
    names = ("ops.mlir", "events.mlir", "contract.mlir", "mlp.mlir")
    for path in sorted([*(ROOT / "test/Dialect").glob("*/*.mlir"), *(ROOT / "examples/handwritten").glob("*.mlir")]):
        if path.name not in names:
            continue
        lines = [line for line in path.read_text().splitlines(True) if not line.lstrip().startswith("//")]
        for part, chunk in enumerate("".join(lines).split("// -----")):
            put("text", f"{path.parent.name.lower()}-{path.stem}-{part}.mlir", chunk.encode())


def main():
    with tempfile.TemporaryDirectory() as folder:
        tokenizers(pathlib.Path(folder))
        artifact_members(pathlib.Path(folder))
    arrays()
    text()


main()
