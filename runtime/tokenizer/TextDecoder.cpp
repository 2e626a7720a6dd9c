#include "runtime/tokenizer/TextDecoder.h"

#include <algorithm>
#include <utility>

namespace ingot::runtime {

/// Bytes at the end of `text` that begin a character of UTF-8 without completing it.
static size_t incompleteBytes(std::string_view text) {
  for (size_t length = 1; length <= std::min<size_t>(3, text.size()); ++length) {
    unsigned char byte = text[text.size() - length];
    if ((byte & 0xC0) == 0x80)
      continue;
    size_t promised = byte < 0xC2 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF5 ? 4 : 1;
    return promised > length ? length : 0;
  }
  return 0;
}

std::string TextDecoder::feed(int32_t token) {
  held += tokenizer->decode(position, token);
  size_t incomplete = incompleteBytes(held);
  std::string text = held.substr(0, held.size() - incomplete);
  held.erase(0, text.size());
  return text;
}

std::string TextDecoder::flush() { return std::exchange(held, {}); }

} // namespace ingot::runtime
