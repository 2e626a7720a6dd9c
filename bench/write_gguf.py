"""Writes a llama2.c checkpoint as GGUF for llama.cpp, float32 or bfloat16: the same weights, and a tokenizer of that size
that nobody asks for text. Runs in the optional environment, which has the `gguf` package.

usage: write_gguf.py CHECKPOINT f32|bf16 OUTPUT
"""

import pathlib
import sys

import gguf
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "examples/llama2c"))

import llama2c  # noqa: E402

NAMES = {
    "tok_embeddings": "token_embd.weight",
    "attention_norm": "blk.{i}.attn_norm.weight",
    "wq": "blk.{i}.attn_q.weight",
    "wk": "blk.{i}.attn_k.weight",
    "wv": "blk.{i}.attn_v.weight",
    "wo": "blk.{i}.attn_output.weight",
    "ffn_norm": "blk.{i}.ffn_norm.weight",
    "w1": "blk.{i}.ffn_gate.weight",
    "w2": "blk.{i}.ffn_down.weight",
    "w3": "blk.{i}.ffn_up.weight",
    "norm": "output_norm.weight",
    "output": "output.weight",
}


def to_bf16(values):
    """Round to nearest even; the bits as uint16."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def parts(config, tensors):
    """(name, float32 array) of every tensor. Both turn neighbouring elements by RoPE, so queries and keys stay as they are."""
    for key, name in NAMES.items():
        if key in tensors and "{i}" in name:
            for i in range(config.layers):
                yield name.format(i=i), tensors[key][i]
        elif key in tensors:
            yield name, tensors[key]


def describe(writer, config):
    writer.add_context_length(config.max_seq)
    writer.add_embedding_length(config.dim)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.hidden)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(llama2c.ROPE_BASE)
    writer.add_layer_norm_rms_eps(llama2c.RMS_EPS)
    writer.add_tokenizer_model("llama")
    pieces = [b"<unk>", b"<s>", b"</s>", *(b"<0x%02X>" % byte for byte in range(256))]
    pieces += [b"<extra%d>" % i for i in range(config.vocab - len(pieces))]
    kinds = [gguf.TokenType.UNKNOWN, *[gguf.TokenType.CONTROL] * 2, *[gguf.TokenType.BYTE] * 256]
    kinds += [gguf.TokenType.NORMAL] * (config.vocab - len(kinds))
    writer.add_token_list(pieces)
    writer.add_token_scores([0.0] * config.vocab)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(llama2c.BOS)
    writer.add_eos_token_id(llama2c.EOS)


def write(checkpoint, precision, output):
    config, tensors = llama2c.read_checkpoint(checkpoint)
    writer = gguf.GGUFWriter(output, "llama")
    describe(writer, config)
    half = precision == "bf16"
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if half else gguf.LlamaFileType.ALL_F32)
    arrays = list(parts(config, tensors))
    for name, array in arrays:
        narrow = half and array.ndim == 2  # vectors stay float32, as in every GGUF file
        kind, size = (gguf.GGMLQuantizationType.BF16, 2) if narrow else (gguf.GGMLQuantizationType.F32, 4)
        writer.add_tensor_info(name, array.shape, array.dtype, size * array.size, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, array in arrays:  # one at a time: models may be larger than memory
        array = np.ascontiguousarray(array)
        writer.write_tensor_data(to_bf16(array) if half and array.ndim == 2 else array)
    writer.close()


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[2] not in ("f32", "bf16"):
        sys.exit("usage: write_gguf.py CHECKPOINT f32|bf16 OUTPUT")
    write(*sys.argv[1:])
