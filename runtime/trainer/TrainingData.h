// The tokens that a model is trained on.
#pragma once

#include "runtime/formats/File.h"
#include "runtime/support/Status.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ingot::runtime {

enum class DataFormat : uint8_t {
  Text,   // mapped by the tokenizer; without one each byte is a token
  Uint16, // tokens of two bytes, the lower one first
};

/// A sequence of token ids, each of them in a vocabulary. Bytes and uint16 stay in the mapped file.
class TrainingData {
public:
  /// Reads `path`. `tokenizer` may be null; `vocabulary` is the number of tokens that the model knows. Fails if the
  /// file holds a token outside of it; the message says which and where.
  static Result<TrainingData> open(const std::string &path, DataFormat format, const Tokenizer *tokenizer,
                                   uint64_t vocabulary);

  uint64_t size() const { return count; }
  int32_t operator[](uint64_t index) const;
  /// To recognise the tokens by: FNV-1a over their values.
  uint64_t checksum() const;

private:
  Status readText(const std::string &path, const Tokenizer *tokenizer, uint64_t vocabulary);
  Status readUint16(const std::string &path, uint64_t vocabulary);

  enum class Stored : uint8_t { Bytes, Uint16, Int32 };
  MappedFile file;
  Stored stored = Stored::Bytes;
  std::vector<int32_t> ids; // of a tokenizer
  uint64_t count = 0;
};

} // namespace ingot::runtime
