#include "runtime/session/Sampler.h"

#include <cmath>
#include <string>

namespace ingot::runtime {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t low = uint64_t(0xD2511F53) * counter[0], high = uint64_t(0xCD9E8D57) * counter[2];
    counter = {static_cast<uint32_t>(high >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(high),
               static_cast<uint32_t>(low >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(low)};
    key[0] += 0x9E3779B9; // the golden ratio
    key[1] += 0xBB67AE85; // sqrt(3) - 1
  }
  return counter;
}

double philoxUniform(uint64_t seed, uint64_t index) {
  std::array<uint32_t, 4> words = philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), 0, 0},
                                             {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  uint64_t bits = uint64_t(words[0]) << 32 | words[1];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

Result<int32_t> sampleToken(std::span<const float> logits, const SamplerOptions &options, uint64_t index) {
  size_t best = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]))
      return Status::invalidArgument("the logit of token " + std::to_string(i) + " is not a number");
    if (logits[i] > logits[best])
      best = i;
  }
  // An infinite logit has all the probability.
  if (options.temperature <= 0 || std::isinf(logits[best]))
    return static_cast<int32_t>(best);
  auto weight = [&](size_t i) {
    return std::exp((static_cast<double>(logits[i]) - static_cast<double>(logits[best])) / options.temperature);
  };
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i)
    sum += weight(i);
  double threshold = philoxUniform(options.seed, index) * sum, cumulative = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    cumulative += weight(i);
    if (cumulative > threshold)
      return static_cast<int32_t>(i);
  }
  return static_cast<int32_t>(best); // the threshold was rounded up to the sum
}

} // namespace ingot::runtime
