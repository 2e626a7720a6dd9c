// Compiled gathers, scatters and positions.
#include "BodyRunner.h"

#include <gtest/gtest.h>

using namespace ingot::test;

class Move : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Isa, Move, testing::ValuesIn(runnableIsas()), [](const auto &info) { return info.param; });

TEST_P(Move, gatherClamps) {
  for (int64_t n : {1, 7, 43}) {
    std::string table = memref({10, n}), y = memref({2, 3, n});
    CompiledBody body("(%i: index, %t: " + table + ", %x: memref<2x3xi32>, %y: " + y +
                          ") {\ntile.gather ins(%t, %x : " + table + ", memref<2x3xi32>) outs(%y : " + y + ")\n}",
                      GetParam());
    std::vector<float> t = randomFloats(10 * n, 1), result(6 * n, NAN), expected;
    std::vector<int32_t> x = {3, 9, 0, -1, 10, 2147483647};
    for (int32_t row : x)
      for (int64_t j = 0; j < n; ++j)
        expected.push_back(t[std::clamp(row, 0, 9) * n + j]);
    body.run({t.data(), x.data(), result.data()});
    EXPECT_EQ(result, expected);
  }
}

TEST_P(Move, gatherFromPanels) {
  // 12 rows of 7 elements in panels of 4 rows: [3, 7, 4].
  CompiledBody body("(%i: index, %t: memref<3x7x4xf32>, %x: memref<5xi64>, %y: memref<5x7xf32>) {\n"
                    "tile.gather panels ins(%t, %x : memref<3x7x4xf32>, memref<5xi64>) outs(%y : memref<5x7xf32>)\n}",
                    GetParam());
  std::vector<float> t = randomFloats(84, 1), y(35, NAN), expected;
  std::vector<int64_t> x = {0, 11, 6, -5, 12};
  for (int64_t row : {0, 11, 6, 0, 11})
    for (int64_t j = 0; j < 7; ++j)
      expected.push_back(t[(row / 4 * 7 + j) * 4 + row % 4]);
  body.run({t.data(), x.data(), y.data()});
  EXPECT_EQ(y, expected);
}

TEST_P(Move, positions) {
  CompiledBody body("(%i: index, %s: memref<2xi32>, %p: memref<2x43xi32>) {\n"
                    "tile.positions ins(%s : memref<2xi32>) outs(%p : memref<2x43xi32>)\n}",
                    GetParam());
  std::vector<int32_t> start = {0, 500}, p(86, -1), expected;
  for (int32_t first : start)
    for (int32_t c = 0; c < 43; ++c)
      expected.push_back(first + c);
  body.run({start.data(), p.data()});
  EXPECT_EQ(p, expected);
}

/// Two sequences of 4 new rows, 2 kv heads of 5 elements, pages of 6 positions, keys and values.
class Scatter {
public:
  static constexpr int64_t kBatch = 2, kRows = 4, kHeads = 2, kPositions = 6, kDepth = 5;
  std::vector<float> key = randomFloats(kBatch * kRows * kHeads * kDepth, 1), value = randomFloats(key.size(), 2);
  std::vector<float> page = randomFloats(2 * kBatch * kHeads * kPositions * kDepth, 3);

  std::vector<float> expected(std::vector<int32_t> start, std::vector<int32_t> count) const {
    std::vector<float> result = page;
    for (int64_t part = 0; part < 2; ++part)
      for (int64_t b = 0; b < kBatch; ++b)
        for (int64_t c = 0; c < std::min<int64_t>(kRows, count[b]); ++c)
          for (int64_t g = 0; g < kHeads; ++g)
            for (int64_t d = 0; d < kDepth; ++d)
              if (start[b] + c >= 0 && start[b] + c < kPositions)
                result[(((part * kBatch + b) * kHeads + g) * kPositions + start[b] + c) * kDepth + d] =
                    (part ? value : key)[((b * kRows + c) * kHeads + g) * kDepth + d];
    return result;
  }
};

TEST_P(Move, scatterWritesCountedRowsInsideThePage) {
  std::string source = "memref<2x4x2x5xf32>", page = "memref<1x2x2x2x6x5xf32>";
  CompiledBody body("(%i: index, %k: " + source + ", %v: " + source + ", %s: memref<2xi32>, %n: memref<2xi32>, %p: " +
                        page + ") {\ntile.scatter ins(%k, %v : " + source + ", " + source +
                        ") start(%s : memref<2xi32>) count(%n : memref<2xi32>) outs(%p : " + page + ")\n}",
                    GetParam());
  Scatter scatter;
  const std::vector<std::vector<int32_t>> starts = {{0, 2}, {2, 0}, {5, 3}, {-2, 6}, {1000000, -1000000}};
  const std::vector<std::vector<int32_t>> counts = {{4, 4}, {0, 1}, {4, 3}, {4, 4}, {4, -1}};
  for (size_t i = 0; i < starts.size(); ++i) {
    std::vector<int32_t> start = starts[i], count = counts[i];
    std::vector<float> page = scatter.page;
    body.run({scatter.key.data(), scatter.value.data(), start.data(), count.data(), page.data()});
    EXPECT_EQ(page, scatter.expected(start, count)) << i;
  }
}
