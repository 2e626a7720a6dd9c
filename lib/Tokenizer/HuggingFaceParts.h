// The parts of a tokenizer.json around its vocabulary.
#pragma once

#include "runtime/formats/Json.h"
#include "runtime/tokenizer/WriteForm.h"

namespace ingot::tokenizer {

struct HuggingFaceParts {
  bool byteLevel = false;           // tokens are bytes, written in GPT-2's way
  bool byteFallbackDecodes = false; // tokens like <0x0A> are bytes when decoding
};

/// Checks that the model is a BPE model with a vocabulary and merges, and reads normalizer, pre-tokenizer,
/// post-processor and decoder. Fails (unsupported) with the name of the first that is not known.
runtime::Status readHuggingFaceParts(const runtime::Json &json, runtime::tokenizer::Parts &parts,
                                     HuggingFaceParts &out);

} // namespace ingot::tokenizer
