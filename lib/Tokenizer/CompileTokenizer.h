// Tokenizer files to the form that artifacts carry.
#pragma once

#include "runtime/tokenizer/WriteForm.h"

#include <string>
#include <string_view>
#include <vector>

namespace ingot::tokenizer {

/// A tokenizer as an artifact carries it.
struct CompiledTokenizer {
  std::string type;         // "llama2c", "sentencepiece" or "huggingface": where it comes from
  std::string form;         // see runtime/tokenizer/Form.h
  std::vector<int32_t> bos; // tokens in front of a sequence
  std::vector<int32_t> eos; // tokens that end a text
  size_t tokens = 0;        // how many there are
};

/// What a file says.
struct TokenizerFile {
  runtime::tokenizer::Parts parts;
  std::vector<int32_t> eos;
};

/// llama2.c's tokenizer.bin: int32 max_token_length, then per token float score, int32 length, bytes. Ids 0, 1 and 2
/// are unknown, beginning and end of sequence (the last two have no text); ids 3 to 258 are the bytes. The number of
/// tokens follows from the size of the file. Fails on a truncated file, a negative length or fewer than 259 tokens.
runtime::Result<TokenizerFile> readLlama2c(std::string_view bytes);

/// A SentencePiece model (the protocol buffer ModelProto): types BPE and unigram. Fails (unsupported) on word and
/// character models, on unused pieces, denormalisation and whitespace as a suffix.
runtime::Result<TokenizerFile> readSentencePiece(std::string_view bytes);

/// Hugging Face's tokenizer.json with a BPE model. Fails (unsupported) on other models and on normalizers,
/// pre-tokenizers, post-processors and decoders that are not known, and says which.
runtime::Result<TokenizerFile> readHuggingFace(std::string_view bytes);

/// `eos_token_id` of a generation_config.json: a number, a list, or nothing. Fails (corrupt) on anything else.
runtime::Result<std::vector<int32_t>> readEosOfGenerationConfig(std::string_view bytes);

/// Finds out what `bytes` are (a JSON object, a llama2.c file, else a SentencePiece model) and compiles them.
runtime::Result<CompiledTokenizer> compileTokenizer(std::string_view bytes);

} // namespace ingot::tokenizer
