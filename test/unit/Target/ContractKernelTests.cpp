// Micro-kernels of contractions: every block of registers, against float64; what code is left of them.
#include "BodyRunner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace ingot::test;

class ContractKernel : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Isa, ContractKernel, testing::ValuesIn(runnableIsas()),
                         [](const auto &info) { return info.param; });

namespace {

/// y[m, n] = sum_k x[m, k] w[k, n], of float32 values that an element type holds exactly.
struct Case {
  int64_t m, n, k;
  std::string element;
  std::vector<float> x, w;

  Case(int64_t m, int64_t n, int64_t k, const std::string &element = "f32")
      : m(m), n(n), k(k), element(element), x(exact(randomFloats(m * k, 1))), w(exact(randomFloats(k * n, 2))) {}

  std::vector<float> exact(std::vector<float> values) const {
    if (element != "f32")
      for (float &value : values)
        value = fromHalf(toHalf(value, element), element);
    return values;
  }
  std::vector<double> expected() const {
    std::vector<double> y(m * n);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t l = 0; l < k; ++l)
        for (int64_t j = 0; j < n; ++j)
          y[i * n + j] += double(x[i * k + l]) * w[l * n + j];
    return y;
  }
  /// Error of the definition in float32 loops.
  double bound() const {
    std::vector<float> y(m * n);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t l = 0; l < k; ++l)
        for (int64_t j = 0; j < n; ++j)
          y[i * n + j] += x[i * k + l] * w[l * n + j];
    return std::max(1e-6, 2 * maxNormError(y, expected()));
  }
  std::string text(const std::string &out) const {
    std::string xt = memref({m, k}, element), wt = memref({k, n}, element), yt = memref({m, n}, out);
    return "(%i: index, %x: " + xt + ", %w: " + wt + ", %y: " + yt +
           ") {\ntile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, "
           "k) -> (m, n)>] ins(%x, %w : " +
           xt + ", " + wt + ") outs(%y : " + yt + ")\n}";
  }
  /// The compiled result; a bfloat16 one as its bits.
  template <typename Out> std::vector<Out> run(const std::string &isa, const std::string &out) const {
    // One more element on each side: what must not be written.
    std::vector<Out> y(m * n + 2, Out(77));
    CompiledBody compiled(text(out), isa);
    if (element == "f32") {
      compiled.run({const_cast<float *>(x.data()), const_cast<float *>(w.data()), y.data() + 1});
    } else {
      std::vector<uint16_t> xs, ws;
      for (float value : x)
        xs.push_back(toHalf(value, element));
      for (float value : w)
        ws.push_back(toHalf(value, element));
      compiled.run({xs.data(), ws.data(), y.data() + 1});
    }
    EXPECT_EQ(y.front(), Out(77));
    EXPECT_EQ(y.back(), Out(77));
    return std::vector<Out>(y.begin() + 1, y.end() - 1);
  }
};

} // namespace

/// Rows: each number that a block may have, and what is left beside blocks. Columns: parts of registers, several
/// blocks.
TEST_P(ContractKernel, everyBlock) {
  for (int64_t m : {1, 2, 3, 5, 6, 7, 11, 12, 14, 25})
    for (int64_t n : {2, 5, 16, 33, 64, 150}) {
      Case c(m, n, 31);
      EXPECT_LE(maxNormError(c.run<float>(GetParam(), "f32"), c.expected()), c.bound()) << m << " " << n;
    }
}

TEST_P(ContractKernel, everyBlockInBF16) {
  for (int64_t m : {1, 5, 6, 13})
    for (int64_t n : {2, 16, 33, 64, 75})
      for (int64_t k : {1, 2, 33}) {
        Case c(m, n, k, "bf16");
        EXPECT_LE(maxNormError(c.run<float>(GetParam(), "f32"), c.expected()), c.bound()) << m << " " << n << " " << k;
      }
}

/// Sums in float32, rounded once: a neighbour of the rounded exact sum at most, where that lies close to a tie.
TEST_P(ContractKernel, roundsOnceToBF16) {
  for (int64_t n : {5, 16, 43, 64}) {
    Case c(7, n, 65, "bf16");
    std::vector<uint16_t> result = c.run<uint16_t>(GetParam(), "bf16");
    std::vector<double> expected = c.expected();
    for (size_t i = 0; i < result.size(); ++i) {
      double exact = expected[i], bound = std::abs(exact) / 256 + 1e-5;
      EXPECT_LE(std::abs(fromHalf(result[i], "bf16") - exact), bound) << n << " " << i;
    }
  }
}

TEST_P(ContractKernel, specialValuesInBF16) {
  Case c(3, 40, 7, "bf16");
  c.x[1 * 7 + 2] = NAN;
  c.w[6 * 40 + 39] = INFINITY;
  std::vector<uint16_t> y = c.run<uint16_t>(GetParam(), "bf16");
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 40; ++j)
      EXPECT_EQ(std::isnan(fromHalf(y[i * 40 + j], "bf16")), i == 1) << i << " " << j;
  EXPECT_TRUE(std::isinf(fromHalf(y[0 * 40 + 39], "bf16")));
  EXPECT_TRUE(std::isinf(fromHalf(y[2 * 40 + 39], "bf16")));
}

/// Bits of a row do not depend on the rows beside it, nor those of a column on the columns.
TEST_P(ContractKernel, bitsDoNotDependOnBlocks) {
  for (const char *element : {"f32", "bf16"}) {
    Case whole(13, 75, 33, element);
    std::vector<float> all = whole.run<float>(GetParam(), "f32");
    for (int64_t row : {0, 5, 12}) {
      Case one = whole;
      one.m = 1;
      one.x.assign(whole.x.begin() + row * 33, whole.x.begin() + (row + 1) * 33);
      std::vector<float> alone = one.run<float>(GetParam(), "f32");
      EXPECT_EQ(alone, std::vector<float>(all.begin() + row * 75, all.begin() + (row + 1) * 75)) << element;
    }
    Case some = whole;
    some.n = 3;
    some.w.clear();
    const int64_t chosen[] = {1, 40, 74};
    for (int64_t l = 0; l < 33; ++l)
      for (int64_t j : chosen)
        some.w.push_back(whole.w[l * 75 + j]);
    std::vector<float> columns = some.run<float>(GetParam(), "f32");
    for (int64_t i = 0; i < 13; ++i)
      for (int64_t j = 0; j < 3; ++j)
        EXPECT_EQ(columns[i * 3 + j], all[i * 75 + chosen[j]]) << element << i << " " << j;
  }
}

/// Several panels in one task, two of them in a block with one row, one after the other with many.
TEST_P(ContractKernel, panels) {
  for (int64_t m : {1, 3, 20}) {
    Case c(m, 5 * 24, 17);
    std::vector<float> panels, y(m * 120, NAN);
    for (int64_t p = 0; p < 5; ++p)
      for (int64_t l = 0; l < 17; ++l)
        panels.insert(panels.end(), c.w.begin() + l * 120 + p * 24, c.w.begin() + l * 120 + (p + 1) * 24);
    std::string xt = memref({m, 17}), wt = memref({5, 17, 24}), yt = memref({m, 5, 24});
    CompiledBody compiled("(%i: index, %x: " + xt + ", %w: " + wt + ", %y: " + yt +
                              ") {\ntile.contract [affine_map<(m, p, n, k) -> (m, k)>, affine_map<(m, p, n, k) -> (p, "
                              "k, n)>, affine_map<(m, p, n, k) -> (m, p, n)>] ins(%x, %w : " +
                              xt + ", " + wt + ") outs(%y : " + yt + ")\n}",
                          GetParam());
    compiled.run({c.x.data(), panels.data(), y.data()});
    EXPECT_LE(maxNormError(y, c.expected()), c.bound()) << m;
  }
}

/// Columns may be those of the left operand: y[m, n] = sum_k x[k, m] w[n, k] runs along m where y is stored by columns.
TEST_P(ContractKernel, operandsChangePlaces) {
  Case c(40, 9, 21);
  std::vector<float> x(40 * 21), w(9 * 21), y(40 * 9, NAN);
  for (int64_t l = 0; l < 21; ++l) {
    for (int64_t i = 0; i < 40; ++i)
      x[l * 40 + i] = c.x[i * 21 + l];
    for (int64_t j = 0; j < 9; ++j)
      w[j * 21 + l] = c.w[l * 9 + j];
  }
  CompiledBody compiled("(%i: index, %x: memref<21x40xf32>, %w: memref<9x21xf32>, %y: memref<9x40xf32>) {\n"
                        "tile.contract [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (n, k)>, "
                        "affine_map<(m, n, k) -> (n, m)>] ins(%x, %w : memref<21x40xf32>, memref<9x21xf32>) "
                        "outs(%y : memref<9x40xf32>)\n}",
                        GetParam());
  compiled.run({x.data(), w.data(), y.data()});
  std::vector<float> rows(40 * 9);
  for (int64_t i = 0; i < 40; ++i)
    for (int64_t j = 0; j < 9; ++j)
      rows[i * 9 + j] = y[j * 40 + i];
  EXPECT_LE(maxNormError(rows, c.expected()), c.bound());
}

/// The call is inlined with its constants: nothing is called, and accumulators are values, not memory.
TEST_P(ContractKernel, nothingIsLeftOfTheCall) {
  for (const char *element : {"f32", "bf16"})
    for (int64_t m : {1, 6, 50}) {
      std::string text = emitLLVMText(programOf(Case(m, 64, 64, element).text(element)), GetParam());
      EXPECT_THAT(text, testing::HasSubstr("define void @t__b")) << text.substr(0, 500);
      EXPECT_THAT(text, testing::Not(testing::HasSubstr("@ingot_contract"))) << element << " " << m;
      EXPECT_THAT(text, testing::Not(testing::HasSubstr("alloca"))) << element << " " << m;
    }
}
