"""llama2.c files: checkpoints, tokenizers and rope tables.

A checkpoint is a header of seven little-endian int32 (dim, hidden, layers, heads, kv heads, vocab, max seq; a negative
vocab means that the classifier is not shared with the embedding) and then float32 tensors in the order of `tensors()`.
"""

import dataclasses
import pathlib
import struct

import numpy as np

RMS_EPS = 1e-5
ROPE_BASE = 10000.0
UNK, BOS, EOS, FIRST_BYTE = 0, 1, 2, 3


class FormatError(ValueError):
    """A file is not what its name promises; the message says where and why."""


@dataclasses.dataclass(frozen=True)
class Config:
    dim: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    vocab: int
    max_seq: int
    shared_classifier: bool = True

    @property
    def head_dim(self):
        return self.dim // self.heads

    @property
    def kv_dim(self):
        return self.head_dim * self.kv_heads

    def tensors(self):
        """Name and shape of every tensor, in the order of the file. Matrices are (out_features, in_features)."""
        layers, dim, hidden, half = self.layers, self.dim, self.hidden, self.head_dim // 2
        shapes = {
            "tok_embeddings": (self.vocab, dim),
            "attention_norm": (layers, dim),
            "wq": (layers, dim, dim),
            "wk": (layers, self.kv_dim, dim),
            "wv": (layers, self.kv_dim, dim),
            "wo": (layers, dim, dim),
            "ffn_norm": (layers, dim),
            "w1": (layers, hidden, dim),
            "w2": (layers, dim, hidden),
            "w3": (layers, hidden, dim),
            "norm": (dim,),
            # Kept by the format for old readers; llama2.c skips them and so do we (see rope_tables).
            "freq_cis_real": (self.max_seq, half),
            "freq_cis_imag": (self.max_seq, half),
        }
        if not self.shared_classifier:
            shapes["output"] = (self.vocab, dim)
        return shapes

    def check(self):
        for field in ("dim", "hidden", "layers", "heads", "kv_heads", "vocab", "max_seq"):
            value = getattr(self, field)
            if not 0 < value < 1 << 28:
                raise FormatError(f"expects a positive {field} in the header, but got {value}")
        if self.dim % self.heads or self.head_dim % 2:
            raise FormatError(f"expects dim to be an even multiple of heads, but got dim {self.dim}, heads {self.heads}")
        if self.heads % self.kv_heads:
            raise FormatError(f"expects heads to be a multiple of kv heads, but got {self.heads} and {self.kv_heads}")


def read_checkpoint(path):
    """Returns (Config, {name: float32 array}); the arrays view the mapped file. Raises FormatError or OSError."""
    path = pathlib.Path(path)
    size = path.stat().st_size
    with open(path, "rb") as file:
        header = file.read(28)
    if len(header) < 28:
        raise FormatError(f"{path}: expects a header of 28 bytes, but the file has {size}")
    *dims, vocab, max_seq = struct.unpack("<7i", header)
    config = Config(*dims, abs(vocab), max_seq, vocab > 0)
    try:
        config.check()
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    shapes = config.tensors()
    expected = 28 + 4 * sum(int(np.prod(shape, dtype=object)) for shape in shapes.values())
    if size != expected:
        raise FormatError(f"{path}: expects {expected} bytes for this header, but got {size}")
    data = np.memmap(path, dtype="<f4", mode="r", offset=28)
    tensors, offset = {}, 0
    for name, shape in shapes.items():
        count = int(np.prod(shape))
        tensors[name] = data[offset : offset + count].reshape(shape)
        offset += count
    return config, tensors


def write_checkpoint(path, config, tensors):
    """`tensors` yields (name, array) in the order of `Config.tensors()`."""
    with open(path, "wb") as file:
        vocab = config.vocab if config.shared_classifier else -config.vocab
        dims = (config.dim, config.hidden, config.layers, config.heads, config.kv_heads)
        file.write(struct.pack("<7i", *dims, vocab, config.max_seq))
        for (name, shape), (given, tensor) in zip(config.tensors().items(), tensors, strict=True):
            assert (given, tensor.shape) == (name, shape), (given, name)
            np.ascontiguousarray(tensor, "<f4").tofile(file)


def rope_tables(config):
    """cos and sin, float32 [max_seq, head_dim / 2]: angle of pair j at position p is p * 10000^(-2j / head_dim).

    Computed in float64 and rounded once, which is at least as exact as llama2.c's float32 powf, cosf and sinf.
    """
    exponent = np.arange(0, config.head_dim, 2, dtype=np.float64) / config.head_dim
    angle = np.arange(config.max_seq, dtype=np.float64)[:, None] * ROPE_BASE**-exponent
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


# The names of the parameters in ONNX and safetensors files: checkpoint tensor -> name, per layer where it has an {i}.
PARAMETER_NAMES = {
    "tok_embeddings": "tok_embeddings.weight",
    "attention_norm": "layers.{i}.attention_norm.weight",
    "wq": "layers.{i}.attention.wq.weight",
    "wk": "layers.{i}.attention.wk.weight",
    "wv": "layers.{i}.attention.wv.weight",
    "wo": "layers.{i}.attention.wo.weight",
    "ffn_norm": "layers.{i}.ffn_norm.weight",
    "w1": "layers.{i}.feed_forward.w1.weight",
    "w2": "layers.{i}.feed_forward.w2.weight",
    "w3": "layers.{i}.feed_forward.w3.weight",
    "norm": "norm.weight",
    "output": "output.weight",
}


def named_parameters(config, tensors):
    """{parameter name: float32 array}, one entry per layer, and the tables rope.cos and rope.sin."""
    named = {}
    for key, name in PARAMETER_NAMES.items():
        if key not in tensors:
            continue
        if "{i}" in name:
            for i in range(config.layers):
                named[name.format(i=i)] = tensors[key][i]
        else:
            named[name] = tensors[key]
    named["rope.cos"], named["rope.sin"] = rope_tables(config)
    return named


def read_tokenizer(path, vocab):
    """Returns [(score, bytes)] of a llama2.c tokenizer with `vocab` pieces. Raises FormatError or OSError."""
    data = pathlib.Path(path).read_bytes()
    pieces, offset = [], 4
    for i in range(vocab):
        if offset + 8 > len(data):
            raise FormatError(f"{path}: expects {vocab} pieces, but the file ends at piece {i}")
        score, length = struct.unpack_from("<fi", data, offset)
        offset += 8
        if not 0 <= length <= len(data) - offset:
            raise FormatError(f"{path}: piece {i} has length {length}, but {len(data) - offset} bytes are left")
        pieces.append((score, data[offset : offset + length]))
        offset += length
    if offset != len(data):
        raise FormatError(f"{path}: {len(data) - offset} bytes are left after {vocab} pieces")
    return pieces


def write_tokenizer(path, pieces):
    with open(path, "wb") as file:
        file.write(struct.pack("<i", max(len(text) for _, text in pieces)))
        for score, text in pieces:
            file.write(struct.pack("<fi", score, len(text)) + text)
