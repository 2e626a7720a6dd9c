// Text of tokens that come one by one, in whole characters.
#pragma once

#include "runtime/tokenizer/Tokenizer.h"

namespace ingot::runtime {

/// Holds back the first bytes of a character until the others have come. Bytes that cannot become a character pass
/// unchanged, so that all that was fed and flushed is what the tokens stand for.
class TextDecoder {
public:
  /// Begins at `position`. `tokenizer` outlives this.
  explicit TextDecoder(const Tokenizer &tokenizer, Tokenizer::Position position = {})
      : tokenizer(&tokenizer), position(position) {}

  /// What `token` adds.
  std::string feed(int32_t token);
  /// What was held back, at the end of the text.
  std::string flush();

private:
  const Tokenizer *tokenizer;
  Tokenizer::Position position;
  std::string held;
};

} // namespace ingot::runtime
