// From logits to the next token.
#pragma once

#include "runtime/support/Status.h"

#include <array>
#include <cstdint>
#include <span>

namespace ingot::runtime {

/// Philox4x32-10, the counter-based generator of Salmon et al. (SC 2011): four random words for a counter and a key,
/// without any state.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Uniform in [0, 1) with 53 bits: of the words of Philox with key `seed` and counter `index`, the first is the upper
/// and the second the lower half.
double philoxUniform(uint64_t seed, uint64_t index);

struct SamplerOptions {
  float temperature = 0; // 0: the largest logit, the lowest index of equals
  uint64_t seed = 0;
};

/// Chooses a token for the sequence position `index`. With a temperature T > 0, token i has probability
/// exp(logit[i] / T) / sum; sums run in float64 in order of the index and the random number depends on seed and
/// position alone, so the choice is reproducible. Fails with `invalidArgument` if a logit is NaN.
Result<int32_t> sampleToken(std::span<const float> logits, const SamplerOptions &options, uint64_t index);

} // namespace ingot::runtime
