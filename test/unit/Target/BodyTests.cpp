// Compiled bodies against loops written here.
#include "BodyRunner.h"

#include <gtest/gtest.h>

using namespace ingot::test;

/// One test per ISA level that this machine runs.
class Bodies : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Isa, Bodies, testing::ValuesIn(runnableIsas()), [](const auto &info) { return info.param; });

static std::string shape(std::initializer_list<int64_t> extents, const char *element = "f32") {
  std::string text = "memref<";
  for (int64_t extent : extents)
    text += std::to_string(extent) + "x";
  return text + element + ">";
}

TEST_P(Bodies, contractRowMajor) {
  for (int64_t m : {1, 3, 7, 16})
    for (int64_t n : {1, 3, 16, 43, 172})
      for (int64_t k : {1, 7, 64}) {
        std::string x = shape({m, k}), w = shape({k, n}), y = shape({m, n});
        CompiledBody body("(%i: index, %x: " + x + ", %w: " + w + ", %y: " + y + ") {\n" +
                              "tile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, "
                              "affine_map<(m, n, k) -> (m, n)>] ins(%x, %w : " + x + ", " + w + ") outs(%y : " + y + ")\n}",
                          GetParam());
        std::vector<float> xs = randomFloats(m * k, 1), ws = randomFloats(k * n, 2), ys(m * n, NAN), again(m * n, NAN);
        std::vector<double> expected(m * n);
        for (int64_t i = 0; i < m; ++i)
          for (int64_t j = 0; j < n; ++j)
            for (int64_t l = 0; l < k; ++l)
              expected[i * n + j] += double(xs[i * k + l]) * ws[l * n + j];
        body.run({xs.data(), ws.data(), ys.data()});
        body.run({xs.data(), ws.data(), again.data()});
        EXPECT_LE(maxNormError(ys, expected), 1e-6) << m << " " << n << " " << k;
        EXPECT_EQ(ys, again);
      }
}
