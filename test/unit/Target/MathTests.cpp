// Elementary functions in compiled bodies against the C library's in float64.
#include "BodyRunner.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace ingot::test;

class Math : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Isa, Math, testing::ValuesIn(runnableIsas()), [](const auto &info) { return info.param; });

static constexpr int64_t kSamples = 1 << 16;
/// A number of samples that uses all vector widths.
static constexpr int64_t kBlock = kSamples + 15;

static float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

static std::string unaryBody(const std::string &op) {
  std::string type = "memref<" + std::to_string(kBlock) + "xf32>";
  return "(%i: index, %x: " + type + ", %y: " + type + ") {\n tile.map [affine_map<(n) -> (n)>] ins(%x : " + type +
         ") outs(%y : " + type + ") {\n ^bb0(%a: f32):\n %b = " + op + " %a : f32\n tile.yield %b : f32\n }\n}";
}

/// Error in units in the last place of the float nearest to `expected`.
static double ulps(float actual, double expected) {
  if (std::isnan(expected) || std::isnan(actual))
    return std::isnan(expected) && std::isnan(actual) ? 0 : INFINITY;
  float nearest = static_cast<float>(expected);
  if (std::isinf(nearest) || std::isinf(actual))
    return actual == nearest                                                                             ? 0
           : std::nextafter(actual, INFINITY) == nearest || std::nextafter(actual, -INFINITY) == nearest ? 1
                                                                                                         : INFINITY;
  int exponent;
  std::frexp(nearest, &exponent);
  double unit = std::ldexp(1.0, std::max(exponent - 24, -149));
  return std::abs(actual - expected) / unit;
}

/// The largest error of `op` over every `step`-th float with bits in [begin, end] of both signs.
static double worst(const CompiledBody &body, double (*reference)(double), uint64_t begin, uint64_t end,
                    uint64_t step) {
  std::vector<float> x(kBlock), y(kBlock);
  double largest = 0;
  float where = 0;
  for (uint64_t bits = begin; bits <= end;) {
    for (float &value : x) {
      value = fromBits(static_cast<uint32_t>(std::min(bits, end)));
      bits += step;
    }
    for (int sign = 0; sign < 2; ++sign) {
      body.run({x.data(), y.data()});
      for (int64_t i = 0; i < kBlock; ++i) {
        double error = ulps(y[i], reference(x[i]));
        if (error > largest) {
          largest = error;
          where = x[i];
        }
      }
      for (float &value : x)
        value = -value;
    }
  }
  std::printf("    largest error %.3f ulp, at %.9g\n", largest, where);
  return largest;
}

/// All floats, to beyond infinity.
static constexpr uint64_t kEnd = 0x7f800010;

namespace {
struct Function {
  const char *op;
  double (*reference)(double);
  double bound; // ulp, as MathFunctions.h says
};
} // namespace

TEST_P(Math, functionsOverAllFloats) {
  const Function functions[] = {
      {"math.exp", std::exp, 1.0},     {"math.exp2", std::exp2, 1.1},
      {"math.expm1", std::expm1, 1.5}, {"math.log", std::log, 0.8},
      {"math.log2", std::log2, 2.0},   {"math.log10", std::log10, 1.7},
      {"math.log1p", std::log1p, 1.6}, {"math.tanh", std::tanh, 1.3},
      {"math.erf", std::erf, 1.2},     {"math.rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1.5},
  };
  for (const Function &function : functions) {
    SCOPED_TRACE(function.op);
    CompiledBody body(unaryBody(function.op), GetParam());
    EXPECT_LE(worst(body, function.reference, 0, kEnd, 1009), function.bound);
  }
}

TEST_P(Math, sineAndCosine) {
  constexpr uint64_t kLimit = 0x49800000; // 2^20
  for (const Function &function : {Function{"math.sin", std::sin, 1.5}, Function{"math.cos", std::cos, 1.5}}) {
    SCOPED_TRACE(function.op);
    CompiledBody body(unaryBody(function.op), GetParam());
    EXPECT_LE(worst(body, function.reference, 0, kLimit, 1009), function.bound);
    std::vector<float> x(kBlock), y(kBlock);
    for (int64_t i = 0; i < kBlock; ++i)
      x[i] = std::ldexp(1.0f, 20) + i * 4079.0f;
    body.run({x.data(), y.data()});
    for (int64_t i = 0; i < kBlock; ++i)
      EXPECT_NEAR(y[i], function.reference(x[i]), 1e-6) << x[i];
    // Beyond 2^28, NaN rather than a wrong number.
    x.assign(kBlock, 1e9f);
    x[1] = -INFINITY;
    x[2] = -0.0f;
    body.run({x.data(), y.data()});
    EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
    EXPECT_EQ(y[2], static_cast<float>(function.reference(-0.0)));
  }
}

TEST_P(Math, roundingToIntegers) {
  const Function functions[] = {{"math.floor", std::floor, 0},
                                {"math.ceil", std::ceil, 0},
                                {"math.trunc", std::trunc, 0},
                                {"math.round", std::round, 0},
                                {"math.roundeven", std::nearbyint, 0}};
  for (const Function &function : functions) {
    SCOPED_TRACE(function.op);
    CompiledBody body(unaryBody(function.op), GetParam());
    EXPECT_EQ(worst(body, function.reference, 0, kEnd, 10007), 0);
    std::vector<float> x(kBlock), y(kBlock);
    for (int64_t i = 0; i < kBlock; ++i)
      x[i] = static_cast<float>(i - 40) / 2;
    x[40] = -0.0f;
    body.run({x.data(), y.data()});
    for (int64_t i = 0; i < kBlock; ++i) {
      EXPECT_EQ(y[i], function.reference(x[i])) << x[i];
      EXPECT_EQ(std::signbit(y[i]), std::signbit(function.reference(x[i]))) << x[i];
    }
  }
}

TEST_P(Math, powers) {
  std::string type = "memref<" + std::to_string(kBlock) + "xf32>";
  CompiledBody body("(%i: index, %x: " + type + ", %p: " + type + ", %y: " + type +
                        ") {\ntile.map [affine_map<(n) -> (n)>, affine_map<(n) -> (n)>] ins(%x, %p : " + type + ", " +
                        type + ") outs(%y : " + type +
                        ") {\n^bb0(%a: f32, %b: f32):\n%c = math.powf %a, %b : f32\ntile.yield %c : f32\n}\n}",
                    GetParam());
  std::vector<float> x(kBlock), p(kBlock), y(kBlock);
  const float corners[] = {0.0f, -0.0f, 1.0f,   -1.0f, 0.5f,     -0.5f,     2.0f, -2.0f,
                           3.0f, -3.0f, 1e-40f, 1e38f, INFINITY, -INFINITY, NAN,  16777217.0f};
  std::mt19937 engine(11);
  for (int64_t i = 0; i < kBlock; ++i) {
    x[i] = fromBits(static_cast<uint32_t>(engine()));
    p[i] = std::ldexp(static_cast<float>(engine() % 20001) - 10000, -static_cast<int>(engine() % 16));
    if (i < 256) {
      x[i] = corners[i / 16];
      p[i] = corners[i % 16];
    }
  }
  body.run({x.data(), p.data(), y.data()});
  double largest = 0;
  for (int64_t i = 0; i < kBlock; ++i) {
    double expected = std::pow(double(x[i]), double(p[i]));
    EXPECT_LE(ulps(y[i], expected), 0.6) << x[i] << " to the " << p[i] << " is " << y[i] << ", not " << expected;
    largest = std::max(largest, ulps(y[i], expected));
  }
  RecordProperty("largest_ulp", std::to_string(largest));
}
