#include "runtime/tokenizer/Unicode.h"

#include <algorithm>

namespace ingot::runtime {

#include "runtime/tokenizer/UnicodeTable.inc"

uint8_t generalCategory(uint32_t codePoint) {
  return codePoint < 0x110000 ? kRows[kBlocks[codePoint / 128]][codePoint % 128] : kInvalidCategory;
}

size_t promisedLength(std::string_view text) {
  unsigned char first = text[0];
  size_t length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 1;
  return std::min(length, text.size());
}

CodePoint decodeUtf8(std::string_view text) {
  static constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned char first = text[0];
  if (first < 0x80)
    return {first, 1};
  uint32_t length = first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0;
  if (length == 0 || text.size() < length)
    return {};
  uint32_t value = first & (0x7F >> length);
  for (uint32_t i = 1; i < length; ++i) {
    unsigned char next = text[i];
    if ((next & 0xC0) != 0x80)
      return {};
    value = value << 6 | (next & 0x3F);
  }
  if (value < kSmallest[length] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
    return {};
  return {value, length};
}

} // namespace ingot::runtime
