// Conversion of stored elements between float32 and bfloat16: parameters may come in another precision than a program
// has them in.
#pragma once

#include "runtime/program/Program.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ingot::runtime {

/// Bits of the bfloat16 nearest to `value`, ties to even; too large gives infinity, NaN a quiet NaN.
inline uint16_t toBFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  // Half of what is cut off, less one where the kept bit is even.
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = (bits >> 16) | 0x40;
  return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

/// The value of a bfloat16, exactly.
inline float fromBFloat16(uint16_t bits) {
  uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

/// Whether elements of `from` may stand for elements of `to`: equal types, and float32 and bfloat16 for each other.
bool isConvertible(program::DType from, program::DType to);

/// Converts `count` elements; expects `isConvertible(from, to)`. The buffers may be unaligned and do not overlap.
void convertElements(program::DType from, const std::byte *in, program::DType to, std::byte *out, uint64_t count);

} // namespace ingot::runtime
