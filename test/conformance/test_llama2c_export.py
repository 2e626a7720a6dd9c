"""The exporters of examples/llama2c: both ONNX styles run in ONNX Runtime and agree with a float64 decoder."""

import base64
import collections

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file

import export_onnx
import export_safetensors
import llama2c
import make_checkpoint
from reference import NumpyDecoder, OnnxDecoder, greedy

STYLES = ["named", "decomposed"]
SMALL = ["--dim", "32", "--hidden", "56", "--layers", "2", "--heads", "4", "--max-seq", "64"]
VARIANTS = {
    "gqa": ["--kv-heads", "2"],
    "mha": ["--kv-heads", "4"],
    "mqa": ["--kv-heads", "1"],
    "unshared": ["--kv-heads", "2", "--unshared-classifier", "--vocab", "300"],
}


def seeded(folder, *options, seed=3):
    checkpoint, tokenizer = folder / "r.bin", folder / "rt.bin"
    arguments = ["--seed", str(seed), "-o", str(checkpoint), "--tokenizer-out", str(tokenizer), *options]
    assert make_checkpoint.main(arguments) == 0
    return checkpoint, tokenizer


def export(folder, checkpoint, tokenizer, style, *options):
    output = folder / f"{style}.onnx"
    arguments = ["--checkpoint", str(checkpoint), "--tokenizer", str(tokenizer), "--style", style, *options]
    assert export_onnx.main([*arguments, "-o", str(output)]) == 0
    return output


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("style", STYLES)
def test_seeded_decoder_matches_float64(tmp_path, style, variant):
    checkpoint, tokenizer = seeded(tmp_path, *SMALL, *VARIANTS[variant])
    exact = NumpyDecoder(checkpoint)
    tokens, want = greedy(exact, 24)
    model = OnnxDecoder(export(tmp_path, checkpoint, tokenizer, style), exact.config)
    scale = abs(want).max()
    assert greedy(model, 24)[0] == tokens
    assert abs(greedy(model, 24)[1] - want).max() <= 1e-5 * scale
    model.reset()
    chunks = np.concatenate([model.run(tokens[:10]), model.run(tokens[10:11]), model.run(tokens[11:])])
    assert abs(chunks - want).max() <= 1e-5 * scale


def test_float64_cache_equals_recompute(tmp_path):
    exact = NumpyDecoder(seeded(tmp_path, *SMALL, "--kv-heads", "2")[0])
    tokens, cached = greedy(exact, 32)
    exact.reset()
    assert abs(exact.run(tokens) - cached).max() <= 1e-12 * abs(cached).max()


@pytest.mark.parametrize("style", STYLES)
def test_stories_matches_recorded_run(tmp_path, stories, style):
    checkpoint = stories / "stories260K.bin"
    recorded = [int(token) for token in (stories / "stories260K.tokens.txt").read_text().split()]
    logits = np.fromfile(stories / "stories260K.logits.f32", np.float32).reshape(64, 512)
    exact_tokens, exact = greedy(NumpyDecoder(checkpoint), 64)
    assert exact_tokens == recorded
    assert abs(exact - logits).max() <= 2e-5
    output = export(tmp_path, checkpoint, stories / "tok512.bin", style)
    tokens, got = greedy(OnnxDecoder(output, llama2c.read_checkpoint(checkpoint)[0]), 64)
    assert tokens == recorded
    assert abs(got - exact).max() <= 3e-5


def test_styles_use_the_operators_they_promise(tmp_path):
    files = seeded(tmp_path, *SMALL, "--kv-heads", "2")
    count = {}
    for style, opset in zip(STYLES, (23, 17)):
        model = onnx.load(export(tmp_path, *files, style))
        assert [(o.domain, o.version) for o in model.opset_import] == [("", opset)]
        count[style] = collections.Counter(node.op_type for node in model.graph.node)
        assert len({node.name for node in model.graph.node}) == len(model.graph.node)
    assert count["named"]["Attention"] == 2 and count["named"]["RotaryEmbedding"] == 4
    assert count["named"]["RMSNormalization"] == 5 and "Reshape" not in count["named"]
    assert not {"Attention", "RotaryEmbedding", "RMSNormalization"} & set(count["decomposed"])
    assert count["decomposed"]["Softmax"] == 2 and count["decomposed"]["Expand"] == 4


@pytest.mark.parametrize("style", STYLES)
def test_shared_classifier_is_one_initializer(tmp_path, style):
    graph = onnx.load(export(tmp_path, *seeded(tmp_path, *SMALL, "--kv-heads", "2"), style)).graph
    users = [node.op_type for node in graph.node if "tok_embeddings.weight" in node.input]
    assert sorted(users) == ["Gather", "Transpose"]
    assert [init.name for init in graph.initializer].count("tok_embeddings.weight") == 1


def test_tokenizer_travels_in_metadata(tmp_path):
    checkpoint, tokenizer = seeded(tmp_path, *SMALL, "--kv-heads", "2")
    properties = {p.key: p.value for p in onnx.load(export(tmp_path, checkpoint, tokenizer, "named")).metadata_props}
    assert base64.b64decode(properties["ingot.tokenizer.data"]) == tokenizer.read_bytes()
    assert properties["ingot.tokenizer.type"] == "llama2c"
    assert (properties["ingot.tokenizer.bos"], properties["ingot.tokenizer.eos"]) == ("1", "1,2")
    assert properties["ingot.max_seq"] == "64"


def test_external_data_holds_the_same_weights(tmp_path):
    files = seeded(tmp_path, *SMALL, "--kv-heads", "2")
    inside = {t.name: numpy_helper.to_array(t) for t in onnx.load(export(tmp_path, *files, "named")).graph.initializer}
    sizes = []
    for _ in range(2):  # a second export must not append to the first one's data
        output = export(tmp_path, *files, "named", "--external-data")
        sizes.append((tmp_path / "named.onnx.data").stat().st_size)
    assert sizes[0] == sizes[1]
    stored = onnx.load(output, load_external_data=False).graph.initializer
    assert any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in stored)
    outside = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(output).graph.initializer}
    assert inside.keys() == outside.keys()
    assert all(np.array_equal(inside[name], outside[name]) for name in inside)


def test_safetensors_names_shapes_and_values(tmp_path):
    checkpoint, _ = seeded(tmp_path, *SMALL, "--kv-heads", "2", "--unshared-classifier")
    output = tmp_path / "m.safetensors"
    assert export_safetensors.main(["--checkpoint", str(checkpoint), "-o", str(output)]) == 0
    config, tensors = llama2c.read_checkpoint(checkpoint)
    stored = load_file(output)
    layer = ["attention_norm", "ffn_norm", *(f"attention.{w}" for w in ("wq", "wk", "wv", "wo"))]
    layer += [f"feed_forward.{w}" for w in ("w1", "w2", "w3")]
    expected = {f"layers.{i}.{name}.weight" for i in range(config.layers) for name in layer}
    expected |= {"tok_embeddings.weight", "norm.weight", "output.weight", "rope.cos", "rope.sin"}
    assert stored.keys() == expected
    assert all(value.dtype == np.float32 for value in stored.values())
    assert stored["layers.1.attention.wk.weight"].shape == (16, 32)
    assert np.array_equal(stored["layers.1.attention.wk.weight"], tensors["wk"][1])
    assert np.array_equal(stored["output.weight"], tensors["output"])
    assert stored["rope.cos"].shape == (64, 4)
    assert abs(stored["rope.sin"][5, 1] - np.sin(5 * 10000 ** (-2 / 8))) < 1e-7


def test_seed_decides_the_bytes(tmp_path):
    first = [file.read_bytes() for file in seeded(tmp_path, seed=1)]
    assert [file.read_bytes() for file in seeded(tmp_path, seed=1)] == first
    assert seeded(tmp_path, seed=2)[0].read_bytes() != first[0]


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda data: data[:20], "expects a header of 28 bytes, but the file has 20"),
        (lambda data: data[:-4], "expects"),
        (lambda data: data + b"\0", "expects"),
        (lambda data: b"\xff\xff\xff\xff" + data[4:], "expects a positive dim in the header, but got -1"),
        (lambda data: data[:12] + b"\x05\0\0\0" + data[16:], "even multiple of heads"),
    ],
)
def test_damaged_checkpoint_is_refused(tmp_path, capsys, damage, message):
    checkpoint, tokenizer = seeded(tmp_path, *SMALL, "--kv-heads", "2")
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    for tool, extra in ((export_onnx, ["--tokenizer", str(tokenizer)]), (export_safetensors, [])):
        output = tmp_path / "out"
        assert tool.main(["--checkpoint", str(checkpoint), *extra, "-o", str(output)]) == 1
        assert message in capsys.readouterr().err
        assert not output.exists()


@pytest.mark.parametrize("damage, message", [(-3, "but"), (0, "bytes are left after")])
def test_foreign_tokenizer_is_refused(tmp_path, capsys, damage, message):
    checkpoint, tokenizer = seeded(tmp_path, *SMALL, "--kv-heads", "2")
    data = tokenizer.read_bytes()
    tokenizer.write_bytes(data[:damage] if damage else data + b"more")
    arguments = ["--checkpoint", str(checkpoint), "--tokenizer", str(tokenizer), "-o", str(tmp_path / "m.onnx")]
    assert export_onnx.main(arguments) == 1
    assert message in capsys.readouterr().err
