// bfloat16 in micro-kernels: pairs of elements in 32-bit words, the first in the low half.
//
// Rows of a matrix are stored one after the other; what belongs to two steps of a reduction is interleaved in
// registers. A whole register of 16-bit elements fills two of words: its halves come out of `unpack` instructions by
// 128-bit lanes, so sums of such pairs of registers are in the order that `deinterleave` undoes once, at the end.
#pragma once

#include "lib/Target/CPU/kernels/Vector.h"

namespace ingot::kernels {

using Half = unsigned short; // bits of a bfloat16
using Words = unsigned __attribute__((ext_vector_type(kLanes)));
using Halves = Half __attribute__((ext_vector_type(kLanes)));
using WideHalves = Half __attribute__((ext_vector_type(2 * kLanes)));

template <typename Vector> KERNEL_INLINE Vector loadUnaligned(const void *p) {
  Vector value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}

/// The first `count` elements at `p`, zeros behind; nothing beyond them is read. `count` is a constant.
KERNEL_INLINE Halves loadHalves(const Half *p, int count) {
  if (count == kLanes)
    return loadUnaligned<Halves>(p);
#if defined(__AVX512BW__)
  return (Halves)_mm256_maskz_loadu_epi16(static_cast<__mmask16>((1u << count) - 1), p);
#else
  Halves value = 0;
  KERNEL_UNROLL for (int i = 0; i < count; ++i) value[i] = p[i];
  return value;
#endif
}

/// Words of (first[j], second[j]) for `count` columns; zeros take the place of an absent second row.
KERNEL_INLINE Words interleave(const Half *first, const Half *second, int count) {
  Words words = __builtin_convertvector(loadHalves(first, count), Words);
  return second ? words | __builtin_convertvector(loadHalves(second, count), Words) << 16 : words;
}

/// The same for two registers of columns, in the order that `deinterleave` undoes.
KERNEL_INLINE void interleaveWide(const Half *first, const Half *second, Words &low, Words &high) {
  WideHalves x = loadUnaligned<WideHalves>(first);
  WideHalves y = second ? loadUnaligned<WideHalves>(second) : WideHalves(0);
#if defined(__AVX512F__)
  low = (Words)_mm512_unpacklo_epi16((__m512i)x, (__m512i)y);
  high = (Words)_mm512_unpackhi_epi16((__m512i)x, (__m512i)y);
#else
  low = (Words)_mm256_unpacklo_epi16((__m256i)x, (__m256i)y);
  high = (Words)_mm256_unpackhi_epi16((__m256i)x, (__m256i)y);
#endif
}

/// Puts the sums of a pair of registers from `interleaveWide` into the order of their columns.
KERNEL_INLINE void deinterleave(Floats &low, Floats &high) {
#if defined(__AVX512F__)
  Floats x = __builtin_shufflevector(low, high, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  high = __builtin_shufflevector(low, high, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
#else
  Floats x = __builtin_shufflevector(low, high, 0, 1, 2, 3, 8, 9, 10, 11);
  high = __builtin_shufflevector(low, high, 4, 5, 6, 7, 12, 13, 14, 15);
#endif
  low = x;
}

/// Two neighbouring elements in every word; only the first, and zero, without `both`.
KERNEL_INLINE Words splatPair(const Half *p, bool both) {
  return both ? Words(loadUnaligned<unsigned>(p)) : Words(static_cast<unsigned>(*p));
}

#if defined(__AVX512BF16__)
/// sum + x.first * y.first + x.second * y.second
KERNEL_INLINE Floats multiplyAddPairs(Words x, Words y, Floats sum) {
  return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)y);
}
#endif

/// The elements of words as float32, of which a bfloat16 is the upper half.
KERNEL_INLINE Floats first(Words pair) { return (Floats)(pair << 16); }
KERNEL_INLINE Floats second(Words pair) { return (Floats)(pair >> 16 << 16); }

/// To nearest even; NaN stays NaN.
KERNEL_INLINE Halves roundToHalves(Floats value) {
#if defined(__AVX512BF16__)
  return (Halves)_mm512_cvtneps_pbh(value);
#else
  Words bits = (Words)value, upper = bits >> 16;
  Words rounded = (bits + 0x7fff + (upper & 1)) >> 16;
  return __builtin_convertvector(value == value ? rounded : upper | 0x40, Halves);
#endif
}

/// Writes the first `count` lanes, rounded.
KERNEL_INLINE void storeFloats(Half *p, Floats value, int count) {
  Halves rounded = roundToHalves(value);
  if (count == kLanes) {
    __builtin_memcpy(p, &rounded, sizeof rounded);
    return;
  }
#if defined(__AVX512BW__)
  _mm256_mask_storeu_epi16(p, static_cast<__mmask16>((1u << count) - 1), (__m256i)rounded);
#else
  KERNEL_UNROLL for (int i = 0; i < count; ++i) p[i] = rounded[i];
#endif
}

} // namespace ingot::kernels
