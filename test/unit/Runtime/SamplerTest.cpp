#include "runtime/session/Sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace ingot::runtime;

namespace {

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
TEST(SamplerTest, PhiloxKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(SamplerTest, GreedyTakesTheLowestOfEquals) {
  EXPECT_EQ(*sampleToken(std::vector<float>{1, 3, 3, 2}, {}, 0), 1);
  EXPECT_EQ(*sampleToken(std::vector<float>{-INFINITY, -INFINITY}, {}, 0), 0);
  EXPECT_FALSE(sampleToken(std::vector<float>{1, NAN}, {}, 0));
}

TEST(SamplerTest, FrequenciesFollowTheTemperature) {
  std::vector<float> logits = {0, 1, 2, -INFINITY};
  constexpr int kDraws = 100000;
  for (float temperature : {0.5f, 1.0f, 2.0f}) {
    std::vector<double> expected;
    double sum = 0, chiSquare = 0;
    for (float logit : logits)
      sum += std::exp(logit / temperature);
    std::vector<int> counts(4);
    for (uint64_t i = 0; i < kDraws; ++i)
      ++counts[static_cast<size_t>(*sampleToken(logits, {temperature, 42}, i))];
    EXPECT_EQ(counts[3], 0);
    for (size_t i = 0; i < 3; ++i) {
      double expected = kDraws * std::exp(logits[i] / temperature) / sum;
      chiSquare += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    EXPECT_LT(chiSquare, 13.8); // p = 0.001 with two degrees of freedom
  }
}

TEST(SamplerTest, SeedAndPositionDecide) {
  std::vector<float> logits(1000, 0);
  EXPECT_EQ(*sampleToken(logits, {1, 7}, 3), *sampleToken(logits, {1, 7}, 3));
  int different = 0;
  for (uint64_t i = 0; i < 20; ++i)
    different += *sampleToken(logits, {1, 7}, i) != *sampleToken(logits, {1, 8}, i);
  EXPECT_GT(different, 15);
}

} // namespace
