// arith, math and affine, on scalars and elementwise on tensors.
#include "test/unit/Interpreter/Testing.h"

#include <cmath>

using namespace ingot::interpreter;

namespace {

const double kNaN = std::nan("");
const double kInf = HUGE_VAL;

class ScalarTest : public InterpreterTest {
protected:
  /// Runs one elementwise op on tensors of the given element type.
  std::vector<double> floatOp(const std::string &op, std::vector<std::vector<double>> operands, Options options = {},
                              const std::string &type = "f32") {
    std::string tensor = "tensor<" + std::to_string(operands[0].size()) + "x" + type + ">", arguments, names;
    Arrays inputs;
    for (size_t i = 0; i < operands.size(); ++i) {
      std::string comma = i ? ", " : "", name = "arg" + std::to_string(i);
      arguments += comma + "%" + name + ": " + tensor;
      names += comma + "%" + name;
      inputs[name] = floats({static_cast<int64_t>(operands[i].size())}, operands[i], elementNamed(type));
    }
    std::string text = "func.func @main(" + arguments + ") -> " + tensor + " {\n  %0 = " + op + " " + names + " : " +
                       tensor + "\n  return %0 : " + tensor + "\n}";
    return run(text, inputs, options)["result0"].floats();
  }

  std::vector<int64_t> intOp(const std::string &op, std::vector<int64_t> a, std::vector<int64_t> b,
                             const std::string &type = "i32") {
    std::string tensor = "tensor<" + std::to_string(a.size()) + "x" + type + ">";
    std::string text = "func.func @main(%a: " + tensor + ", %b: " + tensor + ") -> " + tensor + " {\n  %0 = " + op +
                       " %a, %b : " + tensor + "\n  return %0 : " + tensor + "\n}";
    auto size = static_cast<int64_t>(a.size());
    Arrays inputs;
    inputs["arg0"] = ints({size}, a, elementNamed(type));
    inputs["arg1"] = ints({size}, b, elementNamed(type));
    return run(text, inputs)["result0"].ints();
  }

  static Element elementNamed(const std::string &name) {
    for (int i = 0; i <= static_cast<int>(Element::f64); ++i)
      if (name == toString(static_cast<Element>(i)))
        return static_cast<Element>(i);
    llvm_unreachable("unknown element");
  }

  static void expectSame(const std::vector<double> &actual, const std::vector<double> &expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) {
      if (std::isnan(expected[i]))
        EXPECT_TRUE(std::isnan(actual[i])) << "element " << i << ": " << actual[i];
      else
        EXPECT_TRUE(actual[i] == expected[i] && std::signbit(actual[i]) == std::signbit(expected[i]))
            << "element " << i << ": " << actual[i] << " instead of " << expected[i];
    }
  }
};

TEST_F(ScalarTest, FloatArithmetic) {
  expectSame(floatOp("arith.addf", {{1, 0.5, kInf}, {2, -0.5, -kInf}}), {3, 0, kNaN});
  expectSame(floatOp("arith.subf", {{1, 0.5, kInf}, {2, -0.5, 1}}), {-1, 1, kInf});
  expectSame(floatOp("arith.mulf", {{3, 0, -2}, {2, kInf, 0}}), {6, kNaN, -0.0});
  expectSame(floatOp("arith.divf", {{3, 1, 0}, {2, 0, 0}}), {1.5, kInf, kNaN});
  expectSame(floatOp("arith.remf", {{5.5, -5.5}, {2, 2}}), {1.5, -1.5});
  expectSame(floatOp("arith.negf", {{5.5, 0, kNaN}}), {-5.5, -0.0, kNaN});
}

TEST_F(ScalarTest, MinimaAndMaximaTreatNaNAndZeros) {
  expectSame(floatOp("arith.maximumf", {{1, kNaN, 1, -0.0, 0.0}, {2, 1, kNaN, 0.0, -0.0}}), {2, kNaN, kNaN, 0.0, 0.0});
  expectSame(floatOp("arith.minimumf", {{1, kNaN, 1, -0.0, 0.0}, {2, 1, kNaN, 0.0, -0.0}}),
             {1, kNaN, kNaN, -0.0, -0.0});
  expectSame(floatOp("arith.maxnumf", {{1, kNaN, 1, kNaN}, {2, 1, kNaN, kNaN}}), {2, 1, 1, kNaN});
  expectSame(floatOp("arith.minnumf", {{1, kNaN, 1, kNaN}, {2, 1, kNaN, kNaN}}), {1, 1, 1, kNaN});
}

TEST_F(ScalarTest, ExactKeepsAndTypedRounds) {
  // 2^24 + 1 is no float; 1/3 has no end.
  expectSame(floatOp("arith.addf", {{16777216}, {1}}), {16777217});
  expectSame(floatOp("arith.addf", {{16777216}, {1}}, typed()), {16777216});
  expectSame(floatOp("arith.divf", {{1}, {3}}), {1.0 / 3});
  expectSame(floatOp("arith.divf", {{1}, {3}}, typed()), {static_cast<float>(1.0f / 3)});
  // bf16: 256 + 1 is a tie between 256 and 258 and goes to the even 256; 258 + 1 ties to 260.
  expectSame(floatOp("arith.addf", {{256, 258}, {1, 1}}, typed(), "bf16"), {256, 260});
  expectSame(floatOp("arith.mulf", {{256}, {256}}, typed(), "f16"), {kInf});
}

TEST_F(ScalarTest, MathFunctions) {
  const std::vector<double> x = {0.25, 0.5, 0.875};
  const std::pair<const char *, double (*)(double)> table[] = {
      {"math.exp", std::exp},     {"math.exp2", std::exp2},   {"math.expm1", std::expm1}, {"math.log", std::log},
      {"math.log2", std::log2},   {"math.log10", std::log10}, {"math.log1p", std::log1p}, {"math.sqrt", std::sqrt},
      {"math.cbrt", std::cbrt},   {"math.sin", std::sin},     {"math.cos", std::cos},     {"math.tan", std::tan},
      {"math.asin", std::asin},   {"math.acos", std::acos},   {"math.atan", std::atan},   {"math.sinh", std::sinh},
      {"math.cosh", std::cosh},   {"math.tanh", std::tanh},   {"math.asinh", std::asinh}, {"math.atanh", std::atanh},
      {"math.erf", std::erf},     {"math.erfc", std::erfc},   {"math.absf", std::fabs},   {"math.ceil", std::ceil},
      {"math.floor", std::floor}, {"math.trunc", std::trunc}, {"math.round", std::round}};
  for (auto [name, reference] : table) {
    std::vector<double> expected, rounded;
    for (double value : x) {
      expected.push_back(reference(value));
      rounded.push_back(static_cast<float>(reference(value)));
    }
    SCOPED_TRACE(name);
    expectSame(floatOp(name, {x}), expected);
    expectSame(floatOp(name, {x}, typed()), rounded);
  }
  expectSame(floatOp("math.rsqrt", {{4, 0}}), {0.5, kInf});
  expectSame(floatOp("math.acosh", {{1.0}}), {0});
  expectSame(floatOp("math.roundeven", {{0.5, 1.5, -2.5}}), {0, 2, -2});
  expectSame(floatOp("math.powf", {{2, -8, 0}, {10, 1.0 / 3, 0}}), {1024, kNaN, 1});
  expectSame(floatOp("math.atan2", {{1}, {-1}}), {std::atan2(1, -1)});
  expectSame(floatOp("math.copysign", {{3, 3}, {-1, 1}}), {-3, 3});
  expectSame(floatOp("math.fma", {{3}, {4}, {5}}), {17});
  expectSame(floatOp("math.sqrt", {{-1, kNaN}}), {kNaN, kNaN});
}

TEST_F(ScalarTest, TypedFmaRoundsOnce) {
  // (1 + 2^-23)^2 - (1 + 2^-22) = 2^-46 exactly; a separate multiplication in f32 would give 0.
  double x = 1 + 0x1p-23;
  expectSame(floatOp("math.fma", {{x}, {x}, {-(1 + 0x1p-22)}}, typed()), {0x1p-46});
}

TEST_F(ScalarTest, IntegerArithmeticWraps) {
  using V = std::vector<int64_t>;
  EXPECT_EQ(intOp("arith.addi", {INT32_MAX, 1}, {1, 2}), (V{INT32_MIN, 3}));
  EXPECT_EQ(intOp("arith.subi", {INT32_MIN, 1}, {1, 2}), (V{INT32_MAX, -1}));
  EXPECT_EQ(intOp("arith.muli", {1 << 20, -3}, {1 << 20, 5}), (V{0, -15}));
  EXPECT_EQ(intOp("arith.addi", {127}, {1}, "i8"), (V{-128}));
  EXPECT_EQ(intOp("arith.addi", {INT64_MAX}, {1}, "i64"), (V{INT64_MIN}));
  EXPECT_EQ(intOp("arith.addi", {1, 1}, {1, 0}, "i1"), (V{0, 1}));
}

TEST_F(ScalarTest, IntegerDivision) {
  using V = std::vector<int64_t>;
  EXPECT_EQ(intOp("arith.divsi", {-7, 7, INT32_MIN}, {2, -2, -1}), (V{-3, -3, INT32_MIN}));
  EXPECT_EQ(intOp("arith.remsi", {-7, 7, INT32_MIN}, {2, -2, -1}), (V{-1, 1, 0}));
  EXPECT_EQ(intOp("arith.floordivsi", {-7, 7, 6}, {2, -2, -2}), (V{-4, -4, -3}));
  EXPECT_EQ(intOp("arith.ceildivsi", {-7, 7, 6}, {2, -2, 4}), (V{-3, -3, 2}));
  EXPECT_EQ(intOp("arith.divui", {-1, 7}, {2, 2}), (V{INT32_MAX, 3}));
  EXPECT_EQ(intOp("arith.remui", {-1, 7}, {10, 4}), (V{5, 3}));
  EXPECT_EQ(intOp("arith.ceildivui", {7, 8}, {4, 4}), (V{2, 2}));
  EXPECT_NE(fail("func.func @main(%a: i32) -> i32 {\n %c = arith.constant 0 : i32\n"
                 " %0 = arith.divsi %a, %c : i32\n return %0 : i32\n}",
                 named({{"arg0", ints({}, {3})}}))
                .find("'arith.divsi' op divides by zero"),
            std::string::npos);
}

TEST_F(ScalarTest, BitsAndOrder) {
  using V = std::vector<int64_t>;
  EXPECT_EQ(intOp("arith.andi", {12}, {10}), (V{8}));
  EXPECT_EQ(intOp("arith.ori", {12}, {10}), (V{14}));
  EXPECT_EQ(intOp("arith.xori", {12, 1}, {10, -1}), (V{6, -2}));
  EXPECT_EQ(intOp("arith.shli", {1, 3}, {31, 1}), (V{INT32_MIN, 6}));
  EXPECT_EQ(intOp("arith.shrsi", {-8}, {1}), (V{-4}));
  EXPECT_EQ(intOp("arith.shrui", {-8}, {1}), (V{0x7ffffffc}));
  EXPECT_EQ(intOp("arith.maxsi", {-1, 3}, {2, 1}), (V{2, 3}));
  EXPECT_EQ(intOp("arith.minsi", {-1, 3}, {2, 1}), (V{-1, 1}));
  EXPECT_EQ(intOp("arith.maxui", {-1, 3}, {2, 1}), (V{-1, 3}));
  EXPECT_EQ(intOp("arith.minui", {-1, 3}, {2, 1}), (V{2, 1}));
  EXPECT_EQ(intOp("math.ipowi", {2, -3, 2, -1}, {10, 3, -1, -3}), (V{1024, -27, 0, -1}));
}

TEST_F(ScalarTest, CompareAndSelect) {
  Arrays inputs;
  inputs["arg0"] = floats({4}, {1, 2, kNaN, -0.0});
  inputs["arg1"] = floats({4}, {2, 1, 1, 0.0});
  Arrays out = run(R"(
    func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>)
        -> (tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) {
      %0 = arith.cmpf olt, %a, %b : tensor<4xf32>
      %1 = arith.cmpf uge, %a, %b : tensor<4xf32>
      %2 = arith.cmpf one, %a, %b : tensor<4xf32>
      %3 = arith.cmpf ueq, %a, %b : tensor<4xf32>
      %4 = arith.select %0, %a, %b : tensor<4xi1>, tensor<4xf32>
      %t = arith.constant true
      %5 = arith.select %t, %a, %b : tensor<4xf32>
      return %0, %1, %2, %3, %4, %5
          : tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xi1>, tensor<4xf32>, tensor<4xf32>
    })",
                   inputs);
  using V = std::vector<int64_t>;
  EXPECT_EQ(out["result0"].ints(), (V{1, 0, 0, 0}));
  EXPECT_EQ(out["result1"].ints(), (V{0, 1, 1, 1}));
  EXPECT_EQ(out["result2"].ints(), (V{1, 1, 0, 0}));
  EXPECT_EQ(out["result3"].ints(), (V{0, 0, 1, 1}));
  expectSame(out["result4"].floats(), {1, 1, 1, 0.0});
  expectSame(out["result5"].floats(), {1, 2, kNaN, -0.0});
}

TEST_F(ScalarTest, IntegerCompareSeesSigns) {
  Arrays inputs;
  inputs["arg0"] = ints({3}, {-1, 5, 5});
  inputs["arg1"] = ints({3}, {1, 5, 4});
  Arrays out = run(R"(
    func.func @main(%a: tensor<3xi32>, %b: tensor<3xi32>) -> (tensor<3xi1>, tensor<3xi1>, tensor<3xi1>) {
      %0 = arith.cmpi slt, %a, %b : tensor<3xi32>
      %1 = arith.cmpi ult, %a, %b : tensor<3xi32>
      %2 = arith.cmpi sge, %a, %b : tensor<3xi32>
      return %0, %1, %2 : tensor<3xi1>, tensor<3xi1>, tensor<3xi1>
    })",
                   inputs);
  EXPECT_EQ(out["result0"].ints(), (std::vector<int64_t>{1, 0, 0}));
  EXPECT_EQ(out["result1"].ints(), (std::vector<int64_t>{0, 0, 0}));
  EXPECT_EQ(out["result2"].ints(), (std::vector<int64_t>{0, 1, 1}));
}

TEST_F(ScalarTest, Casts) {
  Arrays inputs;
  inputs["arg0"] = ints({3}, {-1, 200, 70000});
  inputs["arg1"] = floats({3}, {-1.75, 3e9, kNaN});
  const char *text = R"(
    func.func @main(%i: tensor<3xi32>, %f: tensor<3xf32>) -> (tensor<3xi8>, tensor<3xi64>, tensor<3xi64>,
        tensor<3xf32>, tensor<3xf32>, tensor<3xi32>, tensor<3xbf16>, tensor<3xi32>, tensor<3xf32>) {
      %0 = arith.trunci %i : tensor<3xi32> to tensor<3xi8>
      %1 = arith.extsi %i : tensor<3xi32> to tensor<3xi64>
      %2 = arith.extui %i : tensor<3xi32> to tensor<3xi64>
      %3 = arith.sitofp %i : tensor<3xi32> to tensor<3xf32>
      %4 = arith.uitofp %i : tensor<3xi32> to tensor<3xf32>
      %5 = arith.fptosi %f : tensor<3xf32> to tensor<3xi32>
      %6 = arith.truncf %3 : tensor<3xf32> to tensor<3xbf16>
      %7 = arith.bitcast %f : tensor<3xf32> to tensor<3xi32>
      %c = arith.cmpi sgt, %i, %i : tensor<3xi32>
      %t = arith.constant dense<true> : tensor<3xi1>
      %8 = arith.sitofp %t : tensor<3xi1> to tensor<3xf32>
      return %0, %1, %2, %3, %4, %5, %6, %7, %8 : tensor<3xi8>, tensor<3xi64>, tensor<3xi64>, tensor<3xf32>,
          tensor<3xf32>, tensor<3xi32>, tensor<3xbf16>, tensor<3xi32>, tensor<3xf32>
    })";
  Arrays out = run(text, inputs);
  using V = std::vector<int64_t>;
  EXPECT_EQ(out["result0"].ints(), (V{-1, -56, 112}));
  EXPECT_EQ(out["result1"].ints(), (V{-1, 200, 70000}));
  EXPECT_EQ(out["result2"].ints(), (V{4294967295, 200, 70000}));
  expectSame(out["result3"].floats(), {-1, 200, 70000});
  expectSame(out["result4"].floats(), {4294967295, 200, 70000});
  EXPECT_EQ(out["result5"].ints(), (V{-1, INT32_MAX, 0}));
  expectSame(out["result6"].floats(), {-1, 200, 70000});
  EXPECT_EQ(out["result7"].ints()[0], static_cast<int32_t>(0xbfe00000));
  expectSame(out["result8"].floats(), {-1, -1, -1});
  Arrays rounded = run(text, inputs, typed());
  // 70000 lies between the bf16 neighbours 69632 and 70144; 2^32 - 1 rounds to 2^32 in f32.
  expectSame(rounded["result6"].floats(), {-1, 200, 70144});
  expectSame(rounded["result4"].floats(), {4294967296, 200, 70000});
}

TEST_F(ScalarTest, ConstantsAreWhatTheirTypeHolds) {
  Arrays out = run(R"(
    func.func @main() -> (tensor<2xf32>, tensor<2x2xi32>, tensor<3xbf16>, f64) {
      %0 = arith.constant dense<[0.1, -2.0]> : tensor<2xf32>
      %1 = arith.constant dense<-7> : tensor<2x2xi32>
      %2 = arith.constant dense<[1.0, 0xFF80, 0x7FC0]> : tensor<3xbf16>
      %3 = arith.constant 0.1 : f64
      return %0, %1, %2, %3 : tensor<2xf32>, tensor<2x2xi32>, tensor<3xbf16>, f64
    })");
  expectSame(out["result0"].floats(), {static_cast<double>(0.1f), -2});
  EXPECT_EQ(out["result1"].ints(), (std::vector<int64_t>{-7, -7, -7, -7}));
  expectSame(out["result2"].floats(), {1, -kInf, kNaN});
  expectSame(out["result3"].floats(), {0.1});
}

TEST_F(ScalarTest, AffineMaps) {
  Arrays inputs;
  inputs["arg0"] = ints({}, {-7}, Element::index);
  inputs["arg1"] = ints({}, {5}, Element::index);
  Arrays out = run(R"(
    func.func @main(%i: index, %j: index) -> (index, index, index, index, index) {
      %0 = affine.apply affine_map<(i)[s] -> (i * 3 + s)>(%i)[%j]
      %1 = affine.apply affine_map<(i) -> (i floordiv 2)>(%i)
      %2 = affine.apply affine_map<(i) -> (i mod 4 + i ceildiv 2)>(%i)
      %3 = affine.min affine_map<(i, j) -> (i, j, 0)>(%i, %j)
      %4 = affine.max affine_map<(i, j) -> (i, j, 0)>(%i, %j)
      return %0, %1, %2, %3, %4 : index, index, index, index, index
    })",
                   inputs);
  const int64_t expected[] = {-16, -4, 1 - 3, -7, 5};
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(out["result" + std::to_string(i)].ints(), std::vector<int64_t>{expected[i]}) << i;
}

TEST_F(ScalarTest, UnknownOperationIsNamed) {
  std::string message = fail("func.func @main(%a: tensor<2xf32>) -> index {\n"
                             " %0 = tensor.rank %a : tensor<2xf32>\n return %0 : index\n}",
                             named({{"arg0", floats({2}, {1, 2})}}));
  EXPECT_NE(message.find("'tensor.rank' op cannot be interpreted"), std::string::npos) << message;
}

} // namespace
