// Views of cells, and the panel layout.
#include "ingot/Interpreter/Array.h"
#include "ingot/Support/Panels.h"

#include "llvm/ADT/SmallBitVector.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace ingot::interpreter;

namespace {

Array counting(llvm::ArrayRef<int64_t> shape) {
  std::vector<double> values(llvm::product_of(shape));
  std::iota(values.begin(), values.end(), 0.0);
  return Array::ofFloats(Element::f32, shape, values);
}

using Values = std::vector<double>;

TEST(Array, SlicesAreViews) {
  Array whole = counting({3, 4});
  Array part = whole.slice({1, 0}, {2, 2}, {1, 2});
  EXPECT_EQ(part.floats(), (Values{4, 6, 8, 10}));
  part.at({1, 1}).f = -1;
  EXPECT_EQ(whole.at({2, 2}).f, -1);
  llvm::SmallBitVector first(2);
  first.set(0);
  EXPECT_EQ(whole.slice({1, 1}, {1, 3}, {1, 1}).dropDims(first).floats(), (Values{5, 6, 7}));
}

TEST(Array, PermutesAndFlattens) {
  Array a = counting({2, 3}).permuted({1, 0});
  EXPECT_EQ(a.floats(), (Values{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(a.flat(1).f, 3);
  EXPECT_FALSE(a.isDense());
  EXPECT_TRUE(a.dense().isDense());
}

TEST(Array, ReshapesByViewWhereStridesAllow) {
  Array a = counting({2, 3, 4});
  EXPECT_TRUE(a.reshaped({6, 4}).isSameStorage(a));
  EXPECT_TRUE(a.reshaped({2, 2, 2, 1, 3}).isSameStorage(a));
  // Rows of a slice are contiguous in themselves only.
  Array columns = a.slice({0, 0, 1}, {2, 3, 2}, {1, 1, 1});
  EXPECT_TRUE(columns.reshapedView({6, 2}));
  EXPECT_TRUE(columns.reshapedView({2, 3, 1, 2}));
  EXPECT_FALSE(columns.reshapedView({2, 6}));
  EXPECT_FALSE(columns.reshapedView({12}));
  EXPECT_EQ(columns.reshaped({12}).floats(), (Values{1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22}));
  EXPECT_EQ(columns.reshaped({6, 2}).floats(), columns.reshaped({12}).floats());
}

TEST(Array, AssignsThroughStrides) {
  Array whole = Array::filled(Element::f32, {4, 4}, Cell{0.0});
  whole.slice({0, 1}, {2, 2}, {2, 2}).assign(counting({2, 2}));
  EXPECT_EQ(whole.floats(), (Values{0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 0}));
}

TEST(Array, FreshCellsArePoison) {
  for (double value : Array::uninitialized(Element::f32, {3}).floats())
    EXPECT_TRUE(std::isnan(value));
}

TEST(Array, BytesRoundTrip) {
  Array a = Array::ofFloats(Element::bf16, {3}, {1.0, -2.5, 0.1});
  std::vector<char> bytes = a.bytes();
  EXPECT_EQ(bytes.size(), 6u);
  EXPECT_EQ(Array::ofBytes(Element::bf16, {3}, bytes.data()).floats(),
            (Values{1.0, -2.5, roundTo(Element::bf16, 0.1)}));
}

TEST(Array, WideElementsInAnArenaPoisonWhatTheyCover) {
  // Cells of 4 bytes: an i64 at byte 0 covers the f32s at bytes 0 and 4.
  auto arena = std::make_shared<std::vector<Cell>>(2, poison());
  Array narrow = Array::ofStorage(arena, 0, Element::f32, {2}, 1);
  Array wide = Array::ofStorage(arena, 0, Element::i64, {1}, 2);
  narrow.assign(counting({2}));
  EXPECT_EQ(narrow.floats(), (Values{0, 1}));
  wide.assign(Array::ofInts(Element::i64, {1}, {7}));
  EXPECT_EQ(wide.ints(), std::vector<int64_t>{7});
  EXPECT_TRUE(std::isnan(narrow.at({1}).f));
}

/// By the definition: stored[p, others..., w] = logical[..., p * width + w, ...].
TEST(Panels, PackAndUnpack) {
  const std::vector<int64_t> shape = {4, 6, 10};
  std::vector<int32_t> logical(240), panels(240), back(240);
  std::iota(logical.begin(), logical.end(), 0);
  for (size_t axis = 0; axis < 3; ++axis) {
    ingot::packPanels(logical.data(), panels.data(), shape, axis, 2, sizeof(int32_t));
    std::vector<int64_t> stored = ingot::panelShape(shape, axis, 2);
    for (int64_t i = 0; i < 4; ++i)
      for (int64_t j = 0; j < 6; ++j)
        for (int64_t k = 0; k < 10; ++k) {
          int64_t at[] = {i, j, k};
          std::vector<int64_t> index = {at[axis] / 2};
          for (size_t dim = 0; dim < 3; ++dim)
            if (dim != axis)
              index.push_back(at[dim]);
          index.push_back(at[axis] % 2);
          int64_t linear = 0;
          for (size_t dim = 0; dim < 4; ++dim)
            linear = linear * stored[dim] + index[dim];
          ASSERT_EQ(panels[linear], logical[(i * 6 + j) * 10 + k]) << axis;
        }
    ingot::unpackPanels(panels.data(), back.data(), shape, axis, 2, sizeof(int32_t));
    EXPECT_EQ(back, logical);
  }
}

} // namespace
