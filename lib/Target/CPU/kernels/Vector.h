// What micro-kernels share. They are compiled to bitcode once per ISA level when Ingot is built, embedded in the
// compiler, and inlined into the bodies that call them, with the constants of the call: see ../Kernels.h.
#pragma once

#include <immintrin.h>

/// Every function of a kernel file is inlined; entry points have C names.
#define KERNEL_INLINE static inline __attribute__((always_inline))
#define KERNEL_ENTRY extern "C" __attribute__((always_inline))
/// Before loops over registers: their bounds are constants once the kernel is inlined, and an array of accumulators
/// stays in registers only when all of its indices are.
#define KERNEL_UNROLL _Pragma("clang loop unroll(full)")
/// Before loops over data: what is worth unrolling is unrolled by hand.
#define KERNEL_LOOP _Pragma("clang loop unroll(disable)")

namespace ingot::kernels {

using Int = long long;

#if defined(__AVX512F__)
constexpr int kLanes = 16; // float32 elements of a register
constexpr int kRegisters = 32;
#else
constexpr int kLanes = 8;
constexpr int kRegisters = 16;
#endif

using Floats = float __attribute__((ext_vector_type(kLanes)));

KERNEL_INLINE Floats splat(float x) { return Floats(x); }
KERNEL_INLINE Floats fma(Floats x, Floats y, Floats z) { return __builtin_elementwise_fma(x, y, z); }

/// The first `count` lanes at `p`, zeros behind. Nothing beyond them is read. `count` is a constant.
KERNEL_INLINE Floats loadFloats(const float *p, int count) {
#if defined(__AVX512F__)
  return count == kLanes ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
#else
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return count == kLanes ? _mm256_loadu_ps(p)
                         : _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lanes));
#endif
}

/// Writes the first `count` lanes, nothing beyond them.
KERNEL_INLINE void storeFloats(float *p, Floats value, int count) {
#if defined(__AVX512F__)
  if (count == kLanes)
    _mm512_storeu_ps(p, value);
  else
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), value);
#else
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  if (count == kLanes)
    _mm256_storeu_ps(p, value);
  else
    _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lanes), value);
#endif
}

} // namespace ingot::kernels
