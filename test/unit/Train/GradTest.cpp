// Every differentiable operation against differences, and that none is forgotten.
#include "test/unit/Train/GradCheck.h"

#include "dialects/Ingot/Train.h"
#include "lib/Train/GradientBuilder.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::test;

namespace {

class Grad : public ::testing::TestWithParam<GradCase> {};

TEST_P(Grad, AgreesWithDifferences) {
  for (const char *element : {"f64", "f32"}) {
    SCOPED_TRACE(element);
    GradCheck check(lossOf(GetParam(), element), GetParam().low, GetParam().high);
    if (!check.ok())
      return;
    EXPECT_EQ(check.params().size(), GetParam().params.size());
    check.expectAgreement();
  }
}

std::string nameOf(const ::testing::TestParamInfo<GradCase> &info) {
  std::string name = info.param.op.substr(info.param.op.find('.') + 1);
  return name + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Pointwise, Grad, ::testing::ValuesIn(pointwiseCases()), nameOf);
INSTANTIATE_TEST_SUITE_P(Shape, Grad, ::testing::ValuesIn(shapeCases()), nameOf);
INSTANTIATE_TEST_SUITE_P(Named, Grad, ::testing::ValuesIn(namedCases()), nameOf);

TEST(GradCoverage, EveryDifferentiableOperationHasACase) {
  std::set<std::string> covered = {"ingot.stop_gradient"}; // below
  for (const std::vector<GradCase> &cases : {pointwiseCases(), shapeCases(), namedCases()})
    for (const GradCase &gradCase : cases) {
      EXPECT_NE(gradCase.body.find("= " + gradCase.op + " "), std::string::npos) << gradCase.body;
      covered.insert(gradCase.op);
    }
  mlir::MLIRContext context(gradRegistry());
  context.loadAllAvailableDialects();
  int differentiable = 0;
  for (mlir::RegisteredOperationName op : context.getRegisteredOperations())
    if (op.hasInterface<Differentiable>()) {
      ++differentiable;
      EXPECT_TRUE(covered.count(op.getStringRef().str())) << op.getStringRef().str() << " has no case";
    }
  EXPECT_EQ(static_cast<size_t>(differentiable), covered.size()) << "a case is of an operation without the interface";
}

TEST(GradStop, StopsGradients) {
  // a * stop(a): the gradient is a, where differences see 2 a.
  GradCheck check(lossOf(
      {"ingot.stop_gradient", {"4"}, "4", "%s = ingot.stop_gradient %a : $a\n%r = arith.mulf %a, %s : $r"}, "f64"));
  ASSERT_TRUE(check.ok());
  std::vector<double> gradient = check.gradient(0), differences = check.differences(0);
  for (size_t i = 0; i < gradient.size(); ++i)
    EXPECT_NEAR(2 * gradient[i], differences[i], 1e-9);
}

/// The gradient of sum(%r) with respect to %a, which has the given values.
std::vector<double> gradientAt(const std::string &values, const std::string &type, const std::string &result,
                               const std::string &body) {
  std::string dims = result == "tensor<f32>" ? "[]" : "[0]";
  GradCheck check("ingot.param @a = dense<" + values + "> : " + type + "\nfunc.func @loss(%a: " + type +
                  " {ingot.param = @a}) -> (tensor<f32> {ingot.output = \"loss\"}) {\n" + body +
                  "\n%loss = ingot.reduce sum %r dims " + dims + " : (" + result +
                  ") -> tensor<f32>\nreturn %loss : tensor<f32>\n}\n");
  return check.ok() ? check.gradient(0) : std::vector<double>();
}

/// What is chosen where there is no derivative, and where formulas have poles that derivatives do not have.
TEST(GradAtCorners, AreWhatTheyAreSaidToBe) {
  using Numbers = std::vector<double>;
  const std::string three = "tensor<3xf32>", zero = "%z = arith.constant dense<0.0> : tensor<3xf32>\n";
  auto pointwise = [&](const std::string &values, const std::string &body) {
    return gradientAt(values, three, three, body);
  };
  EXPECT_EQ(pointwise("[-1.0, 0.0, 2.0]", zero + "%r = arith.maximumf %a, %z : tensor<3xf32>"), (Numbers{0, 0, 1}));
  EXPECT_EQ(pointwise("[-1.0, 0.0, 2.0]", "%r = math.absf %a : tensor<3xf32>"), (Numbers{-1, 0, 1}));
  EXPECT_EQ(pointwise("[-1.0, 0.0, 2.0]", "%n = arith.addf %a, %a : tensor<3xf32>\n"
                                          "%r = arith.minimumf %a, %n : tensor<3xf32>"),
            (Numbers{2, 1.5, 1}));
  EXPECT_EQ(pointwise("[0.0, 0.0, 0.0]", "%n = arith.constant dense<[0.0, 1.0, 2.0]> : tensor<3xf32>\n"
                                         "%r = math.powf %a, %n : tensor<3xf32>"),
            (Numbers{0, 1, 0}));
  EXPECT_EQ(pointwise("[0.0, 0.0, 0.0]", "%n = arith.constant dense<[0, 1, 2]> : tensor<3xi32>\n"
                                         "%r = math.fpowi %a, %n : tensor<3xf32>, tensor<3xi32>"),
            (Numbers{0, 1, 0}));
  auto reduced = [&](const std::string &values, const std::string &kind) {
    return gradientAt(values, three, "tensor<f32>",
                      "%r = ingot.reduce " + kind + " %a dims [0] : (tensor<3xf32>) -> tensor<f32>");
  };
  EXPECT_EQ(reduced("[2.0, 0.0, 2.0]", "max"), (Numbers{0.5, 0, 0.5}));
  EXPECT_EQ(reduced("[2.0, 0.0, 3.0]", "product"), (Numbers{0, 6, 0}));
  EXPECT_EQ(reduced("[2.0, 0.0, 0.0]", "product"), (Numbers{0, 0, 0}));
}

TEST(GradOfTheLoss, IsExactlyZeroWithoutWeights) {
  for (const char *weights : {"[0.0, 0.0]", "[0.0, 1.0]"}) {
    std::vector<double> gradient = gradientAt(
        "[[1.0, 2.0], [0.5, 3.0]]", "tensor<2x2xf32>", "tensor<f32>",
        std::string("%t = arith.constant dense<[0, 1]> : tensor<2xi32>\n%w = arith.constant dense<") + weights +
            "> : tensor<2xf32>\n%r, %s = ingot.cross_entropy %a, %t weights %w z_loss 0.01 : "
            "(tensor<2x2xf32>, tensor<2xi32>, tensor<2xf32>) -> (tensor<f32>, tensor<2xf32>)");
    ASSERT_EQ(gradient.size(), 4u);
    EXPECT_EQ(gradient[0], 0);
    EXPECT_EQ(gradient[1], 0);
    EXPECT_EQ(gradient[3] != 0, std::string(weights) == "[0.0, 1.0]");
  }
}

/// In bfloat16 differences mean nothing, but types must fit.
TEST(GradNarrow, EveryCaseHasGradientsInBfloat16) {
  for (const std::vector<GradCase> &cases : {pointwiseCases(), shapeCases(), namedCases()})
    for (const GradCase &gradCase : cases)
      if (gradCase.body.find("arith.truncf") == std::string::npos)
        EXPECT_TRUE(GradCheck(lossOf(gradCase, "bf16")).ok());
}

} // namespace
