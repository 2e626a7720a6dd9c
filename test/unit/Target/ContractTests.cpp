// Compiled contractions and reductions against loops in float64.
#include "BodyRunner.h"

#include <gtest/gtest.h>

using namespace ingot::test;

class Contract : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Isa, Contract, testing::ValuesIn(runnableIsas()), [](const auto &info) { return info.param; });

namespace {
/// y[m, n] = sum_k x[m, k] w[k, n], with plain float loops beside for the bound.
struct Product {
  int64_t m, n, k;
  std::vector<float> x, w;
  std::vector<double> expected;
  std::vector<float> plain;

  Product(int64_t m, int64_t n, int64_t k) : m(m), n(n), k(k), x(randomFloats(m * k, 1)), w(randomFloats(k * n, 2)) {
    multiply();
  }
  void multiply() {
    expected.assign(m * n, 0);
    plain.assign(m * n, 0);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        for (int64_t l = 0; l < k; ++l) {
          expected[i * n + j] += double(x[i * k + l]) * w[l * n + j];
          plain[i * n + j] += x[i * k + l] * w[l * n + j];
        }
  }
  double bound() const { return std::max(1e-6, 2 * maxNormError(plain, expected)); }
};
} // namespace

static std::string contract(const std::string &x, const std::string &w, const std::string &y,
                            const char *rhs = "(k, n)") {
  return "tile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> " + std::string(rhs) +
         ">, affine_map<(m, n, k) -> (m, n)>] ins(%x, %w : " + x + ", " + w + ") outs(%y : " + y + ")\n";
}

static std::string body(const std::string &x, const std::string &w, const std::string &y, const std::string &text) {
  return "(%i: index, %x: " + x + ", %w: " + w + ", %y: " + y + ") {\n" + text + "}";
}

TEST_P(Contract, rowMajor) {
  for (int64_t m : {1, 3, 7, 16})
    for (int64_t n : {1, 3, 7, 43, 172})
      for (int64_t k : {1, 43, 64}) {
        Product p(m, n, k);
        std::string x = memref({m, k}), w = memref({k, n}), y = memref({m, n});
        CompiledBody compiled(body(x, w, y, contract(x, w, y)), GetParam());
        std::vector<float> result(m * n, NAN), again(m * n, NAN);
        compiled.run({p.x.data(), p.w.data(), result.data()});
        compiled.run({p.x.data(), p.w.data(), again.data()});
        EXPECT_LE(maxNormError(result, p.expected), p.bound()) << m << " " << n << " " << k;
        EXPECT_EQ(result, again);
      }
}

TEST_P(Contract, longReduction) {
  Product p(1, 64, 4096);
  std::string x = memref({1, 4096}), w = memref({4096, 64}), y = memref({1, 64});
  std::vector<float> result(64, NAN);
  CompiledBody(body(x, w, y, contract(x, w, y)), GetParam()).run({p.x.data(), p.w.data(), result.data()});
  EXPECT_LE(maxNormError(result, p.expected), p.bound());
}

TEST_P(Contract, weightsByRows) {
  for (int64_t n : {1, 7, 43}) {
    Product p(3, n, 64);
    std::vector<float> transposed(n * 64), result(3 * n, NAN);
    for (int64_t j = 0; j < n; ++j)
      for (int64_t l = 0; l < 64; ++l)
        transposed[j * 64 + l] = p.w[l * n + j];
    std::string x = memref({3, 64}), w = memref({n, 64}), y = memref({3, n});
    CompiledBody(body(x, w, y, contract(x, w, y, "(n, k)")), GetParam())
        .run({p.x.data(), transposed.data(), result.data()});
    EXPECT_LE(maxNormError(result, p.expected), p.bound());
  }
}

/// Bits of an element do not depend on its place in a block of registers: each is one chain in index order.
TEST_P(Contract, bitsDoNotDependOnBlocks) {
  Product whole(7, 43, 64);
  std::string x = memref({7, 64}), w = memref({64, 43}), y = memref({7, 43});
  std::vector<float> result(7 * 43), one(1);
  CompiledBody(body(x, w, y, contract(x, w, y)), GetParam()).run({whole.x.data(), whole.w.data(), result.data()});
  std::string x1 = memref({1, 64}), w1 = memref({64, 1}), y1 = memref({1, 1});
  CompiledBody single(body(x1, w1, y1, contract(x1, w1, y1)), GetParam());
  for (int64_t i = 0; i < 7; ++i)
    for (int64_t j = 0; j < 43; ++j) {
      std::vector<float> column(64);
      for (int64_t l = 0; l < 64; ++l)
        column[l] = whole.w[l * 43 + j];
      single.run({whole.x.data() + i * 64, column.data(), one.data()});
      EXPECT_EQ(one[0], result[i * 43 + j]) << i << " " << j;
    }
}

/// A task of a grid: panels of weights, a part of the output, a temporary in scratch memory.
TEST_P(Contract, panelsAndViews) {
  CompiledBody compiled(
      "(%i: index, %x: memref<3x64xf32>, %w: memref<4x64x16xf32>, %y: memref<3x64xf32>) private 192 {\n"
      "%t = memref.alloca() : memref<3x16xf32>\n"
      "%p = memref.subview %w[%i, 0, 0] [1, 64, 16] [1, 1, 1] : memref<4x64x16xf32> to memref<64x16xf32, strided<[16, "
      "1], "
      "offset: ?>>\n"
      "tile.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, "
      "n)>]"
      " ins(%x, %p : memref<3x64xf32>, memref<64x16xf32, strided<[16, 1], offset: ?>>) outs(%t : memref<3x16xf32>)\n"
      "%o = affine.apply affine_map<(i) -> (i * 16)>(%i)\n"
      "%v = memref.subview %y[0, %o] [3, 16] [1, 1] : memref<3x64xf32> to memref<3x16xf32, strided<[64, 1], offset: "
      "?>>\n"
      "tile.map [affine_map<(m, n) -> (m, n)>] ins(%t : memref<3x16xf32>) outs(%v : memref<3x16xf32, strided<[64, 1], "
      "offset: ?>>) {\n^bb0(%a: f32):\n%b = arith.negf %a : f32\ntile.yield %b : f32\n}\n}",
      GetParam());
  std::vector<float> x = randomFloats(3 * 64, 1), w = randomFloats(4 * 64 * 16, 2), y(3 * 64, NAN);
  std::vector<double> expected(3 * 64);
  for (int64_t task = 0; task < 4; ++task) {
    compiled.run({x.data(), w.data(), y.data()}, {task});
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < 16; ++j)
        for (int64_t l = 0; l < 64; ++l)
          expected[i * 64 + task * 16 + j] -= double(x[i * 64 + l]) * w[(task * 64 + l) * 16 + j];
  }
  EXPECT_LE(maxNormError(y, expected), 1e-6);
}

TEST_P(Contract, batchAndTwoReductions) {
  // y[b, n] = sum_{p, k} x[b, p, k] w[b, k, p, n]
  CompiledBody compiled(
      "(%i: index, %x: memref<2x3x5xf32>, %w: memref<2x5x3x43xf32>, %y: memref<2x43xf32>) {\n"
      "tile.contract [affine_map<(b, n, p, k) -> (b, p, k)>, affine_map<(b, n, p, k) -> (b, k, p, n)>, "
      "affine_map<(b, n, p, k) -> (b, n)>] ins(%x, %w : memref<2x3x5xf32>, memref<2x5x3x43xf32>) "
      "outs(%y : memref<2x43xf32>)\n}",
      GetParam());
  std::vector<float> x = randomFloats(30, 1), w = randomFloats(2 * 5 * 3 * 43, 2), y(86, NAN);
  std::vector<double> expected(86);
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t n = 0; n < 43; ++n)
      for (int64_t p = 0; p < 3; ++p)
        for (int64_t k = 0; k < 5; ++k)
          expected[b * 43 + n] += double(x[(b * 3 + p) * 5 + k]) * w[((b * 5 + k) * 3 + p) * 43 + n];
  compiled.run({x.data(), w.data(), y.data()});
  EXPECT_LE(maxNormError(y, expected), 1e-6);
}

TEST_P(Contract, halfPrecision) {
  for (const char *element : {"bf16", "f16"}) {
    Product p(3, 43, 64);
    std::vector<uint16_t> x, w, y(3 * 43);
    for (float &value : p.x)
      value = fromHalf(x.emplace_back(toHalf(value, element)), element);
    for (float &value : p.w)
      value = fromHalf(w.emplace_back(toHalf(value, element)), element);
    p.multiply();
    std::string xt = memref({3, 64}, element), wt = memref({64, 43}, element), yt = memref({3, 43}, element);
    CompiledBody(body(xt, wt, yt, contract(xt, wt, yt)), GetParam()).run({x.data(), w.data(), y.data()});
    for (int64_t i = 0; i < 3 * 43; ++i) {
      // Rounded once, from a float32 sum: at most a neighbour where the sum lies close to a tie.
      int distance = std::abs(int(y[i]) - int(toHalf(static_cast<float>(p.expected[i]), element)));
      EXPECT_LE(distance, 1) << element << " " << i;
    }
  }
}

TEST_P(Contract, integersAccumulateInInt32) {
  CompiledBody compiled("(%i: index, %x: memref<2x70xi8>, %w: memref<70x19xi8>, %y: memref<2x19xi32>) {\n" +
                            contract("memref<2x70xi8>", "memref<70x19xi8>", "memref<2x19xi32>") + "}",
                        GetParam());
  std::vector<int8_t> x(140), w(70 * 19);
  std::mt19937 engine(3);
  for (int8_t &value : x)
    value = static_cast<int8_t>(engine());
  for (int8_t &value : w)
    value = static_cast<int8_t>(engine());
  std::vector<int32_t> y(38), expected(38);
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 19; ++j)
      for (int64_t l = 0; l < 70; ++l)
        expected[i * 19 + j] += x[i * 70 + l] * w[l * 19 + j];
  compiled.run({x.data(), w.data(), y.data()});
  EXPECT_EQ(y, expected);
}

TEST_P(Contract, nanAndInfinityReachTheirElementsOnly) {
  Product p(3, 43, 7);
  p.x[1 * 7 + 2] = NAN;
  p.w[5 * 43 + 40] = INFINITY;
  std::string x = memref({3, 7}), w = memref({7, 43}), y = memref({3, 43});
  std::vector<float> result(3 * 43);
  CompiledBody(body(x, w, y, contract(x, w, y)), GetParam()).run({p.x.data(), p.w.data(), result.data()});
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 43; ++j)
      EXPECT_EQ(std::isnan(result[i * 43 + j]), i == 1) << i << " " << j;
  EXPECT_TRUE(std::isinf(result[0 * 43 + 40]));
  EXPECT_TRUE(std::isinf(result[2 * 43 + 40]));
}

namespace {
struct Reduction {
  const char *kind;
  double initial;
  double (*combine)(double, double);
  bool mean = false;
};
} // namespace

/// [7, 19, 43] over dimensions 0 and 1 (vectors of 43), or 0 and 2 (a chain for each of 19), rounding to T at each
/// step.
template <typename T> static std::vector<T> reduce(const Reduction &c, const std::vector<float> &x, bool inner) {
  std::vector<T> result(inner ? 19 : 43, static_cast<T>(c.initial));
  for (int64_t a = 0; a < 7; ++a)
    for (int64_t b = 0; b < 19; ++b)
      for (int64_t d = 0; d < 43; ++d) {
        T &element = result[inner ? b : d];
        element = static_cast<T>(c.combine(element, x[(a * 19 + b) * 43 + d]));
      }
  for (T &element : result)
    element /= static_cast<T>(!c.mean ? 1 : inner ? 7 * 43 : 7 * 19);
  return result;
}

TEST_P(Contract, reductions) {
  const Reduction cases[] = {{"sum", 0, [](double a, double b) { return a + b; }},
                             {"mean", 0, [](double a, double b) { return a + b; }, true},
                             {"product", 1, [](double a, double b) { return a * b; }},
                             {"max", -INFINITY, [](double a, double b) { return std::max(a, b); }},
                             {"min", INFINITY, [](double a, double b) { return std::min(a, b); }}};
  std::vector<float> x = randomFloats(7 * 19 * 43, 5);
  for (const Reduction &c : cases)
    for (bool inner : {false, true}) {
      std::string y = memref({inner ? 19 : 43});
      CompiledBody compiled("(%i: index, %x: memref<7x19x43xf32>, %y: " + y + ") {\ntile.reduce " + c.kind +
                                " dims [0, " + (inner ? "2" : "1") + "] ins(%x : memref<7x19x43xf32>) outs(%y : " + y +
                                ")\n}",
                            GetParam());
      std::vector<double> expected = reduce<double>(c, x, inner);
      std::vector<float> result(expected.size(), NAN);
      compiled.run({x.data(), result.data()});
      EXPECT_LE(maxNormError(result, expected), std::max(1e-6, 2 * maxNormError(reduce<float>(c, x, inner), expected)))
          << c.kind;
      float kept = std::exchange(x[3], NAN);
      compiled.run({x.data(), result.data()});
      EXPECT_TRUE(std::isnan(result[inner ? 0 : 3])) << c.kind;
      x[3] = kept;
    }
}
