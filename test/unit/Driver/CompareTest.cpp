// How `ingot debug` compares: what is allowed, and which value is the first that is not.
#include "tools/ingot/Compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace ingot;
using namespace ingot::tool;
using program::DType;

namespace {

template <typename T> interpreter::HostTensor tensor(const char *dtype, const std::vector<T> &values) {
  interpreter::HostTensor made = {
      dtype, {static_cast<int64_t>(values.size())}, std::vector<char>(values.size() * sizeof(T))};
  std::memcpy(made.bytes.data(), values.data(), made.bytes.size());
  return made;
}

Comparison compare(const std::vector<double> &exact, const std::vector<double> &peer, const std::vector<float> &got,
                   bool low = false) {
  interpreter::HostTensor want = tensor("f64", exact);
  double rounding = largestDifference(want, tensor("f64", peer));
  return compareWith(want, rounding, DType::f32, std::as_bytes(std::span(got)), low);
}

TEST(CompareTest, ErrorsUpToTheRuleAreAllowed) {
  EXPECT_DOUBLE_EQ(compare({0.5, 0.25}, {0.5, 0.25}, {0.5f, 0.25f}).allowed, 1e-6);
  EXPECT_DOUBLE_EQ(compare({100, 0.25}, {100, 0.25}, {100, 0.25f}).allowed, 1e-4);
  EXPECT_DOUBLE_EQ(compare({1, 0.25}, {1, 0.25 + 1e-3}, {1, 0.25f}).allowed, 2e-3);
  EXPECT_DOUBLE_EQ(compare({-2, 0.25}, {-2, 0.25}, {-2, 0.25f}, true).allowed, 2 * 0x1p-7);
  EXPECT_EQ(compare({1, 1}, {1, 1}, {1, 1 + 0x1p-20f}).diverging, 0u);
  EXPECT_EQ(compare({1, 1}, {1, 1}, {1, 1 + 0x1p-19f}).diverging, 1u);
}

TEST(CompareTest, TheFirstAndTheLargestAreNamed) {
  Comparison result = compare({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 2.5f, 3, 3});
  EXPECT_EQ(result.diverging, 2u);
  EXPECT_EQ(result.index, 1u);
  EXPECT_EQ(result.got, 2.5);
  EXPECT_EQ(result.want, 2);
  EXPECT_EQ(result.largest, 1);
  EXPECT_EQ(result.largestAt, 3u);
  EXPECT_EQ(indexText(7, {2, 3, 2}), "[1, 0, 1]");
  EXPECT_EQ(indexText(0, {}), "[]");
}

TEST(CompareTest, NaNsAndInfinitiesAreValues) {
  EXPECT_EQ(compare({NAN, INFINITY}, {NAN, INFINITY}, {NAN, INFINITY}).diverging, 0u);
  EXPECT_EQ(compare({1, 1}, {1, 1}, {NAN, 1}).index, 0u);
  EXPECT_EQ(compare({1, NAN}, {1, NAN}, {1, 1}).index, 1u);
  EXPECT_EQ(compare({INFINITY, 1}, {INFINITY, 1}, {-INFINITY, 1}).largest, HUGE_VAL);
  EXPECT_EQ(compare({NAN, 1}, {1, 1}, {NAN, 1}).allowed, 1e-6) << "what the peer lost is no error of ours";
}

TEST(CompareTest, IntegersAreEqual) {
  int64_t large = (int64_t(1) << 53) + 1; // float64 takes it for its neighbour
  std::vector<int64_t> got = {1, large - 1};
  auto exact = tensor("i64", std::vector<int64_t>{1, large});
  Comparison result = compareWith(exact, 0, DType::i64, std::as_bytes(std::span(got)), false);
  EXPECT_EQ(result.diverging, 1u);
  EXPECT_EQ(result.index, 1u);
  std::vector<uint8_t> flags = {1, 0};
  auto wide = tensor("i64", std::vector<int64_t>{1, 0});
  EXPECT_EQ(compareWith(wide, 0, DType::i1, std::as_bytes(std::span(flags)), false).diverging, 0u);
}

TEST(CompareTest, ElementsOfSixteenBits) {
  uint16_t half = 0x3e00, brain = 0x3fc0;
  EXPECT_EQ(elementAt(DType::f16, reinterpret_cast<std::byte *>(&half), 0), 1.5);
  EXPECT_EQ(elementAt(DType::bf16, reinterpret_cast<std::byte *>(&brain), 0), 1.5);
}

} // namespace
