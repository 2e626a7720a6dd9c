// Steps of `ingot-add-optimizer` by the interpreter against the formulas in float64. Gradients are inputs, so that
// nothing but the optimizer is tested.
#include "dialects/Registration.h"
#include "ingot/Interpreter/Interpreter.h"
#include "ingot/Interpreter/Models.h"
#include "ingot/Train/Passes.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace ingot;
using namespace ingot::interpreter;

namespace {

using Values = std::vector<double>;

/// A matrix that decays, a bias and a table of embeddings that do not, and a parameter that nothing trains.
constexpr const char *kModel = R"(
  ingot.param @w : tensor<3x4xf32>
  ingot.param @b : tensor<4xf32>
  ingot.param @e : tensor<5x2xf32>
  ingot.param @still : tensor<2x2xf32>
  func.func @gradients(%gw: tensor<3x4xf32> {ingot.input = "gw"}, %gb: tensor<4xf32> {ingot.input = "gb"},
      %ge: tensor<5x2xf32> {ingot.input = "ge"}, %i: tensor<1xi32> {ingot.input = "i"},
      %w: tensor<3x4xf32> {ingot.param = @w}, %b: tensor<4xf32> {ingot.param = @b},
      %e: tensor<5x2xf32> {ingot.param = @e}, %s: tensor<2x2xf32> {ingot.param = @still})
      -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}, tensor<3x4xf32> {ingot.gradient = @w},
          tensor<4xf32> {ingot.gradient = @b}, tensor<5x2xf32> {ingot.gradient = @e},
          tensor<2x2xf32> {ingot.gradient = @still}) {
    %row = ingot.gather %e, %i : (tensor<5x2xf32>, tensor<1xi32>) -> tensor<1x2xf32>
    %loss = ingot.reduce sum %row dims [0, 1] : (tensor<1x2xf32>) -> tensor<f32>
    %zero = arith.constant dense<0.0> : tensor<2x2xf32>
    return %loss, %gw, %gb, %ge, %zero
        : tensor<f32>, tensor<3x4xf32>, tensor<4xf32>, tensor<5x2xf32>, tensor<2x2xf32>
  })";

struct Tensor {
  const char *param, *input;
  std::vector<int64_t> shape;
  bool decays;
  size_t size() const {
    size_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    return count;
  }
};
const Tensor kTensors[] = {{"w", "gw", {3, 4}, true}, {"b", "gb", {4}, false}, {"e", "ge", {5, 2}, false}};

Values irregular(size_t count, uint64_t seed, double scale = 1) {
  Random random(seed);
  Values values(count);
  for (double &value : values)
    value = static_cast<float>(scale * (2 * random.unit() - 1));
  return values;
}

double rounded(double value) { return static_cast<float>(value); }

class OptimizerTest : public ::testing::Test {
protected:
  OptimizerTest() : context(registry()) {}

  static mlir::DialectRegistry registry() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    registerInterpreterModels(registry);
    return registry;
  }

  void build(const AddOptimizerOptions &options, Mode mode) {
    module = mlir::parseSourceString<mlir::ModuleOp>(kModel, &context);
    ASSERT_TRUE(module);
    mlir::PassManager manager(&context);
    manager.addPass(createAddOptimizer(options));
    ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
    interpreter = std::make_unique<Interpreter>(*module, Options{mode, 0, false}, [](llvm::StringRef name) {
      for (const Tensor &tensor : kTensors)
        if (name == tensor.param)
          return std::optional(Array::ofFloats(Element::f32, tensor.shape, irregular(tensor.size(), tensor.size())));
      return std::optional(Array::ofFloats(Element::f32, {2, 2}, irregular(4, 4)));
    });
  }

  /// One step with a gradient per tensor; the norm that it returns.
  double step(int64_t number, double lr, const std::vector<Values> &gradients) {
    Arrays inputs;
    for (size_t i = 0; i < std::size(kTensors); ++i)
      inputs[kTensors[i].input] = Array::ofFloats(Element::f32, kTensors[i].shape, gradients[i]);
    inputs["i"] = Array::ofInts(Element::i32, {1}, {2});
    inputs["lr"] = Array::ofFloats(Element::f32, {}, {lr});
    inputs["step"] = Array::ofInts(Element::i32, {}, {number});
    auto outputs = interpreter->run("train_step", inputs);
    EXPECT_TRUE(mlir::succeeded(outputs));
    return mlir::succeeded(outputs) ? (*outputs)["grad_norm"].floats()[0] : 0;
  }

  Values weight(const Tensor &tensor) { return interpreter->state(std::string(tensor.param) + ".trained")->floats(); }

  static std::vector<Values> gradientsOf(int64_t number, double scale = 1) {
    std::vector<Values> gradients;
    for (const Tensor &tensor : kTensors)
      gradients.push_back(irregular(tensor.size(), 100 * number + tensor.size(), scale));
    return gradients;
  }

  static double normOf(const std::vector<Values> &gradients) {
    double sum = 0;
    for (const Values &values : gradients)
      for (double value : values)
        sum += value * value;
    return std::sqrt(sum);
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Interpreter> interpreter;
};

/// The same optimizers as loops over doubles.
struct Reference {
  AddOptimizerOptions options;
  Values weight, first, second;
  bool decays;

  void step(int64_t number, double lr, Values gradient, double factor) {
    double beta1 = rounded(options.beta1), beta2 = rounded(options.beta2), eps = rounded(options.eps),
           momentum = rounded(options.momentum), decay = decays ? rounded(options.weightDecay) : 0.0;
    for (size_t i = 0; i < weight.size(); ++i) {
      double g = gradient[i] * factor;
      if (options.kind != "adamw")
        g += decay * weight[i];
      if (options.kind == "sgd") {
        first[i] = momentum * first[i] + g;
        weight[i] -= lr * first[i];
        continue;
      }
      first[i] = beta1 * first[i] + (1 - beta1) * g;
      second[i] = beta2 * second[i] + (1 - beta2) * g * g;
      double corrected = first[i] / (1 - std::pow(beta1, number));
      double root = std::sqrt(second[i] / (1 - std::pow(beta2, number)));
      if (options.kind == "adamw")
        weight[i] -= lr * decay * weight[i];
      weight[i] -= lr * corrected / (root + eps);
    }
  }
};

class OptimizerStepsTest : public OptimizerTest, public ::testing::WithParamInterface<const char *> {};

double distance(const Values &a, const Values &b) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return std::sqrt(difference / size);
}

TEST_P(OptimizerStepsTest, AgreeWithTheFormulas) {
  AddOptimizerOptions options;
  options.kind = GetParam();
  options.weightDecay = 0.1;
  options.beta2 = 0.999;
  options.clipNorm = 1.5;
  for (auto [mode, bound] : {std::pair(Mode::Exact, 1e-12), std::pair(Mode::Typed, 1e-6)}) {
    build(options, mode);
    std::vector<Reference> references;
    for (const Tensor &tensor : kTensors)
      references.push_back({options, irregular(tensor.size(), tensor.size()), Values(tensor.size()),
                            Values(tensor.size()), tensor.decays});
    unsigned clipped = 0;
    for (int64_t number = 1; number <= 100; ++number) {
      double lr = rounded(1e-2 / std::sqrt(static_cast<double>(number)));
      auto gradients = gradientsOf(number, number % 3 ? 1 : 0.1);
      double norm = normOf(gradients), limit = rounded(options.clipNorm);
      EXPECT_NEAR(step(number, lr, gradients), norm, mode == Mode::Exact ? 1e-14 : 1e-6);
      clipped += norm > limit;
      for (size_t i = 0; i < references.size(); ++i)
        references[i].step(number, lr, gradients[i], norm > limit ? limit / norm : 1.0);
      for (size_t i = 0; i < references.size(); ++i)
        ASSERT_LE(distance(weight(kTensors[i]), references[i].weight), bound)
            << kTensors[i].param << " after step " << number;
    }
    EXPECT_GT(clipped, 50u);
    EXPECT_LT(clipped, 90u);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, OptimizerStepsTest, ::testing::Values("sgd", "adam", "adamw"),
                         [](const auto &info) { return std::string(info.param); });

TEST_F(OptimizerTest, AdamWithoutDecayIsAdamW) {
  std::vector<std::vector<Values>> weights;
  for (const char *kind : {"adam", "adamw"}) {
    AddOptimizerOptions options;
    options.kind = kind;
    build(options, Mode::Typed);
    for (int64_t number = 1; number <= 20; ++number)
      step(number, 1e-2f, gradientsOf(number));
    std::vector<Values> list;
    for (const Tensor &tensor : kTensors)
      list.push_back(weight(tensor));
    weights.push_back(list);
  }
  EXPECT_EQ(weights[0], weights[1]);
}

TEST_F(OptimizerTest, ZeroGradientsShrinkMatricesExactly) {
  AddOptimizerOptions options;
  options.weightDecay = 0.1;
  build(options, Mode::Typed);
  std::vector<Values> expected, zeros;
  for (const Tensor &tensor : kTensors) {
    expected.push_back(irregular(tensor.size(), tensor.size()));
    zeros.push_back(Values(tensor.size(), 0.0));
  }
  float lr = 0.01f, keep = 1.0f - lr * 0.1f;
  for (int64_t number = 1; number <= 10; ++number) {
    EXPECT_EQ(step(number, lr, zeros), 0);
    for (double &value : expected[0])
      value = static_cast<float>(value) * keep;
    for (size_t i = 0; i < std::size(kTensors); ++i)
      EXPECT_EQ(weight(kTensors[i]), expected[i]) << kTensors[i].param;
  }
}

TEST_F(OptimizerTest, GradientsBelowTheClipStayAsTheyAre) {
  std::vector<Values> weights;
  for (double clip : {0.0, 4.0}) {
    AddOptimizerOptions options;
    options.kind = "sgd";
    options.clipNorm = clip;
    build(options, Mode::Typed);
    for (int64_t number = 1; number <= 5; ++number)
      EXPECT_LT(step(number, 0.1f, gradientsOf(number)), 4.0);
    weights.push_back(weight(kTensors[0]));
  }
  EXPECT_EQ(weights[0], weights[1]);
}

/// sgd without momentum at a rate of 1 subtracts the gradient itself.
TEST_F(OptimizerTest, ClippedGradientsHaveTheNorm) {
  AddOptimizerOptions options;
  options.kind = "sgd";
  options.momentum = 0.0;
  options.clipNorm = 1.0;
  build(options, Mode::Typed);
  auto gradients = gradientsOf(1);
  double factor = 10 / normOf(gradients);
  for (Values &values : gradients)
    for (double &value : values)
      value = static_cast<float>(value * factor);
  EXPECT_NEAR(step(1, 1.0, gradients), 10, 1e-5);
  std::vector<Values> changes;
  for (const Tensor &tensor : kTensors) {
    Values before = irregular(tensor.size(), tensor.size()), after = weight(tensor), change;
    for (size_t i = 0; i < before.size(); ++i)
      change.push_back(before[i] - after[i]);
    changes.push_back(change);
  }
  EXPECT_NEAR(normOf(changes), 1, 1e-6);
  EXPECT_FALSE(interpreter->state("w.m"));
}

TEST_F(OptimizerTest, WhatNothingTrainsIsNoState) {
  build({}, Mode::Exact);
  EXPECT_FALSE(module->lookupSymbol("still.trained"));
  EXPECT_TRUE(module->lookupSymbol("w.trained"));
  EXPECT_FALSE(module->lookupSymbol("gradients"));
}

} // namespace
