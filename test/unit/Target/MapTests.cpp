// Compiled pointwise maps.
#include "BodyRunner.h"

#include <gtest/gtest.h>

using namespace ingot::test;

class Map : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Isa, Map, testing::ValuesIn(runnableIsas()), [](const auto &info) { return info.param; });

TEST_P(Map, broadcastsAndConstants) {
  for (int64_t n : {1, 3, 7, 16, 43, 172}) {
    std::string x = memref({3, n}), b = memref({n}), r = memref({3, 1});
    CompiledBody compiled(
        "(%i: index, %x: " + x + ", %b: " + b + ", %r: " + r + ", %y: " + x + ") {\n" +
            "tile.map [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, 0)>]"
            " ins(%x, %b, %r : " +
            x + ", " + b + ", " + r + ") outs(%y : " + x +
            ") {\n"
            "^bb0(%x0: f32, %b0: f32, %r0: f32):\n%c = arith.constant 0.5 : f32\n%s = arith.addf %x0, %b0 : f32\n"
            "%t = arith.mulf %s, %r0 : f32\n%p = arith.cmpf ogt, %t, %c : f32\n"
            "%u = arith.select %p, %t, %c : f32\ntile.yield %u : f32\n}\n}",
        GetParam());
    std::vector<float> xs = randomFloats(3 * n, 1), bs = randomFloats(n, 2), rs = randomFloats(3, 3), ys(3 * n, NAN),
                       expected;
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < n; ++j) {
        float t = (xs[i * n + j] + bs[j]) * rs[i];
        expected.push_back(t > 0.5f ? t : 0.5f);
      }
    compiled.run({xs.data(), bs.data(), rs.data(), ys.data()});
    EXPECT_EQ(ys, expected) << n;
  }
}

TEST_P(Map, transposesAndStridedViews) {
  // Column 1 of pairs, transposed; the other column of the destination keeps its value.
  CompiledBody compiled(
      "(%i: index, %x: memref<5x7x2xf32>, %y: memref<7x5x2xf32>) {\n"
      "%xs = memref.subview %x[0, 0, 1] [5, 7, 1] [1, 1, 1] : memref<5x7x2xf32> to memref<5x7xf32, strided<[14, 2], "
      "offset: "
      "1>>\n"
      "%ys = memref.subview %y[0, 0, 1] [7, 5, 1] [1, 1, 1] : memref<7x5x2xf32> to memref<7x5xf32, strided<[10, 2], "
      "offset: "
      "1>>\n"
      "tile.map [affine_map<(m, n) -> (n, m)>] ins(%xs : memref<5x7xf32, strided<[14, 2], offset: 1>>) outs(%ys : "
      "memref<7x5xf32, strided<[10, 2], offset: 1>>) {\n^bb0(%a: f32):\ntile.yield %a : f32\n}\n}",
      GetParam());
  std::vector<float> x = randomFloats(70, 1), y(70, -1), expected(70, -1);
  for (int64_t i = 0; i < 5; ++i)
    for (int64_t j = 0; j < 7; ++j)
      expected[(j * 5 + i) * 2 + 1] = x[(i * 7 + j) * 2 + 1];
  compiled.run({x.data(), y.data()});
  EXPECT_EQ(y, expected);
}

TEST_P(Map, reshapedOperands) {
  CompiledBody compiled(
      "(%i: index, %x: memref<2x12xf32>, %y: memref<2x12xf32>) {\n"
      "%xs = memref.expand_shape %x [[0], [1, 2]] output_shape [2, 3, 4] : memref<2x12xf32> into memref<2x3x4xf32>\n"
      "%r = memref.subview %xs[1, 0, 0] [1, 3, 4] [1, 1, 1] : memref<2x3x4xf32> to memref<3x4xf32, strided<[4, 1], "
      "offset: "
      "12>>\n"
      "%c = memref.collapse_shape %r [[0, 1]] : memref<3x4xf32, strided<[4, 1], offset: 12>> into memref<12xf32, "
      "strided<[1], "
      "offset: 12>>\n"
      "tile.map [affine_map<(m, n) -> (n)>] ins(%c : memref<12xf32, strided<[1], offset: 12>>) outs(%y : "
      "memref<2x12xf32>) {\n"
      "^bb0(%a: f32):\ntile.yield %a : f32\n}\n}",
      GetParam());
  std::vector<float> x = randomFloats(24, 1), y(24), expected(x.begin() + 12, x.end());
  expected.insert(expected.end(), x.begin() + 12, x.end());
  compiled.run({x.data(), y.data()});
  EXPECT_EQ(y, expected);
}

TEST_P(Map, comparisonsStoreBytes) {
  CompiledBody compiled(
      "(%i: index, %x: memref<43xf32>, %y: memref<43xi1>) {\n"
      "tile.map [affine_map<(n) -> (n)>] ins(%x : memref<43xf32>) outs(%y : memref<43xi1>) {\n^bb0(%a: f32):\n"
      "%c = arith.constant 0.0 : f32\n%b = arith.cmpf olt, %a, %c : f32\ntile.yield %b : i1\n}\n}",
      GetParam());
  std::vector<float> x = randomFloats(43, 1);
  std::vector<uint8_t> y(43, 0xee), expected;
  for (float value : x)
    expected.push_back(value < 0);
  compiled.run({x.data(), y.data()});
  EXPECT_EQ(y, expected);
}

/// silu(x) * u, the heart of a decoder's feed-forward part, over hostile arguments too.
TEST_P(Map, siluProduct) {
  CompiledBody compiled(
      "(%i: index, %x: memref<172xf32>, %u: memref<172xf32>, %y: memref<172xf32>) {\n"
      "tile.map [affine_map<(n) -> (n)>, affine_map<(n) -> (n)>] ins(%x, %u : memref<172xf32>, memref<172xf32>) "
      "outs(%y : memref<172xf32>) {\n^bb0(%a: f32, %b: f32):\n%one = arith.constant 1.0 : f32\n"
      "%n = arith.negf %a : f32\n%e = math.exp %n : f32\n%s = arith.addf %e, %one : f32\n"
      "%q = arith.divf %a, %s : f32\n%r = arith.mulf %q, %b : f32\ntile.yield %r : f32\n}\n}",
      GetParam());
  std::vector<float> x = randomFloats(172, 1), u = randomFloats(172, 2), y(172);
  x[0] = 1000;
  x[1] = -1000;
  x[2] = 88.8f;
  std::vector<double> expected;
  for (int64_t i = 0; i < 172; ++i)
    expected.push_back(double(x[i]) / (1 + std::exp(-double(x[i]))) * u[i]);
  compiled.run({x.data(), u.data(), y.data()});
  EXPECT_LE(maxNormError(y, expected), 1e-6);
  x[171] = NAN;
  compiled.run({x.data(), u.data(), y.data()});
  EXPECT_TRUE(std::isnan(y[171]));
  EXPECT_FALSE(std::isnan(y[170]));
}

/// 16-bit arithmetic is rounded after each operation.
TEST_P(Map, halfPrecisionRoundsEachOperation) {
  for (const char *element : {"bf16", "f16"}) {
    std::string type = memref({43}, element), f = element;
    CompiledBody compiled("(%i: index, %x: " + type + ", %u: " + type + ", %y: " + type + ") {\n" +
                              "tile.map [affine_map<(n) -> (n)>, affine_map<(n) -> (n)>] ins(%x, %u : " + type + ", " +
                              type + ") outs(%y : " + type + ") {\n^bb0(%a: " + f + ", %b: " + f +
                              "):\n%s = arith.mulf %a, %b : " + f + "\n%t = arith.addf %s, %a : " + f +
                              "\n%p = arith.cmpf olt, %t, %b : " + f + "\n%r = arith.select %p, %t, %b : " + f +
                              "\ntile.yield %r : " + f + "\n}\n}",
                          GetParam());
    std::vector<uint16_t> x, u, y(43), expected;
    for (float value : randomFloats(43, 1))
      x.push_back(toHalf(value, element));
    for (float value : randomFloats(43, 2))
      u.push_back(toHalf(value, element));
    x[5] = toHalf(1e-7f, element); // a denormal of f16
    for (int64_t i = 0; i < 43; ++i) {
      float a = fromHalf(x[i], element), b = fromHalf(u[i], element);
      float product = fromHalf(toHalf(a * b, element), element);
      uint16_t sum = toHalf(product + a, element);
      expected.push_back(fromHalf(sum, element) < b ? sum : u[i]);
    }
    compiled.run({x.data(), u.data(), y.data()});
    EXPECT_EQ(y, expected) << element;
  }
}

/// Every half converts to float32 exactly, and every float32 to the nearest half.
TEST_P(Map, halfConversions) {
  for (std::string element : {"bf16", "f16"}) {
    auto convert = [&](const char *op, const std::string &from, const std::string &to) {
      std::string in = memref({65536}, from), out = memref({65536}, to);
      return CompiledBody("(%i: index, %x: " + in + ", %y: " + out +
                              ") {\ntile.map [affine_map<(n) -> (n)>] ins(%x : " + in + ") outs(%y : " + out +
                              ") {\n^bb0(%a: " + from + "):\n%b = " + op + " %a : " + from + " to " + to +
                              "\ntile.yield %b : " + to + "\n}\n}",
                          GetParam());
    };
    std::vector<uint16_t> halves(65536), rounded(65536);
    std::vector<float> floats(65536);
    for (int64_t i = 0; i < 65536; ++i)
      halves[i] = static_cast<uint16_t>(i);
    convert("arith.extf", element, "f32").run({halves.data(), floats.data()});
    for (int64_t i = 0; i < 65536; ++i) {
      float expected = fromHalf(halves[i], element);
      ASSERT_TRUE(floats[i] == expected || (std::isnan(expected) && std::isnan(floats[i]))) << i;
    }
    CompiledBody truncate = convert("arith.truncf", "f32", element);
    std::mt19937 engine(7);
    for (int round = 0; round < 8; ++round) {
      for (float &value : floats) {
        // All magnitudes and ties: random high bits, half of them cut at the rounding place.
        uint32_t bits = engine();
        bits &= engine() % 2 ? 0xffffffffu : element == "bf16" ? 0xffff8000u : 0xfffff000u;
        std::memcpy(&value, &bits, 4);
      }
      truncate.run({floats.data(), rounded.data()});
      for (int64_t i = 0; i < 65536; ++i) {
        uint16_t expected = toHalf(floats[i], element);
        bool bothNaN = std::isnan(floats[i]) && std::isnan(fromHalf(rounded[i], element));
        ASSERT_TRUE(rounded[i] == expected || bothNaN) << element << " " << floats[i];
      }
    }
  }
}

/// Conversions to integers saturate, and take NaN to 0.
TEST_P(Map, floatToInteger) {
  const std::vector<float> x = {0.0f,          -0.9f,         1.5f,          -1.5f,         127.9f, 128.0f,
                                -128.9f,       -129.0f,       255.0f,        256.0f,        3e9f,   -3e9f,
                                2147483520.0f, 2147483648.0f, 4294967040.0f, 4294967296.0f, 1e20f,  -1e20f,
                                1e-40f,        INFINITY,      -INFINITY,     NAN,           5.0f};
  int64_t n = static_cast<int64_t>(x.size());
  auto check = [&](auto zero, const char *op, const std::string &type) {
    using T = decltype(zero);
    std::string in = memref({n}), out = memref({n}, type);
    CompiledBody body("(%i: index, %x: " + in + ", %y: " + out + ") {\ntile.map [affine_map<(n) -> (n)>] ins(%x : " +
                          in + ") outs(%y : " + out + ") {\n^bb0(%a: f32):\n%b = " + op + " %a : f32 to " + type +
                          "\ntile.yield %b : " + type + "\n}\n}",
                      GetParam());
    std::vector<T> y(n, T(77));
    std::vector<float> copy = x;
    body.run({copy.data(), y.data()});
    for (int64_t i = 0; i < n; ++i) {
      T expected = 0;
      if (x[i] >= std::ldexp(1.0, std::numeric_limits<T>::digits))
        expected = std::numeric_limits<T>::max();
      else if (x[i] < static_cast<double>(std::numeric_limits<T>::min()))
        expected = std::numeric_limits<T>::min();
      else if (!std::isnan(x[i]))
        expected = static_cast<T>(x[i]);
      EXPECT_EQ(y[i], expected) << op << " of " << x[i] << " to " << type;
    }
  };
  check(int8_t(), "arith.fptosi", "i8");
  check(int32_t(), "arith.fptosi", "i32");
  check(int64_t(), "arith.fptosi", "i64");
  check(uint8_t(), "arith.fptoui", "i8");
  check(uint32_t(), "arith.fptoui", "i32");
}
