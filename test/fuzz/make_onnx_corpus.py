#!/usr/bin/env python3
"""Writes the seeds of the ONNX fuzz target: the models of test/Import/ONNX and a tiny decoder in both styles.

usage: make_onnx_corpus.py FOLDER        (the committed one is test/fuzz/corpus/onnx)
"""

import pathlib
import subprocess
import sys
import tempfile

import onnx

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ["attention", "elementwise", "index", "matmul", "mlp", "norm", "reduce", "shape-arithmetic", "training"]
SIZES = dict(dim=8, hidden=8, layers=1, heads=2, kv_heads=1, vocab=259, max_seq=8)


def run(script, *arguments):
    subprocess.run([sys.executable, str(ROOT / script), *map(str, arguments)], check=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for name in MODELS:
            run("test/Import/ONNX/Inputs/to_onnx.py", ROOT / f"test/Import/ONNX/{name}.test", "-o", scratch / name)
        for path in scratch.rglob("*"):
            if path.is_file():
                name = path.stem if path.parent == scratch else f"{path.parent.name}-{path.stem}"
                (folder / f"{name}.onnx").write_bytes(path.read_bytes())
        files = scratch / "r.bin", scratch / "t.bin"
        sizes = [text for key, size in SIZES.items() for text in ("--" + key.replace("_", "-"), size)]
        run("examples/llama2c/make_checkpoint.py", *sizes, "-o", files[0], "--tokenizer-out", files[1])
        for style in ("named", "decomposed"):
            output = folder / f"decoder-{style}.onnx"
            run("examples/llama2c/export_onnx.py", "--checkpoint", files[0], "--tokenizer", files[1], "--style", style, "-o", output)
            model = onnx.load(output)
            del model.metadata_props[:]  # the tokenizer would be half of the file
            onnx.save_model(model, output)


if __name__ == "__main__":
    main()
