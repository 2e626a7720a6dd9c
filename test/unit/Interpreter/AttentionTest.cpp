// ingot.attention against loops that follow its description.
#include "test/unit/Interpreter/Testing.h"

#include <cmath>

using namespace ingot::interpreter;

namespace {

/// A case; query [b, c, h, d], key [b, g, s, d], value [b, g, s, e].
struct Case {
  int64_t b, c, h, g, s, d, e;
  bool causal = false, cached = false, biased = false;
  std::vector<int64_t> start, count;
  /// Extents of the bias: each 1 or full.
  std::vector<int64_t> bias;
};

class AttentionTest : public InterpreterTest {
protected:
  static std::string type(std::initializer_list<int64_t> shape, const char *element = "f32") {
    std::string text = "tensor<";
    for (int64_t extent : shape)
      text += std::to_string(extent) + "x";
    return text + element + ">";
  }

  static bool visible(const Case &t, int64_t b, int64_t c, int64_t j) {
    if (!t.cached)
      return !t.causal || j <= t.s - t.c + c;
    if (c >= t.count[b] || j >= t.start[b] + t.count[b])
      return false;
    return !t.causal || j <= t.start[b] + c;
  }

  /// Output and log-sum-exp by the formula, without shifting by the maximum.
  static std::pair<std::vector<double>, std::vector<double>> naive(const Case &t, const std::vector<double> &q,
                                                                   const std::vector<double> &k,
                                                                   const std::vector<double> &v,
                                                                   const std::vector<double> &bias) {
    std::vector<double> out, lse;
    for (int64_t b = 0; b < t.b; ++b)
      for (int64_t c = 0; c < t.c; ++c)
        for (int64_t h = 0; h < t.h; ++h) {
          int64_t g = h / (t.h / t.g);
          std::vector<double> weights(t.s, 0.0);
          double total = 0;
          for (int64_t j = 0; j < t.s; ++j) {
            if (!visible(t, b, c, j))
              continue;
            double score = 0;
            for (int64_t d = 0; d < t.d; ++d)
              score += q[((b * t.c + c) * t.h + h) * t.d + d] * k[((b * t.g + g) * t.s + j) * t.d + d];
            score *= 0.4;
            if (t.biased) {
              int64_t at[] = {b, h, c, j}, linear = 0;
              for (int i = 0; i < 4; ++i)
                linear = linear * t.bias[i] + (t.bias[i] == 1 ? 0 : at[i]);
              score += bias[linear];
            }
            total += weights[j] = std::exp(score);
          }
          for (int64_t e = 0; e < t.e; ++e) {
            double sum = 0;
            for (int64_t j = 0; j < t.s; ++j)
              sum += total == 0 ? 0 : weights[j] / total * v[((b * t.g + g) * t.s + j) * t.e + e];
            out.push_back(sum);
          }
          lse.push_back(std::log(total));
        }
    return {out, lse};
  }

  void check(const Case &t) {
    auto q = irregular(t.b * t.c * t.h * t.d, 1), k = irregular(t.b * t.g * t.s * t.d, 2),
         v = irregular(t.b * t.g * t.s * t.e, 3);
    Arrays inputs = named({{"arg0", floats({t.b, t.c, t.h, t.d}, q)},
                           {"arg1", floats({t.b, t.g, t.s, t.d}, k)},
                           {"arg2", floats({t.b, t.g, t.s, t.e}, v)}});
    std::string qt = type({t.b, t.c, t.h, t.d}), kt = type({t.b, t.g, t.s, t.d}), vt = type({t.b, t.g, t.s, t.e});
    std::string arguments = "%q: " + qt + ", %k: " + kt + ", %v: " + vt, types = qt + ", " + kt + ", " + vt, clauses;
    std::vector<double> bias;
    int next = 3;
    auto add = [&](const std::string &name, const std::string &argumentType, const Array &array) {
      arguments += ", %" + name + ": " + argumentType;
      types += ", " + argumentType;
      clauses += name + " %" + name + " ";
      inputs["arg" + std::to_string(next++)] = array;
    };
    if (t.cached) {
      add("start", type({t.b}, "i32"), ints({t.b}, t.start));
      add("count", type({t.b}, "i32"), ints({t.b}, t.count));
    }
    if (t.biased) {
      bias = irregular(llvm::product_of(t.bias), 4);
      add("bias", type({t.bias[0], t.bias[1], t.bias[2], t.bias[3]}), floats(t.bias, bias));
    }
    std::string ot = type({t.b, t.c, t.h, t.e}), lt = type({t.b, t.c, t.h});
    std::string text = "func.func @main(" + arguments + ") -> (" + ot + ", " + lt +
                       ") {\n%o, %l = ingot.attention %q, %k, %v " + clauses + (t.causal ? "causal " : "") +
                       "scale 0.4 : (" + types + ") -> (" + ot + ", " + lt + ")\nreturn %o, %l : " + ot + ", " + lt +
                       "\n}";
    auto [out, lse] = naive(t, q, k, v, bias);
    for (bool isTyped : {false, true}) {
      Arrays got = run(text, inputs, isTyped ? typed() : Options());
      expectNear(got["result0"].floats(), out, isTyped ? 1e-6 : 1e-14);
      std::vector<double> gotLse = got["result1"].floats();
      ASSERT_EQ(gotLse.size(), lse.size());
      for (size_t i = 0; i < lse.size(); ++i)
        if (std::isinf(lse[i]))
          EXPECT_EQ(gotLse[i], lse[i]);
        else
          EXPECT_NEAR(gotLse[i], lse[i], isTyped ? 2e-6 : 1e-14);
    }
  }
};

TEST_F(AttentionTest, Full) { check({2, 3, 4, 4, 5, 3, 2}); }
TEST_F(AttentionTest, GroupedHeads) { check({1, 2, 6, 2, 4, 3, 3}); }
TEST_F(AttentionTest, OneKvHead) { check({1, 2, 4, 1, 4, 2, 5}); }
TEST_F(AttentionTest, CausalIsAlignedAtTheBottomRight) {
  Case square{1, 4, 2, 2, 4, 3, 3};
  square.causal = true;
  check(square);
  Case wide{2, 3, 2, 1, 7, 3, 3};
  wide.causal = true;
  check(wide);
}
TEST_F(AttentionTest, CacheWithStartAndCount) {
  Case t{3, 4, 4, 2, 9, 3, 2};
  t.cached = true;
  t.start = {0, 3, 5};
  t.count = {1, 4, 2};
  check(t);
  t.causal = true;
  check(t);
}
TEST_F(AttentionTest, BiasBroadcasts) {
  Case t{2, 3, 4, 2, 5, 3, 2};
  t.biased = true;
  for (std::vector<int64_t> shape : {std::vector<int64_t>{1, 1, 1, 1}, {2, 4, 3, 5}, {1, 4, 1, 5}, {2, 1, 3, 1}}) {
    t.bias = shape;
    check(t);
  }
  t.causal = true;
  check(t);
}

TEST_F(AttentionTest, InvisibleKeysAreNotRead) {
  // Only the first of three cached keys is visible; the others are NaN.
  double nan = std::nan("");
  Arrays inputs = named({{"arg0", floats({1, 1, 1, 1}, {1})},
                         {"arg1", floats({1, 1, 3, 1}, {1, nan, nan})},
                         {"arg2", floats({1, 1, 3, 1}, {5, nan, nan})},
                         {"arg3", ints({1}, {0})},
                         {"arg4", ints({1}, {1})}});
  Arrays out = run(R"(
    func.func @main(%q: tensor<1x1x1x1xf32>, %k: tensor<1x1x3x1xf32>, %v: tensor<1x1x3x1xf32>, %s: tensor<1xi32>,
        %n: tensor<1xi32>) -> tensor<1x1x1x1xf32> {
      %0 = ingot.attention %q, %k, %v start %s count %n causal scale 1.0 : (tensor<1x1x1x1xf32>, tensor<1x1x3x1xf32>,
          tensor<1x1x3x1xf32>, tensor<1xi32>, tensor<1xi32>) -> tensor<1x1x1x1xf32>
      return %0 : tensor<1x1x1x1xf32>
    })",
                   inputs);
  EXPECT_EQ(out["result0"].floats(), std::vector<double>{5});
}

TEST_F(AttentionTest, LargeScoresDoNotOverflow) {
  Arrays inputs = named({{"arg0", floats({1, 1, 1, 1}, {1000})},
                         {"arg1", floats({1, 1, 2, 1}, {1000, 1000})},
                         {"arg2", floats({1, 1, 2, 1}, {2, 4})}});
  Arrays out = run(R"(
    func.func @main(%q: tensor<1x1x1x1xf32>, %k: tensor<1x1x2x1xf32>, %v: tensor<1x1x2x1xf32>) -> tensor<1x1x1x1xf32> {
      %0 = ingot.attention %q, %k, %v scale 1.0 : (tensor<1x1x1x1xf32>, tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>)
          -> tensor<1x1x1x1xf32>
      return %0 : tensor<1x1x1x1xf32>
    })",
                   inputs);
  EXPECT_EQ(out["result0"].floats(), std::vector<double>{3});
}

} // namespace
