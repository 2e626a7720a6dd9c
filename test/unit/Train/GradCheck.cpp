#include "test/unit/Train/GradCheck.h"

#include "dialects/Ingot/Ingot.h"
#include "dialects/Registration.h"
#include "ingot/Interpreter/Models.h"
#include "ingot/Interpreter/Params.h"
#include "ingot/Train/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::interpreter;
using namespace ingot::test;

namespace {

/// Of the differences, a power of two: x + h is exact for the x that are drawn.
constexpr double kStep = 0x1p-10;
constexpr double kRelative = 1e-6;
/// Rounding of a difference: about 2^-52 |loss| / kStep, and sums of a few dozen terms.
constexpr double kRounding = 1e-11;

std::string tensorType(const std::string &extents, const std::string &element) {
  return "tensor<" + (extents.empty() ? "" : extents + "x") + element + ">";
}

std::string replaceAll(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

} // namespace

std::ostream &ingot::test::operator<<(std::ostream &os, const GradCase &gradCase) { return os << gradCase.body; }

std::string ingot::test::lossOf(const GradCase &gradCase, const std::string &element) {
  std::string declarations, arguments, body = gradCase.body, result = tensorType(gradCase.result, element);
  for (auto [i, extents] : llvm::enumerate(gradCase.params)) {
    std::string name(1, static_cast<char>('a' + i)), type = tensorType(extents, element);
    declarations += "ingot.param @" + name + " : " + type + "\n";
    arguments += "%" + name + ": " + type + " {ingot.param = @" + name + "}, ";
    body = replaceAll(body, "$" + name, type);
  }
  body = replaceAll(replaceAll(body, "$r", result), "$T", element);
  std::string scalar = tensorType("", element), dims;
  size_t rank = gradCase.result.empty() ? 0 : llvm::count(gradCase.result, 'x') + 1;
  for (size_t dim = 0; dim < rank; ++dim)
    dims += (dim ? ", " : "") + std::to_string(dim);
  return declarations + "func.func @loss(" + arguments + "%u: " + result + " {ingot.input = \"u\"}) -> (" + scalar +
         " {ingot.output = \"loss\", ingot.role = \"loss\"}) {\n" + body +
         "\n%weighted = arith.mulf %r, %u : " + result + "\n%loss = ingot.reduce sum %weighted dims [" + dims +
         "] : (" + result + ") -> " + scalar + "\nreturn %loss : " + scalar + "\n}\n";
}

mlir::DialectRegistry ingot::test::gradRegistry() {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  registerDifferentiationModels(registry);
  registerInterpreterModels(registry);
  return registry;
}

GradCheck::GradCheck(const std::string &text, double low, double high, uint64_t seed)
    : context(gradRegistry(), mlir::MLIRContext::Threading::DISABLED) {
  module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  mlir::PassManager manager(&context);
  manager.addPass(createDifferentiate());
  if (!module || mlir::failed(manager.run(*module))) {
    ADD_FAILURE() << "has no gradients:\n" << text;
    module = nullptr;
    return;
  }
  Random random(seed);
  // Parameters are drawn from slots, one each, so that no two are close: maxima have no derivative there.
  std::vector<ParamOp> params(module->getOps<ParamOp>().begin(), module->getOps<ParamOp>().end());
  size_t total = 0;
  for (ParamOp param : params)
    total += param.getTensorType().getNumElements();
  std::vector<double> numbers(total);
  for (size_t i = 0; i < total; ++i)
    numbers[i] = static_cast<float>(low + (high - low) * (i + 0.25 + 0.5 * random.unit()) / total);
  random.shuffle(numbers);
  llvm::ArrayRef<double> rest = numbers;
  for (ParamOp param : params) {
    mlir::RankedTensorType type = param.getTensorType();
    values[param.getSymName()] =
        Array::ofFloats(*elementOf(type.getElementType()), type.getShape(), rest.take_front(type.getNumElements()));
    rest = rest.drop_front(type.getNumElements());
  }
  auto gradients = module->lookupSymbol<mlir::func::FuncOp>("gradients");
  for (unsigned i = 1; i < gradients.getNumResults(); ++i)
    names.push_back(
        gradients.getResultAttrOfType<mlir::FlatSymbolRefAttr>(i, IngotDialect::kGradient).getValue().str());
  Interpreter interpreter(*module);
  Signature signature = *interpreter.signatureOf("loss");
  for (const Port &port : signature.inputs) {
    std::vector<double> irregular(llvm::product_of(port.shape));
    std::vector<int64_t> whole(irregular.size());
    for (double &number : irregular)
      number = static_cast<float>(0.5 + random.unit());
    for (int64_t &number : whole)
      number = static_cast<int64_t>(random.below(7)); // a token of any vocabulary
    inputs[port.name] = isFloat(port.element) ? Array::ofFloats(port.element, port.shape, irregular)
                                              : Array::ofInts(port.element, port.shape, whole);
  }
}

Arrays GradCheck::run(llvm::StringRef entry) {
  Interpreter interpreter(*module, {}, [&](llvm::StringRef name) { return std::optional(values.lookup(name)); });
  mlir::FailureOr<Arrays> outputs = interpreter.run(entry, inputs);
  if (mlir::failed(outputs))
    ADD_FAILURE() << "cannot run " << entry.str();
  return mlir::succeeded(outputs) ? *outputs : Arrays();
}

double GradCheck::loss() { return run("loss").lookup("loss").floats().front(); }

std::vector<double> GradCheck::gradient(size_t param) {
  return run("gradients").lookup(names[param] + ".grad").floats();
}

double GradCheck::slopeAlong(size_t param, llvm::ArrayRef<double> direction) {
  Array original = values[names[param]];
  std::vector<double> numbers = original.floats();
  auto lossAt = [&](double step) {
    std::vector<double> moved = numbers;
    for (size_t i = 0; i < moved.size(); ++i)
      moved[i] += step * direction[i];
    values[names[param]] = Array::ofFloats(original.element(), original.shape(), moved);
    return loss();
  };
  auto slope = [&](double step) { return (lossAt(step) - lossAt(-step)) / (2 * step); };
  double extrapolated = (4 * slope(kStep / 2) - slope(kStep)) / 3;
  values[names[param]] = original;
  return extrapolated;
}

std::vector<double> GradCheck::differences(size_t param) {
  std::vector<double> direction(values[names[param]].numElements(), 0), result;
  for (double &along : direction) {
    along = 1;
    result.push_back(slopeAlong(param, direction));
    along = 0;
  }
  return result;
}

void GradCheck::expectNear(double actual, double expected, const std::string &what) {
  EXPECT_NEAR(actual, expected, kRelative * std::abs(expected) + kRounding * (1 + std::abs(loss()))) << what;
}

void GradCheck::expectAgreement() {
  for (size_t param = 0; param < names.size(); ++param) {
    std::vector<double> actual = gradient(param), expected = differences(param);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i)
      expectNear(actual[i], expected[i], "element " + std::to_string(i) + " of " + names[param]);
  }
}

void GradCheck::expectAgreementAlong(size_t param, uint64_t seed) {
  Random random(seed);
  std::vector<double> along = gradient(param), direction(along.size());
  double squares = 0, actual = 0;
  for (double &number : direction) {
    number = 2 * random.unit() - 1;
    squares += number * number;
  }
  for (size_t i = 0; i < along.size(); ++i) {
    direction[i] /= std::sqrt(squares);
    actual += along[i] * direction[i];
  }
  expectNear(actual, slopeAlong(param, direction), names[param]);
}
