#include "runtime/cpu/Calibrate.h"

#include <gtest/gtest.h>

using namespace ingot::runtime;

namespace {

TEST(CalibrateTest, RoundsThatDifferImplausibly) {
  EXPECT_FALSE(differImplausibly({1}));
  EXPECT_FALSE(differImplausibly({1, 1.5, 900}));
  EXPECT_FALSE(differImplausibly({10, 1, 10}));
  EXPECT_TRUE(differImplausibly({11, 1, 11}));
  EXPECT_TRUE(differImplausibly({12, 900, 1, 800}));
}

} // namespace
