// Text to token ids and back.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::runtime {

/// Turns text into token ids and back. Implementations are immutable and may be shared between threads.
class Tokenizer {
public:
  virtual ~Tokenizer() = default;

  /// Number of ids, which are 0 .. size() - 1.
  virtual size_t size() const = 0;

  /// Ids of `text`, which is any sequence of bytes. `atStart` says that the text begins a sequence, so tokenizers that
  /// have a beginning-of-sequence token put it first.
  virtual std::vector<int32_t> encode(std::string_view text, bool atStart) const = 0;

  /// Bytes that `token` stands for after `previous` (-1 at the start of a sequence). Ids out of range stand for
  /// nothing.
  virtual std::string decode(int32_t previous, int32_t token) const = 0;
};

/// Every byte is the token of its value; there is no beginning-of-sequence token.
std::unique_ptr<Tokenizer> makeBytesTokenizer();

/// llama2.c's tokenizer.bin: int32 max_token_length, then per token float score, int32 length, bytes. Ids 0, 1 and 2
/// are unknown, beginning and end of sequence (the last two have no text); ids 3 to 258 are the bytes. The number of
/// tokens follows from the size of the file. Fails on a truncated file, a negative length or fewer than 259 tokens.
Result<std::unique_ptr<Tokenizer>> parseLlama2cTokenizer(std::span<const std::byte> file);

} // namespace ingot::runtime
