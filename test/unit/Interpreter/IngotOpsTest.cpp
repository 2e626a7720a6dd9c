// ingot operations against formulas written out in float64.
#include "test/unit/Interpreter/Testing.h"

#include <cmath>

using namespace ingot::interpreter;

namespace {

class IngotOpsTest : public InterpreterTest {
protected:
  /// `result` of "%r = OP : ..." with inputs %x, %y, %z.
  std::vector<double> evaluate(const std::string &body, const std::string &signature, const Arrays &inputs,
                               Options options = {}) {
    return run("func.func @main" + signature + " {\n" + body + "\n}", inputs, options)["result0"].floats();
  }
};

TEST_F(IngotOpsTest, DotWithBatchAndTwoContractedDimensions) {
  auto x = irregular(2 * 3 * 4 * 5, 1), y = irregular(4 * 2 * 6 * 3, 2);
  // r[b, m, n] = sum_{k, l} x[b, k, l, m] * y[l, b, n, k]
  std::vector<double> expected;
  for (int b = 0; b < 2; ++b)
    for (int m = 0; m < 5; ++m)
      for (int n = 0; n < 6; ++n) {
        double sum = 0;
        for (int k = 0; k < 3; ++k)
          for (int l = 0; l < 4; ++l)
            sum += x[((b * 3 + k) * 4 + l) * 5 + m] * y[((l * 2 + b) * 6 + n) * 3 + k];
        expected.push_back(sum);
      }
  const char *body = "%r = ingot.dot %x, %y batch [0] x [1] contract [1, 2] x [3, 0]"
                     " : (tensor<2x3x4x5xf32>, tensor<4x2x6x3xf32>) -> tensor<2x5x6xf32>\n"
                     "return %r : tensor<2x5x6xf32>";
  const char *signature = "(%x: tensor<2x3x4x5xf32>, %y: tensor<4x2x6x3xf32>) -> tensor<2x5x6xf32>";
  Arrays inputs = named({{"arg0", floats({2, 3, 4, 5}, x)}, {"arg1", floats({4, 2, 6, 3}, y)}});
  expectNear(evaluate(body, signature, inputs), expected, 1e-15);
  expectNear(evaluate(body, signature, inputs, typed()), expected, 1e-6);
}

TEST_F(IngotOpsTest, DotAccumulatesInFloat32InIndexOrder) {
  // 2^24, then 1 and 1: in order in f32 both ones vanish; in float64 they do not.
  Arrays inputs = named({{"arg0", floats({3}, {16777216, 1, 1})}, {"arg1", floats({3}, {1, 1, 1})}});
  const char *body = "%r = ingot.dot %x, %y contract [0] x [0] : (tensor<3xf32>, tensor<3xf32>) -> tensor<f32>\n"
                     "return %r : tensor<f32>";
  const char *signature = "(%x: tensor<3xf32>, %y: tensor<3xf32>) -> tensor<f32>";
  EXPECT_EQ(evaluate(body, signature, inputs), (std::vector<double>{16777218}));
  EXPECT_EQ(evaluate(body, signature, inputs, typed()), (std::vector<double>{16777216}));
}

TEST_F(IngotOpsTest, DotOfBf16RoundsOnceAtTheEnd) {
  // 256 + 1 + 1 is exact in f32 and 258 in bf16; rounding every step would give 256.
  Arrays inputs =
      named({{"arg0", floats({3}, {256, 1, 1}, Element::bf16)}, {"arg1", floats({3}, {1, 1, 1}, Element::bf16)}});
  EXPECT_EQ(evaluate("%r = ingot.dot %x, %y contract [0] x [0] : (tensor<3xbf16>, tensor<3xbf16>) -> tensor<bf16>\n"
                     "return %r : tensor<bf16>",
                     "(%x: tensor<3xbf16>, %y: tensor<3xbf16>) -> tensor<bf16>", inputs, typed()),
            (std::vector<double>{258}));
}

TEST_F(IngotOpsTest, IntegerDotWraps) {
  Arrays inputs = named({{"arg0", ints({2}, {100, 100}, Element::i8)}, {"arg1", ints({2}, {100, 3}, Element::i8)}});
  Arrays out = run("func.func @main(%x: tensor<2xi8>, %y: tensor<2xi8>) -> tensor<i8> {\n"
                   "%r = ingot.dot %x, %y contract [0] x [0] : (tensor<2xi8>, tensor<2xi8>) -> tensor<i8>\n"
                   "return %r : tensor<i8>\n}",
                   inputs);
  EXPECT_EQ(out["result0"].ints(), std::vector<int64_t>{static_cast<int8_t>(10300)});
}

TEST_F(IngotOpsTest, Reductions) {
  auto x = irregular(2 * 3 * 4, 3);
  const std::pair<const char *, double> kinds[] = {
      {"sum", 0}, {"max", -HUGE_VAL}, {"min", HUGE_VAL}, {"product", 1}, {"mean", 0}};
  for (auto [kind, start] : kinds) {
    std::vector<double> expected;
    for (int j = 0; j < 3; ++j) {
      double value = start;
      for (int i = 0; i < 2; ++i)
        for (int k = 0; k < 4; ++k) {
          double v = x[(i * 3 + j) * 4 + k];
          std::string name = kind;
          value = name == "max"       ? std::max(value, v)
                  : name == "min"     ? std::min(value, v)
                  : name == "product" ? value * v
                                      : value + v;
        }
      expected.push_back(std::string(kind) == "mean" ? value / 8 : value);
    }
    SCOPED_TRACE(kind);
    expectNear(evaluate("%r = ingot.reduce " + std::string(kind) +
                            " %x dims [0, 2] : (tensor<2x3x4xf32>) -> tensor<3xf32>\n"
                            "return %r : tensor<3xf32>",
                        "(%x: tensor<2x3x4xf32>) -> tensor<3xf32>", named({{"arg0", floats({2, 3, 4}, x)}})),
               expected, 1e-15);
  }
}

TEST_F(IngotOpsTest, ReductionsOfNaNAndIntegers) {
  double nan = std::nan("");
  EXPECT_TRUE(
      std::isnan(evaluate("%r = ingot.reduce max %x dims [0] : (tensor<3xf32>) -> tensor<f32>\nreturn %r : tensor<f32>",
                          "(%x: tensor<3xf32>) -> tensor<f32>", named({{"arg0", floats({3}, {1, nan, 2})}}))[0]));
  for (auto [kind, expected] : {std::pair("sum", -128 + 1), {"max", 127}, {"min", 1}, {"mean", -42}}) {
    Arrays out = run("func.func @main(%x: tensor<3xi8>) -> tensor<i8> {\n%r = ingot.reduce " + std::string(kind) +
                         " %x dims [0] : (tensor<3xi8>) -> tensor<i8>\nreturn %r : tensor<i8>\n}",
                     named({{"arg0", ints({3}, {127, 1, 1}, Element::i8)}}));
    // 127 + 1 + 1 = 129 wraps to -127 in i8, and the mean divides before it wraps.
    EXPECT_EQ(out["result0"].ints()[0], std::string(kind) == "mean" ? 43 : expected) << kind;
  }
}

TEST_F(IngotOpsTest, Norms) {
  auto x = irregular(2 * 5, 4), w = irregular(5, 5), b = irregular(5, 6);
  std::vector<double> rms, layer, soft;
  for (int r = 0; r < 2; ++r) {
    double squares = 0, sum = 0, variance = 0, total = 0;
    for (int i = 0; i < 5; ++i) {
      squares += x[r * 5 + i] * x[r * 5 + i];
      sum += x[r * 5 + i];
      total += std::exp(x[r * 5 + i]);
    }
    for (int i = 0; i < 5; ++i)
      variance += (x[r * 5 + i] - sum / 5) * (x[r * 5 + i] - sum / 5) / 5;
    for (int i = 0; i < 5; ++i) {
      rms.push_back(x[r * 5 + i] / std::sqrt(squares / 5 + 1e-3) * w[i]);
      layer.push_back((x[r * 5 + i] - sum / 5) / std::sqrt(variance + 1e-3) * w[i] + b[i]);
      soft.push_back(std::exp(x[r * 5 + i]) / total);
    }
  }
  Arrays inputs = named({{"arg0", floats({2, 5}, x)}, {"arg1", floats({5}, w)}, {"arg2", floats({5}, b)}});
  const char *signature = "(%x: tensor<2x5xf32>, %w: tensor<5xf32>, %b: tensor<5xf32>) -> tensor<2x5xf32>";
  auto check = [&](const std::string &op, const std::vector<double> &expected) {
    std::string body = "%r = " + op + "\nreturn %r : tensor<2x5xf32>";
    expectNear(evaluate(body, signature, inputs), expected, 1e-14);
    expectNear(evaluate(body, signature, inputs, typed()), expected, 2e-6);
  };
  check("ingot.rms_norm %x, %w eps 1.0e-3 : tensor<2x5xf32>, tensor<5xf32>", rms);
  check("ingot.layer_norm %x, %w, %b eps 1.0e-3 : tensor<2x5xf32>, tensor<5xf32>, tensor<5xf32>", layer);
  check("ingot.softmax %x : tensor<2x5xf32>", soft);
  for (size_t i = 0; i < layer.size(); ++i)
    layer[i] -= b[i % 5];
  check("ingot.layer_norm %x, %w eps 1.0e-3 : tensor<2x5xf32>, tensor<5xf32>", layer);
}

TEST_F(IngotOpsTest, SoftmaxOfExtremes) {
  auto soft = [&](std::vector<double> x) {
    return evaluate("%r = ingot.softmax %x : tensor<3xf32>\nreturn %r : tensor<3xf32>",
                    "(%x: tensor<3xf32>) -> tensor<3xf32>", named({{"arg0", floats({3}, x)}}));
  };
  expectNear(soft({1000, 1000, -HUGE_VAL}), {0.5, 0.5, 0}, 0);
  for (double value : soft({-HUGE_VAL, -HUGE_VAL, -HUGE_VAL}))
    EXPECT_TRUE(std::isnan(value));
  for (double value : soft({1, std::nan(""), 2}))
    EXPECT_TRUE(std::isnan(value));
}

TEST_F(IngotOpsTest, Activations) {
  std::vector<double> x = {-20, -1, -0.5, 0, 0.5, 3, 20}, silu, erf, tanh;
  for (double v : x) {
    silu.push_back(v / (1 + std::exp(-v)));
    erf.push_back(0.5 * v * (1 + std::erf(v * M_SQRT1_2)));
    tanh.push_back(0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))));
  }
  auto check = [&](const std::string &op, const std::vector<double> &expected) {
    std::string body = "%r = " + op + " %x : tensor<7xf32>\nreturn %r : tensor<7xf32>";
    expectNear(evaluate(body, "(%x: tensor<7xf32>) -> tensor<7xf32>", named({{"arg0", floats({7}, x)}})), expected,
               1e-14);
  };
  check("ingot.silu", silu);
  check("ingot.gelu erf", erf);
  check("ingot.gelu tanh", tanh);
}

TEST_F(IngotOpsTest, BroadcastTransposeGather) {
  Arrays inputs = named({{"arg0", floats({2, 1}, {1, 2})},
                         {"arg1", floats({2, 3}, {1, 2, 3, 4, 5, 6})},
                         {"arg2", ints({4}, {1, -5, 7, 0})}});
  Arrays out = run(R"(
    func.func @main(%a: tensor<2x1xf32>, %t: tensor<2x3xf32>, %i: tensor<4xi32>)
        -> (tensor<2x2x2xf32>, tensor<3x2xf32>, tensor<4x3xf32>) {
      %0 = ingot.broadcast %a dims [0, 2] : tensor<2x1xf32> -> tensor<2x2x2xf32>
      %1 = ingot.transpose %t permutation [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
      %2 = ingot.gather %t, %i : (tensor<2x3xf32>, tensor<4xi32>) -> tensor<4x3xf32>
      return %0, %1, %2 : tensor<2x2x2xf32>, tensor<3x2xf32>, tensor<4x3xf32>
    })",
                   inputs);
  using V = std::vector<double>;
  EXPECT_EQ(out["result0"].floats(), (V{1, 1, 1, 1, 2, 2, 2, 2}));
  EXPECT_EQ(out["result1"].floats(), (V{1, 4, 2, 5, 3, 6}));
  // Indices outside are clamped.
  EXPECT_EQ(out["result2"].floats(), (V{4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3}));
}

TEST_F(IngotOpsTest, RopeRotatesPairs) {
  // One head of 6 elements, of which 4 rotate; position 2 of the table.
  std::vector<double> x = {1, 2, 3, 4, 5, 6}, cos = {1, 1, 1, 1, 0.8, 0.6}, sin = {0, 0, 0, 0, 0.6, -0.8};
  for (bool interleaved : {true, false}) {
    std::vector<double> expected = x;
    for (int i = 0; i < 2; ++i) {
      int a = interleaved ? 2 * i : i, b = interleaved ? 2 * i + 1 : i + 2;
      expected[a] = x[a] * cos[4 + i] - x[b] * sin[4 + i];
      expected[b] = x[a] * sin[4 + i] + x[b] * cos[4 + i];
    }
    // Position 9 lies beyond the table and is clamped to 2.
    for (int64_t position : {2, 9})
      expectNear(evaluate("%r = ingot.rope %x, %c, %s at %p " + std::string(interleaved ? "interleaved" : "") +
                              " : tensor<1x1x1x6xf32>, tensor<3x2xf32>, tensor<3x2xf32>, tensor<1x1xi32>\n"
                              "return %r : tensor<1x1x1x6xf32>",
                          "(%x: tensor<1x1x1x6xf32>, %c: tensor<3x2xf32>, %s: tensor<3x2xf32>, %p: tensor<1x1xi32>)"
                          " -> tensor<1x1x1x6xf32>",
                          named({{"arg0", floats({1, 1, 1, 6}, x)},
                                 {"arg1", floats({3, 2}, cos)},
                                 {"arg2", floats({3, 2}, sin)},
                                 {"arg3", ints({1, 1}, {position})}})),
                 expected, 1e-15);
  }
}

TEST_F(IngotOpsTest, KvAppendWritesCountedRows) {
  // Cache [2 layers, k|v, 2 sequences, 1 head, 4 positions, 1]; 3 new rows.
  Array cache = floats({2, 2, 2, 1, 4, 1}, std::vector<double>(32, 9));
  Arrays inputs = named({{"arg0", floats({2, 3, 1, 1}, {1, 2, 3, 4, 5, 6})},
                         {"arg1", floats({2, 3, 1, 1}, {-1, -2, -3, -4, -5, -6})},
                         {"arg2", cache},
                         {"arg3", ints({2}, {1, 2})},
                         {"arg4", ints({2}, {2, 3})}});
  Arrays out = run(R"(
    func.func @main(%k: tensor<2x3x1x1xf32>, %v: tensor<2x3x1x1xf32>, %c: tensor<2x2x2x1x4x1xf32>, %s: tensor<2xi32>,
        %n: tensor<2xi32>) -> (tensor<2x2x2x1x4x1xf32>, tensor<2x2x2x1x4x1xf32>) {
      %0 = ingot.kv_append %k, %v into %c layer 1 start %s count %n : tensor<2x3x1x1xf32>, tensor<2x3x1x1xf32>,
          tensor<2x2x2x1x4x1xf32>, tensor<2xi32>, tensor<2xi32>
      return %0, %c : tensor<2x2x2x1x4x1xf32>, tensor<2x2x2x1x4x1xf32>
    })",
                   inputs);
  std::vector<double> expected(32, 9);
  // Layer 1, keys: sequence 0 rows 1 and 2; sequence 1 rows 2 and 3, its third row falls out of the cache.
  expected[16 + 1] = 1, expected[16 + 2] = 2, expected[20 + 2] = 4, expected[20 + 3] = 5;
  expected[24 + 1] = -1, expected[24 + 2] = -2, expected[28 + 2] = -4, expected[28 + 3] = -5;
  EXPECT_EQ(out["result0"].floats(), expected);
  EXPECT_EQ(out["result1"].floats(), std::vector<double>(32, 9)) << "the old cache is another value";
}

TEST_F(IngotOpsTest, PositionsCountFromStart) {
  Arrays out = run("func.func @main(%s: tensor<2xi32>) -> tensor<2x3xi32> {\n"
                   "%0 = ingot.positions %s : tensor<2xi32> -> tensor<2x3xi32>\nreturn %0 : tensor<2x3xi32>\n}",
                   named({{"arg0", ints({2}, {0, 7})}}));
  EXPECT_EQ(out["result0"].ints(), (std::vector<int64_t>{0, 1, 2, 7, 8, 9}));
}

} // namespace
