// Text to token ids and back.
#pragma once

#include "runtime/support/Status.h"

#include <cstddef>
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

  /// What decoding remembers between tokens.
  struct Position {
    bool atStart = true; // of a text, where some tokenizers leave out a space
  };
  /// Bytes that `token` stands for at `position`, which moves on. Ids out of range stand for nothing.
  virtual std::string decode(Position &position, int32_t token) const = 0;
  /// Bytes that `token` stands for behind `previous`.
  std::string decode(int32_t previous, int32_t token) const {
    Position position = positionBehind(previous);
    return decode(position, token);
  }

  /// The position behind `previous`, -1 at the start of a sequence.
  virtual Position positionBehind(int32_t previous) const = 0;
};

/// Every byte is the token of its value; there is no beginning-of-sequence token.
std::unique_ptr<Tokenizer> makeBytesTokenizer();

/// A tokenizer in its compiled form (Form.h). It uses `form` in place, which is aligned to 8 bytes and outlives it.
/// Fails (corrupt) on damaged bytes, all of which are checked.
Result<std::unique_ptr<Tokenizer>> openTokenizer(std::span<const std::byte> form);

} // namespace ingot::runtime
