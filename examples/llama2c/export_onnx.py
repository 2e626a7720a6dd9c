#!/usr/bin/env python3
"""Writes a llama2.c checkpoint as an ONNX decoder with a key/value cache; the tokenizer travels in the metadata.

Inputs:  input_ids int64 [batch, sequence], position_ids int64 [batch, sequence] and, for every layer N,
         past_key_values.N.key and .value float32 [batch, kv_heads, past_sequence_length, head_dim].
Outputs: logits float32 [batch, sequence, vocab] and present.N.key and .value
         [batch, kv_heads, total_sequence_length, head_dim], where total = past + sequence.

Styles:  named       opset 23: RMSNormalization, RotaryEmbedding, Attention
         decomposed  opset 17: small operators, the way PyTorch's exporters write them

Metadata: ingot.max_seq, ingot.tokenizer.type ("llama2c"), ingot.tokenizer.data (base64 of the file),
          ingot.tokenizer.bos, ingot.tokenizer.eos (token ids, separated by commas).
"""

import argparse
import base64
import os
import pathlib
import sys

import onnx

import decoder_decomposed
import decoder_named
import llama2c
import onnx_graph

STYLES = {"named": decoder_named, "decomposed": decoder_decomposed}


def metadata(config, tokenizer):
    llama2c.read_tokenizer(tokenizer, config.vocab)  # refuses a tokenizer that does not belong to the checkpoint
    return {
        "ingot.max_seq": str(config.max_seq),
        "ingot.tokenizer.type": "llama2c",
        "ingot.tokenizer.data": base64.b64encode(pathlib.Path(tokenizer).read_bytes()).decode(),
        "ingot.tokenizer.bos": str(llama2c.BOS),
        # llama2.c's training data separate texts by BOS, so a generated BOS ends a text as EOS does.
        "ingot.tokenizer.eos": f"{llama2c.BOS},{llama2c.EOS}",
    }


def build_model(checkpoint, tokenizer, style):
    config, tensors = llama2c.read_checkpoint(checkpoint)
    graph = onnx_graph.Graph(config, llama2c.named_parameters(config, tensors))
    STYLES[style].build(graph)
    return graph.model(STYLES[style].OPSET, metadata(config, tokenizer))


def save(model, output, external):
    if not external:
        onnx.save_model(model, output)
        return
    location = os.path.basename(output) + ".data"
    # onnx appends to an existing data file, so an earlier export must go first.
    pathlib.Path(output).with_name(location).unlink(missing_ok=True)
    onnx.save_model(model, output, save_as_external_data=True, location=location, size_threshold=1024)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True, help="llama2.c checkpoint")
    parser.add_argument("--tokenizer", required=True, help="llama2.c tokenizer of that checkpoint")
    parser.add_argument("--style", choices=sorted(STYLES), default="named")
    parser.add_argument("--external-data", action="store_true", help="put the weights into OUTPUT.data beside it")
    parser.add_argument("-o", "--output", required=True, help="ONNX file to write")
    args = parser.parse_args(argv)
    try:
        save(build_model(args.checkpoint, args.tokenizer, args.style), args.output, args.external_data)
    except (llama2c.FormatError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
