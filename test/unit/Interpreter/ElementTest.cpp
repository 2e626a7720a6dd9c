// Rounding, wrapping and bytes of elements.
#include "ingot/Interpreter/Element.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace ingot::interpreter;

namespace {

uint16_t bits16(Element element, double value) {
  uint16_t bits;
  storeBytes(element, Cell{value}, &bits);
  return bits;
}

/// Every pattern comes back; NaNs stay NaN.
void roundTrip(Element element, uint32_t infinity) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    auto pattern = static_cast<uint16_t>(bits);
    double value = loadBytes(element, &pattern).f;
    if ((bits & 0x7fff) > infinity) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      uint16_t stored = bits16(element, value);
      ASSERT_GT(stored & 0x7fffu, infinity) << bits;
    } else {
      ASSERT_EQ(roundTo(element, value), value) << bits;
      ASSERT_EQ(bits16(element, value), pattern) << bits;
    }
  }
}

TEST(Element, AllBf16PatternsRoundTrip) { roundTrip(Element::bf16, 0x7f80); }
TEST(Element, AllF16PatternsRoundTrip) { roundTrip(Element::f16, 0x7c00); }

/// Between each pair of neighbours: just below the middle goes down, just above up, the middle to the even one.
void roundsToNearestEven(Element element, uint32_t infinity) {
  for (uint32_t bits = 0; bits + 1 < infinity; ++bits) {
    auto low = static_cast<uint16_t>(bits), high = static_cast<uint16_t>(bits + 1);
    double a = loadBytes(element, &low).f, b = loadBytes(element, &high).f, middle = a + (b - a) / 2;
    ASSERT_EQ(roundTo(element, middle), bits % 2 == 0 ? a : b) << bits;
    ASSERT_EQ(roundTo(element, -middle), bits % 2 == 0 ? -a : -b) << bits;
    ASSERT_EQ(roundTo(element, std::nextafter(middle, a)), a) << bits;
    ASSERT_EQ(roundTo(element, std::nextafter(middle, b)), b) << bits;
  }
}

TEST(Element, Bf16RoundsToNearestEven) { roundsToNearestEven(Element::bf16, 0x7f80); }
TEST(Element, F16RoundsToNearestEven) { roundsToNearestEven(Element::f16, 0x7c00); }

TEST(Element, OverflowGivesInfinity) {
  EXPECT_EQ(roundTo(Element::f16, 65519.9), 65504.0);
  EXPECT_EQ(roundTo(Element::f16, 65520.0), HUGE_VAL);
  EXPECT_EQ(roundTo(Element::f16, -65520.0), -HUGE_VAL);
  EXPECT_EQ(roundTo(Element::bf16, 3.4e38), HUGE_VAL);
  EXPECT_EQ(roundTo(Element::f32, 3.5e38), HUGE_VAL);
  EXPECT_EQ(roundTo(Element::f64, 1e300), 1e300);
}

TEST(Element, RoundsOnce) {
  // 1 + 2^-8 + 2^-30 is above the middle of 1 and 1 + 2^-7; through f32 it would land on the middle and go down.
  EXPECT_EQ(roundTo(Element::bf16, 1 + 0x1p-8 + 0x1p-30), 1 + 0x1p-7);
  EXPECT_EQ(roundTo(Element::f16, 1 + 0x1p-11 + 0x1p-40), 1 + 0x1p-10);
}

TEST(Element, SpecialValuesSurvive) {
  for (Element element : {Element::f16, Element::bf16, Element::f32, Element::f64}) {
    EXPECT_TRUE(std::isnan(roundTo(element, std::nan(""))));
    EXPECT_EQ(roundTo(element, -HUGE_VAL), -HUGE_VAL);
    EXPECT_TRUE(std::signbit(roundTo(element, -0.0)));
  }
}

TEST(Element, IntegersWrap) {
  EXPECT_EQ(wrapTo(Element::i8, 128), -128);
  EXPECT_EQ(wrapTo(Element::i8, -129), 127);
  EXPECT_EQ(wrapTo(Element::i32, int64_t(1) << 31), INT32_MIN);
  EXPECT_EQ(wrapTo(Element::i1, 3), 1);
  EXPECT_EQ(wrapTo(Element::i64, INT64_MIN), INT64_MIN);
  EXPECT_EQ(zeroExtend(Element::i8, -1), 255u);
  EXPECT_EQ(zeroExtend(Element::i64, -1), UINT64_MAX);
}

TEST(Element, IntegerBytes) {
  for (Element element : {Element::i8, Element::i16, Element::i32, Element::i64}) {
    char bytes[8];
    Cell cell;
    cell.i = -5;
    storeBytes(element, cell, bytes);
    EXPECT_EQ(loadBytes(element, bytes).i, -5) << toString(element);
  }
}

} // namespace
