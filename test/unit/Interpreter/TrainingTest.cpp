// The loss and gradient operations against their formulas and against central differences of the forward operations.
#include "test/unit/Interpreter/Testing.h"

#include <cmath>

using namespace ingot::interpreter;

namespace {

using Values = std::vector<double>;

class TrainingTest : public InterpreterTest {
protected:
  /// Central differences of a scalar function, which is called with one element of `at` changed.
  template <typename Fn> static Values differences(Values at, Fn fn) {
    constexpr double kStep = 1e-5;
    Values gradient(at.size());
    for (size_t i = 0; i < at.size(); ++i) {
      double value = at[i];
      at[i] = value + kStep;
      double up = fn(at);
      at[i] = value - kStep;
      gradient[i] = (up - fn(at)) / (2 * kStep);
      at[i] = value;
    }
    return gradient;
  }
};

constexpr int64_t kRows = 6, kVocabulary = 5;

class LossTest : public TrainingTest {
protected:
  static std::string text(bool weighted, double zLoss) {
    std::string extra = weighted ? "%w: tensor<2x3xf32>" : "", use = weighted ? " weights %w" : "",
                type = weighted ? ", tensor<2x3xf32>" : "";
    std::string z = std::to_string(zLoss);
    return "func.func @main(%x: tensor<2x3x5xf32>, %t: tensor<2x3xi32>, %u: tensor<f32>" +
           (weighted ? ", " + extra : "") +
           ") -> (tensor<f32>, tensor<2x3xf32>, tensor<2x3x5xf32>) {\n"
           "%loss, %lse = ingot.cross_entropy %x, %t" +
           use + " z_loss " + z + " : (tensor<2x3x5xf32>, tensor<2x3xi32>" + type +
           ") -> (tensor<f32>, tensor<2x3xf32>)\n"
           "%g = ingot.cross_entropy_grad %x, %t, %lse, %u" +
           use + " z_loss " + z + " : (tensor<2x3x5xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<f32>" + type +
           ") -> tensor<2x3x5xf32>\nreturn %loss, %lse, %g : tensor<f32>, tensor<2x3xf32>, tensor<2x3x5xf32>\n}";
  }

  Arrays losses(const Values &logits, const Values &weights, double zLoss, Options options = {}) {
    Arrays inputs = named(
        {{"arg0", floats({2, 3, kVocabulary}, logits)}, {"arg1", ints({2, 3}, targets)}, {"arg2", floats({}, {0.75})}});
    if (!weights.empty())
      inputs["arg3"] = floats({2, 3}, weights);
    return run(text(!weights.empty(), zLoss), inputs, options);
  }

  /// The formula, without shifting by the maximum.
  double formula(const Values &logits, const Values &weights, double zLoss) const {
    double sum = 0, total = 0;
    for (int64_t row = 0; row < kRows; ++row) {
      double weight = weights.empty() ? 1 : weights[row], powers = 0;
      for (int64_t j = 0; j < kVocabulary; ++j)
        powers += std::exp(logits[row * kVocabulary + j]);
      double lse = std::log(powers);
      sum += weight * (lse - logits[row * kVocabulary + targets[row]] + zLoss * lse * lse);
      total += weight;
    }
    return total == 0 ? 0 : sum / total;
  }

  void check(const Values &weights, double zLoss) {
    Values logits = irregular(kRows * kVocabulary, 1);
    Arrays outputs = losses(logits, weights, zLoss);
    EXPECT_NEAR(outputs["result0"].floats()[0], formula(logits, weights, zLoss), 1e-14);
    Values expected = differences(logits, [&](const Values &x) { return 0.75 * formula(x, weights, zLoss); });
    expectNear(outputs["result2"].floats(), expected, 1e-9);
    Arrays single = losses(logits, weights, zLoss, typed());
    EXPECT_NEAR(single["result0"].floats()[0], formula(logits, weights, zLoss), 1e-6);
    expectNear(single["result2"].floats(), outputs["result2"].floats(), 1e-7);
  }

  std::vector<int64_t> targets = {0, 4, 2, 2, 1, 3};
};

TEST_F(LossTest, Mean) { check({}, 0.0); }
TEST_F(LossTest, Weights) { check({0.5, 2, 0, 1, 0.25, 3}, 0.0); }
TEST_F(LossTest, ZLoss) { check({0.5, 2, 0, 1, 0.25, 3}, 0.125); }

TEST_F(LossTest, NoWeightNoGradient) {
  Arrays outputs = losses(irregular(kRows * kVocabulary, 1), Values(kRows, 0.0), 0.125);
  EXPECT_EQ(outputs["result0"].floats(), Values{0.0});
  for (double value : outputs["result2"].floats())
    EXPECT_EQ(std::bit_cast<uint64_t>(value), 0u);
}

TEST_F(LossTest, RowsOfNoWeightHaveNoPart) {
  Values logits = irregular(kRows * kVocabulary, 1), other = logits;
  for (int64_t j = 0; j < kVocabulary; ++j)
    other[2 * kVocabulary + j] = j ? HUGE_VAL : std::nan("");
  Values weights = {0.5, 2, 0, 1, 0.25, 3};
  Arrays plain = losses(logits, weights, 0.125), damaged = losses(other, weights, 0.125);
  EXPECT_EQ(plain["result0"].floats(), damaged["result0"].floats());
  EXPECT_EQ(plain["result2"].floats(), damaged["result2"].floats());
  for (int64_t j = 0; j < kVocabulary; ++j)
    EXPECT_EQ(std::bit_cast<uint64_t>(plain["result2"].floats()[2 * kVocabulary + j]), 0u);
}

TEST_F(LossTest, LargeLogitsStayFinite) {
  Values logits(kRows * kVocabulary, -3e4);
  for (int64_t row = 0; row < kRows; ++row)
    logits[row * kVocabulary + targets[row]] = 3e4;
  Arrays outputs = losses(logits, {}, 0.0, typed());
  EXPECT_EQ(outputs["result0"].floats(), Values{0.0});
  EXPECT_EQ(outputs["result2"].floats(), Values(logits.size(), 0.0));
}

TEST_F(LossTest, TargetsOutsideAreClamped) {
  Values logits = irregular(kRows * kVocabulary, 1);
  targets = {0, 4, 0, 4, 1, 3};
  Arrays inside = losses(logits, {}, 0.0);
  targets = {-1, 5, -2147483648, 2147483647, 1, 3};
  Arrays outside = losses(logits, {}, 0.0);
  EXPECT_EQ(inside["result0"].floats(), outside["result0"].floats());
  EXPECT_EQ(inside["result2"].floats(), outside["result2"].floats());
}

TEST_F(TrainingTest, ScatterAdd) {
  Arrays outputs = run(R"(func.func @main(%u: tensor<2x3x2xf32>, %i: tensor<2x3xi32>, %t: tensor<4x2xf32>)
      -> tensor<4x2xf32> {
    %0 = ingot.scatter_add %u, %i into %t : (tensor<2x3x2xf32>, tensor<2x3xi32>, tensor<4x2xf32>) -> tensor<4x2xf32>
    return %0 : tensor<4x2xf32>
  })",
                       named({{"arg0", floats({2, 3, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})},
                              {"arg1", ints({2, 3}, {1, 9, 1, 0, -5, 3})},
                              {"arg2", floats({4, 2}, {100, 200, 300, 400, 500, 600, 700, 800})}}));
  EXPECT_EQ(outputs["result0"].floats(), (Values{116, 218, 306, 408, 500, 600, 714, 816}));
}

/// In float32, 2^24 + 1 + 1 is 2^24 when the ones come one after the other, and 1 + 1 + 2^24 is not.
TEST_F(TrainingTest, ScatterAddKeepsOrder) {
  std::string text = R"(func.func @main(%u: tensor<3x1xf32>, %i: tensor<3xi32>, %t: tensor<1x1xf32>)
      -> tensor<1x1xf32> {
    %0 = ingot.scatter_add %u, %i into %t : (tensor<3x1xf32>, tensor<3xi32>, tensor<1x1xf32>) -> tensor<1x1xf32>
    return %0 : tensor<1x1xf32>
  })";
  auto sum = [&](Values updates) {
    Arrays inputs = named({{"arg0", floats({3, 1}, updates)}, {"arg1", ints({3}, {0, 0, 0})}});
    inputs["arg2"] = floats({1, 1}, {0});
    return run(text, inputs, typed())["result0"].floats()[0];
  };
  EXPECT_EQ(sum({0x1p24, 1, 1}), 0x1p24);
  EXPECT_EQ(sum({1, 1, 0x1p24}), 0x1p24 + 2);
}

TEST_F(TrainingTest, ScatterAddOfIntegersWraps) {
  Arrays outputs = run(R"(func.func @main(%u: tensor<2xi8>, %i: tensor<2xi64>, %t: tensor<2xi8>) -> tensor<2xi8> {
    %0 = ingot.scatter_add %u, %i into %t : (tensor<2xi8>, tensor<2xi64>, tensor<2xi8>) -> tensor<2xi8>
    return %0 : tensor<2xi8>
  })",
                       named({{"arg0", ints({2}, {100, 100}, Element::i8)},
                              {"arg1", ints({2}, {1, 1}, Element::i64)},
                              {"arg2", ints({2}, {5, 6}, Element::i8)}}));
  EXPECT_EQ(outputs["result0"].ints(), (std::vector<int64_t>{5, -50}));
}

TEST_F(TrainingTest, StopGradientIsTheValue) {
  Arrays outputs = run(R"(func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
    %0 = ingot.stop_gradient %x : tensor<2xf32>
    return %0 : tensor<2xf32>
  })",
                       named({{"arg0", floats({2}, {1, 2})}}));
  EXPECT_EQ(outputs["result0"].floats(), (Values{1, 2}));
}

/// Attention gradients against central differences of ingot.attention, whose own test is against its formula.
class AttentionGradTest : public TrainingTest {
protected:
  static constexpr const char *kTypes = "%q: tensor<2x3x4x3xf32>, %k: tensor<2x2x5x3xf32>, %v: tensor<2x2x5x2xf32>";
  static constexpr const char *kOperands = "tensor<2x3x4x3xf32>, tensor<2x2x5x3xf32>, tensor<2x2x5x2xf32>";

  void check(bool causal, std::string biasType) {
    std::string flag = causal ? " causal" : "", bias = biasType.empty() ? "" : " bias %b",
                more = biasType.empty() ? "" : ", " + biasType, argument = biasType.empty() ? "" : ", %b: " + biasType;
    std::string forward = "%o, %l = ingot.attention %q, %k, %v" + bias + flag + " scale 0.7 : (" + kOperands + more +
                          ") -> (tensor<2x3x4x2xf32>, tensor<2x3x4xf32>)\n";
    std::string header = std::string("func.func @main(") + kTypes;
    std::string plain =
        header + argument + ") -> tensor<2x3x4x2xf32> {\n" + forward + "return %o : tensor<2x3x4x2xf32>\n}";
    std::string results = std::string("(") + kOperands + ")";
    std::string gradient = header + ", %u: tensor<2x3x4x2xf32>" + argument + ") -> " + results + " {\n" + forward +
                           "%dq, %dk, %dv = ingot.attention_grad %q, %k, %v out %o lse %l upstream %u" + bias + flag +
                           " scale 0.7 : (" + kOperands +
                           ", tensor<2x3x4x2xf32>, tensor<2x3x4xf32>, tensor<2x3x4x2xf32>" + more + ") -> " + results +
                           "\nreturn %dq, %dk, %dv : " + kOperands + "\n}";
    Values q = irregular(72, 1), k = irregular(60, 2), v = irregular(40, 3), upstream = irregular(48, 4);
    std::optional<Array> biasValue;
    if (!biasType.empty())
      biasValue = floats({1, 4, 3, 1}, irregular(12, 5));
    auto inputs = [&](const Values &q, const Values &k, const Values &v) {
      return named(
          {{"arg0", floats({2, 3, 4, 3}, q)}, {"arg1", floats({2, 2, 5, 3}, k)}, {"arg2", floats({2, 2, 5, 2}, v)}});
    };
    auto module = parse(plain);
    ASSERT_TRUE(module) << messages;
    Interpreter interpreter(*module);
    auto loss = [&](const Values &q, const Values &k, const Values &v) {
      Arrays arrays = inputs(q, k, v);
      if (biasValue)
        arrays["arg3"] = *biasValue;
      auto outputs = interpreter.run("main", arrays);
      EXPECT_TRUE(mlir::succeeded(outputs)) << messages;
      double sum = 0;
      for (auto [value, weight] : llvm::zip((*outputs)["result0"].floats(), upstream))
        sum += value * weight;
      return sum;
    };
    Arrays arrays = inputs(q, k, v);
    arrays["arg3"] = floats({2, 3, 4, 2}, upstream);
    if (biasValue)
      arrays["arg4"] = *biasValue;
    Arrays exact = run(gradient, arrays), single = run(gradient, arrays, typed());
    expectNear(exact["result0"].floats(), differences(q, [&](const Values &x) { return loss(x, k, v); }), 1e-9);
    expectNear(exact["result1"].floats(), differences(k, [&](const Values &x) { return loss(q, x, v); }), 1e-9);
    expectNear(exact["result2"].floats(), differences(v, [&](const Values &x) { return loss(q, k, x); }), 1e-9);
    for (const char *name : {"result0", "result1", "result2"})
      expectNear(single[name].floats(), exact[name].floats(), 2e-6);
  }
};

TEST_F(AttentionGradTest, GroupedHeads) { check(false, ""); }
TEST_F(AttentionGradTest, Causal) { check(true, ""); }
TEST_F(AttentionGradTest, Bias) { check(true, "tensor<1x4x3x1xf32>"); }

TEST_F(TrainingTest, StateStartsAsAParameter) {
  auto module = parse(R"(
    ingot.param @w : tensor<2xf32>
    ingot.state @w.trained from @w : tensor<2xf32>
    func.func @main(%s: tensor<2xf32> {ingot.state = @w.trained}, %w: tensor<2xf32> {ingot.param = @w})
        -> (tensor<2xf32> {ingot.output = "old"}, tensor<2xf32> {ingot.output = "w"},
            tensor<2xf32> {ingot.state = @w.trained}) {
      %0 = arith.addf %s, %s : tensor<2xf32>
      return %s, %w, %0 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
    })");
  ASSERT_TRUE(module) << messages;
  Interpreter interpreter(*module, {}, [](llvm::StringRef) { return std::optional(floats({2}, {3, 5})); });
  for (double factor : {1, 2, 4}) {
    auto outputs = interpreter.run("main", {});
    ASSERT_TRUE(mlir::succeeded(outputs)) << messages;
    EXPECT_EQ((*outputs)["old"].floats(), (Values{3 * factor, 5 * factor}));
    EXPECT_EQ((*outputs)["w"].floats(), (Values{3, 5}));
  }
  interpreter.reset();
  auto outputs = interpreter.run("main", {});
  ASSERT_TRUE(mlir::succeeded(outputs)) << messages;
  EXPECT_EQ((*outputs)["old"].floats(), (Values{3, 5}));
}

TEST_F(TrainingTest, StateOfAParameterWithoutValue) {
  std::string message = fail(R"(
    ingot.param @w : tensor<2xf32>
    ingot.state @w.trained from @w : tensor<2xf32>
    func.func @main(%s: tensor<2xf32> {ingot.state = @w.trained}) -> (tensor<2xf32> {ingot.state = @w.trained}) {
      return %s : tensor<2xf32>
    })");
  EXPECT_NE(message.find("has no value for parameter 'w'"), std::string::npos) << message;
}

} // namespace
