// Binary and variadic arithmetic with ONNX's broadcasting: Add, Sub, Mul, Div, Mod, Pow, Min, Max, Sum, Mean, And, Or,
// Xor.
#include "Build.h"
#include "OpTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

/// How two integers, two floats are combined now, and by which operations later. No integer result (division by zero)
/// is an error.
struct Arithmetic {
  std::optional<int64_t> (*foldInt)(int64_t, int64_t);
  double (*foldFloat)(double, double);
  Value (*emitInt)(ImplicitLocOpBuilder &, Value, Value);
  Value (*emitFloat)(ImplicitLocOpBuilder &, Value, Value);
};

template <typename Op> Value emit(ImplicitLocOpBuilder &b, Value lhs, Value rhs) { return Op::create(b, lhs, rhs); }

/// Two's complement, without undefined behaviour.
template <typename F> std::optional<int64_t> wrapping(int64_t a, int64_t b, F f) {
  return static_cast<int64_t>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
}

std::optional<int64_t> divide(int64_t a, int64_t b) {
  if (b == 0 || (a == INT64_MIN && b == -1))
    return std::nullopt;
  return a / b;
}

const Arithmetic kAdd{[](int64_t a, int64_t b) { return wrapping(a, b, std::plus<uint64_t>()); },
                      [](double a, double b) { return a + b; }, emit<arith::AddIOp>, emit<arith::AddFOp>};
const Arithmetic kSub{[](int64_t a, int64_t b) { return wrapping(a, b, std::minus<uint64_t>()); },
                      [](double a, double b) { return a - b; }, emit<arith::SubIOp>, emit<arith::SubFOp>};
const Arithmetic kMul{[](int64_t a, int64_t b) { return wrapping(a, b, std::multiplies<uint64_t>()); },
                      [](double a, double b) { return a * b; }, emit<arith::MulIOp>, emit<arith::MulFOp>};
// Integer division truncates, as C's does.
const Arithmetic kDiv{divide, [](double a, double b) { return a / b; }, emit<arith::DivSIOp>, emit<arith::DivFOp>};
const Arithmetic kMin{[](int64_t a, int64_t b) -> std::optional<int64_t> { return std::min(a, b); },
                      [](double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); },
                      emit<arith::MinSIOp>, emit<arith::MinimumFOp>};
const Arithmetic kMax{[](int64_t a, int64_t b) -> std::optional<int64_t> { return std::max(a, b); },
                      [](double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); },
                      emit<arith::MaxSIOp>, emit<arith::MaximumFOp>};
const Arithmetic kPow{nullptr, [](double a, double b) { return std::pow(a, b); }, nullptr, emit<math::PowFOp>};
const Arithmetic kAnd{[](int64_t a, int64_t b) -> std::optional<int64_t> { return a & b; }, nullptr,
                      emit<arith::AndIOp>, nullptr};
const Arithmetic kOr{[](int64_t a, int64_t b) -> std::optional<int64_t> { return a | b; }, nullptr, emit<arith::OrIOp>,
                     nullptr};
const Arithmetic kXor{[](int64_t a, int64_t b) -> std::optional<int64_t> { return a ^ b; }, nullptr,
                      emit<arith::XOrIOp>, nullptr};

FailureOr<Literal> fold(Node &node, const Arithmetic &op, Tensor &lhs, Tensor &rhs, RankedTensorType type) {
  size_t count = *elementCount(type.getShape());
  StridedView left = broadcastView(lhs.shape(), type.getShape()), right = broadcastView(rhs.shape(), type.getShape());
  Type element = type.getElementType();
  if (isa<FloatType>(element)) {
    std::vector<double> values(count);
    for (size_t i = 0; i < count; ++i)
      values[i] = roundTo(element, op.foldFloat(lhs.literal->floatAt(left(i)), rhs.literal->floatAt(right(i))));
    return Literal::ofFloats(std::move(values));
  }
  std::vector<int64_t> values(count);
  for (size_t i = 0; i < count; ++i) {
    auto value = op.foldInt(lhs.literal->intAt(left(i)), rhs.literal->intAt(right(i)));
    if (!value)
      return node.error() << "divides by zero or overflows", failure();
    values[i] = wrapTo(element, *value);
  }
  return Literal::ofInts(std::move(values));
}

FailureOr<Tensor> combine(Node &node, const Arithmetic &op, Tensor &lhs, Tensor &rhs) {
  if (lhs.element() != rhs.element())
    return node.error() << "expects operands of one element type, but got " << lhs.type << " and " << rhs.type,
           failure();
  bool logical = !op.foldFloat;
  if (lhs.isBool() != logical || !(lhs.isFloat() ? static_cast<bool>(op.emitFloat) : static_cast<bool>(op.emitInt)))
    return node.error() << "of " << lhs.type << " is not supported", failure();
  auto shape = broadcastShape(node, {lhs.shape(), rhs.shape()});
  if (failed(shape))
    return failure();
  auto type = withShape(lhs.type, *shape);
  if (lhs.literal && rhs.literal && node.mayFold(*shape)) {
    auto literal = fold(node, op, lhs, rhs, type);
    if (failed(literal))
      return failure();
    return Tensor{type, {}, std::make_shared<const Literal>(std::move(*literal))};
  }
  Value left = broadcast(node, lhs, *shape), right = broadcast(node, rhs, *shape);
  Value result = lhs.isFloat() ? op.emitFloat(node.b, left, right) : op.emitInt(node.b, left, right);
  return Tensor{type, result, nullptr};
}

template <const Arithmetic &Op> LogicalResult importBinary(Node &node) {
  auto result = combine(node, Op, node.input(0), node.input(1));
  return failed(result) ? failure() : node.setResult(0, std::move(*result));
}

/// All inputs combined from the left.
template <const Arithmetic &Op> FailureOr<Tensor> combineAll(Node &node) {
  Tensor result = node.input(0);
  for (unsigned i = 1; i < node.numInputs(); ++i) {
    if (!node.hasInput(i))
      return node.error() << "expects inputs without gaps, but input " << i << " is empty", failure();
    auto next = combine(node, Op, result, node.input(i));
    if (failed(next))
      return failure();
    result = std::move(*next);
  }
  return result;
}

template <const Arithmetic &Op> LogicalResult importVariadic(Node &node) {
  auto result = combineAll<Op>(node);
  return failed(result) ? failure() : node.setResult(0, std::move(*result));
}

LogicalResult importMean(Node &node) {
  auto sum = combineAll<kAdd>(node);
  if (failed(sum))
    return failure();
  if (!sum->isFloat())
    return node.error() << "expects floats, but got " << sum->type;
  auto count = std::make_shared<const Literal>(Literal::splat(sum->element(), 1, node.numInputs()));
  Tensor divisor{withShape(sum->type, {}), {}, count};
  auto mean = combine(node, kDiv, *sum, divisor);
  return failed(mean) ? failure() : node.setResult(0, std::move(*mean));
}

/// x^2 becomes x * x and x^0.5 a square root: the same values, and no exponential at run time.
LogicalResult importPow(Node &node) {
  Tensor &base = node.input(0);
  Tensor exponent = node.input(1);
  if (!base.isFloat())
    return node.error() << "of " << base.type << " is not supported yet";
  if (exponent.element() != base.element()) {
    if (!exponent.literal || exponent.isBool())
      return node.error() << "with a base of " << base.type << " and an exponent of " << exponent.type
                          << " is not supported yet";
    std::vector<double> values;
    for (size_t i = 0; i < exponent.literal->size(); ++i)
      values.push_back(exponent.literal->number(i));
    exponent = {withShape(base.type, exponent.shape()),
                {},
                std::make_shared<const Literal>(Literal::ofFloats(std::move(values)))};
  }
  bool oneExponent = exponent.literal && exponent.literal->isSplat();
  if (oneExponent && !base.literal && exponent.rank() <= base.rank() && *elementCount(exponent.shape()) == 1) {
    Value x = node.value(base);
    if (exponent.literal->floatAt(0) == 2.0)
      return node.setResult(arith::MulFOp::create(node.b, x, x));
    if (exponent.literal->floatAt(0) == 0.5)
      return node.setResult(math::SqrtOp::create(node.b, x));
  }
  auto result = combine(node, kPow, base, exponent);
  return failed(result) ? failure() : node.setResult(0, std::move(*result));
}

/// The sign of the result is the divisor's, or the dividend's with fmod = 1 (as in C).
LogicalResult importMod(Node &node) {
  Tensor &lhs = node.input(0), &rhs = node.input(1);
  bool cSign = node.intAttr("fmod", 0) != 0;
  if (!lhs.literal || !rhs.literal || lhs.isFloat() || lhs.isBool())
    return node.error() << "at run time or of floats is not supported yet";
  static const Arithmetic cMod{[](int64_t a, int64_t b) -> std::optional<int64_t> {
                                 return b == 0 ? std::nullopt : std::optional<int64_t>(b == -1 ? 0 : a % b);
                               },
                               [](double a, double b) { return std::fmod(a, b); }, emit<arith::RemSIOp>, nullptr};
  static const Arithmetic pythonMod{[](int64_t a, int64_t b) -> std::optional<int64_t> {
                                      if (b == 0)
                                        return std::nullopt;
                                      int64_t rest = b == -1 ? 0 : a % b;
                                      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
                                    },
                                    [](double a, double b) { return std::fmod(a, b); }, emit<arith::RemSIOp>, nullptr};
  auto shape = broadcastShape(node, {lhs.shape(), rhs.shape()});
  if (failed(shape))
    return failure();
  if (!node.mayFold(*shape))
    return node.error() << "of this size is not supported yet";
  auto result = combine(node, cSign ? cMod : pythonMod, lhs, rhs);
  return failed(result) ? failure() : node.setResult(0, std::move(*result));
}

constexpr OpEntry kOps[] = {
    {"Add", kFirstOpset, kLastOpset, 2, 2, 1, importBinary<kAdd>},
    {"And", kFirstOpset, kLastOpset, 2, 2, 1, importBinary<kAnd>},
    {"Div", kFirstOpset, kLastOpset, 2, 2, 1, importBinary<kDiv>},
    {"Max", kFirstOpset, kLastOpset, 1, kAnyNumber, 1, importVariadic<kMax>},
    {"Mean", kFirstOpset, kLastOpset, 1, kAnyNumber, 1, importMean},
    {"Min", kFirstOpset, kLastOpset, 1, kAnyNumber, 1, importVariadic<kMin>},
    {"Mod", kFirstOpset, kLastOpset, 2, 2, 1, importMod},
    {"Mul", kFirstOpset, kLastOpset, 2, 2, 1, importBinary<kMul>},
    {"Or", kFirstOpset, kLastOpset, 2, 2, 1, importBinary<kOr>},
    {"Pow", kFirstOpset, kLastOpset, 2, 2, 1, importPow},
    {"Sub", kFirstOpset, kLastOpset, 2, 2, 1, importBinary<kSub>},
    {"Sum", kFirstOpset, kLastOpset, 1, kAnyNumber, 1, importVariadic<kAdd>},
    {"Xor", kFirstOpset, kLastOpset, 2, 2, 1, importBinary<kXor>},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::elementwiseOps() { return kOps; }
