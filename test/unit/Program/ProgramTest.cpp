#include "test/unit/Program/Builder.h"

#include <gtest/gtest.h>

namespace ingot::program::test {
namespace {

TEST(Program, AffineRoundsTowardsMinusInfinity) {
  EXPECT_EQ(affine(7, 0, 0, 0, 2).at({0, 0, 0}), 3);
  EXPECT_EQ(affine(-7, 0, 0, 0, 2).at({0, 0, 0}), -4);
  EXPECT_EQ(affine(-8, 0, 0, 0, 2).at({0, 0, 0}), -4);
  EXPECT_EQ(affine(1, 2, 3, 5).at({1, 10, 100}), 1 + 2 + 30 + 500);
  EXPECT_EQ(affine(0, 1, 0, 0, 2).at({5, 0, 0}), 2);
}

TEST(Program, LastGridDimensionRunsFastest) {
  Launch launch;
  launch.grid = {2, 3, 4};
  EXPECT_EQ(launch.numTasks(), 24);
  EXPECT_EQ(launch.indexOf(0), (TaskIndex{0, 0, 0}));
  EXPECT_EQ(launch.indexOf(5), (TaskIndex{0, 1, 1}));
  EXPECT_EQ(launch.indexOf(23), (TaskIndex{1, 2, 3}));
  launch.grid = {5};
  EXPECT_EQ(launch.indexOf(3), (TaskIndex{3, 0, 0}));
}

TEST(Program, SizesFollowShapeAndDType) {
  Buffer buffer{"b", BufferKind::Scratch, "", DType::f16, {2, 3, 4}, 0};
  EXPECT_EQ(buffer.numElements(), 24);
  EXPECT_EQ(buffer.bytes(), 48u);
  buffer.dtype = DType::f64;
  EXPECT_EQ(buffer.bytes(), 192u);
  buffer.shape = {};
  EXPECT_EQ(buffer.bytes(), 8u);
  buffer.shape = {3, 0};
  EXPECT_EQ(buffer.bytes(), 0u);
  const std::pair<DType, uint64_t> sizes[] = {{DType::i1, 1},   {DType::i8, 1},  {DType::i32, 4}, {DType::i64, 8},
                                              {DType::bf16, 2}, {DType::f32, 4}, {DType::f64, 8}, {DType::f16, 2}};
  for (auto [dtype, size] : sizes)
    EXPECT_EQ(byteSize(dtype), size) << toString(dtype);
}

TEST(Program, NamesTasksAsInTheText) {
  TwoLaunches two;
  EXPECT_EQ(two.program.numTasks(), 3);
  EXPECT_EQ(taskName(two.program, {0, 1}), "@first[1]");
  two.program.launches[0].grid = {2, 3};
  EXPECT_EQ(taskName(two.program, {0, 4}), "@first[1, 1]");
  EXPECT_EQ(taskName(two.program, {9, 4}), "launch 9");
}

TEST(Program, CountsCounters) {
  TwoLaunches two;
  two.event("tiles", 1, 7);
  EXPECT_EQ(two.program.numCounters(), 8u);
}

} // namespace
} // namespace ingot::program::test
