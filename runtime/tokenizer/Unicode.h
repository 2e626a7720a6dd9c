// UTF-8 and the general categories of Unicode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ingot::runtime {

/// What stands for a byte that is no part of valid UTF-8.
inline constexpr uint32_t kInvalidCodePoint = 0xFFFFFFFF;
/// The category of kInvalidCodePoint, after the 30 of Unicode.
inline constexpr uint8_t kInvalidCategory = 31;

struct CodePoint {
  uint32_t value = kInvalidCodePoint;
  uint32_t length = 1; // bytes; of an invalid one 1
};

/// The code point at the start of `text`, which is not empty. Overlong forms, surrogates and values above U+10FFFF are
/// invalid.
CodePoint decodeUtf8(std::string_view text);

/// Bytes that the first byte of a character promises (1 for continuation and impossible bytes), at most what is there.
size_t promisedLength(std::string_view text);

/// Index into kCategoryNames, or kInvalidCategory.
uint8_t generalCategory(uint32_t codePoint);

inline constexpr const char *kCategoryNames[] = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl",
                                                 "No", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn", "Pd",
                                                 "Ps", "Pe", "Pc", "Po", "Pi", "Pf", "Sm", "Sc", "Sk", "So"};

/// The whitespace that is not in a Z category: U+0009 to U+000D and U+0085 are controls.
inline bool isWhitespace(uint32_t codePoint, uint8_t category) {
  return (category >= 11 && category <= 13) || (codePoint >= 9 && codePoint <= 13) || codePoint == 0x85;
}

} // namespace ingot::runtime
