// Pointwise functions of one tensor: arithmetic, activations, Clip, Cast.
#include "Build.h"
#include "OpTable.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

using Fold = double (*)(double);
using Emit = Value (*)(ImplicitLocOpBuilder &, Value);

template <typename Op> Value emit(ImplicitLocOpBuilder &b, Value x) { return Op::create(b, x); }

/// A function of floats. Known elements are computed now if `F` is given.
template <Emit E, Fold F = nullptr> LogicalResult importFloat(Node &node) {
  Tensor &x = node.input(0);
  if (!x.isFloat())
    return node.error() << "of " << x.type << " is not supported yet";
  if constexpr (F != nullptr)
    if (x.literal && node.mayFold(x.shape())) {
      std::vector<double> values(x.literal->size());
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = roundTo(x.element(), F(x.literal->floatAt(i)));
      return node.setResult(x.type, Literal::ofFloats(std::move(values)));
    }
  return node.setResult(E(node.b, node.value(x)));
}

Value reciprocal(ImplicitLocOpBuilder &b, Value x) { return arith::DivFOp::create(b, splat(b, typeOf(x), 1.0), x); }

/// 1 / (1 + exp(-x)): exp may overflow to infinity, and the quotient is then the right 0.
Value sigmoid(ImplicitLocOpBuilder &b, Value x) {
  Value e = math::ExpOp::create(b, arith::NegFOp::create(b, x));
  Value one = splat(b, typeOf(x), 1.0);
  return arith::DivFOp::create(b, one, arith::AddFOp::create(b, one, e));
}

Value relu(ImplicitLocOpBuilder &b, Value x) { return arith::MaximumFOp::create(b, x, splat(b, typeOf(x), 0.0)); }

/// log(1 + exp(x)) as max(x, 0) + log1p(exp(-|x|)), which never overflows.
Value softplus(ImplicitLocOpBuilder &b, Value x) {
  Value e = math::ExpOp::create(b, arith::NegFOp::create(b, math::AbsFOp::create(b, x)));
  return arith::AddFOp::create(b, relu(b, x), math::Log1pOp::create(b, e));
}

/// Functions of floats and of integers: Neg and Abs.
template <Emit OfFloat, Emit OfInt, Fold F> LogicalResult importSigned(Node &node) {
  Tensor &x = node.input(0);
  if (x.isFloat())
    return importFloat<OfFloat, F>(node);
  if (x.isBool())
    return node.error() << "of " << x.type << " is not supported";
  if (x.literal && node.mayFold(x.shape())) {
    bool negate = F(1.0) < 0;
    std::vector<int64_t> values(x.literal->size());
    for (size_t i = 0; i < values.size(); ++i) {
      int64_t value = x.literal->intAt(i);
      bool flip = negate || value < 0;
      values[i] = wrapTo(x.element(), flip ? static_cast<int64_t>(0 - static_cast<uint64_t>(value)) : value);
    }
    return node.setResult(x.type, Literal::ofInts(std::move(values)));
  }
  return node.setResult(OfInt(node.b, node.value(x)));
}

Value negateInt(ImplicitLocOpBuilder &b, Value x) { return arith::SubIOp::create(b, splat(b, typeOf(x), 0), x); }

LogicalResult importGelu(Node &node) {
  Tensor &x = node.input(0);
  std::string kind = node.stringAttr("approximate", "none");
  if (kind != "none" && kind != "tanh")
    return node.error() << "expects 'none' or 'tanh' as approximation, but got '" << printable(kind) << "'";
  if (!x.isFloat())
    return node.error() << "of " << x.type << " is not supported";
  return node.setResult(GeluOp::create(node.b, x.type, kind == "tanh" ? GeluKind::Tanh : GeluKind::Erf, node.value(x)));
}

/// Swish: x * sigmoid(alpha x).
LogicalResult importSwish(Node &node) {
  Tensor &x = node.input(0);
  double alpha = node.floatAttr("alpha", 1.0);
  if (!x.isFloat())
    return node.error() << "of " << x.type << " is not supported";
  if (alpha == 1.0)
    return node.setResult(SiluOp::create(node.b, x.type, node.value(x)));
  Value scaled = arith::MulFOp::create(node.b, node.value(x), splat(node.b, x.type, alpha));
  return node.setResult(arith::MulFOp::create(node.b, node.value(x), sigmoid(node.b, scaled)));
}

LogicalResult importLeakyRelu(Node &node) {
  Tensor &x = node.input(0);
  double alpha = node.floatAttr("alpha", 0.01);
  if (!x.isFloat())
    return node.error() << "of " << x.type << " is not supported";
  Value zero = splat(node.b, x.type, 0.0),
        scaled = arith::MulFOp::create(node.b, node.value(x), splat(node.b, x.type, alpha));
  Value negative = arith::CmpFOp::create(node.b, arith::CmpFPredicate::OLT, node.value(x), zero);
  return node.setResult(arith::SelectOp::create(node.b, negative, scaled, node.value(x)));
}

LogicalResult importClip(Node &node) {
  Tensor &x = node.input(0);
  if (x.isBool())
    return node.error() << "of " << x.type << " is not supported";
  Value value = node.value(x);
  for (unsigned i : {1u, 2u}) {
    if (!node.hasInput(i))
      continue;
    Tensor &bound = node.input(i);
    if (bound.rank() != 0 || bound.element() != x.element())
      return node.error() << "expects scalar bounds of the input's element type, but got " << bound.type;
    Value limit = broadcast(node, bound, x.shape());
    if (x.isFloat())
      value = i == 1 ? Value(arith::MaximumFOp::create(node.b, value, limit))
                     : Value(arith::MinimumFOp::create(node.b, value, limit));
    else
      value = i == 1 ? Value(arith::MaxSIOp::create(node.b, value, limit))
                     : Value(arith::MinSIOp::create(node.b, value, limit));
  }
  return node.setResult(value);
}

//===----------------------------------------------------------------------===//
// Cast
//===----------------------------------------------------------------------===//

Literal castLiteral(const Literal &literal, Type to) {
  std::vector<int64_t> ints;
  std::vector<double> floats;
  for (size_t i = 0; i < literal.size(); ++i) {
    double number = literal.number(i);
    if (isa<FloatType>(to))
      floats.push_back(roundTo(to, number));
    else if (to.isInteger(1))
      ints.push_back(number != 0);
    else if (!literal.isFloat())
      ints.push_back(wrapTo(to, literal.intAt(i)));
    else // out of range is undefined in ONNX; saturate, so that nothing is undefined here
      ints.push_back(wrapTo(to, !(std::abs(number) < 9.2e18) ? (number > 0 ? INT64_MAX : INT64_MIN)
                                                             : static_cast<int64_t>(number)));
  }
  return isa<FloatType>(to) ? Literal::ofFloats(std::move(floats)) : Literal::ofInts(std::move(ints));
}

Value castValue(ImplicitLocOpBuilder &b, Value x, Type to) {
  RankedTensorType from = typeOf(x);
  auto type = RankedTensorType::get(from.getShape(), to);
  Type source = from.getElementType();
  bool fromFloat = isa<FloatType>(source), toFloat = isa<FloatType>(to);
  unsigned fromBits = source.getIntOrFloatBitWidth(), toBits = to.getIntOrFloatBitWidth();
  if (to.isInteger(1)) {
    Value zero = splat(b, from, 0);
    if (fromFloat) // NaN is true
      return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, x, zero);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, x, zero);
  }
  if (fromFloat && toFloat) {
    if (fromBits == toBits) // f16 <-> bf16
      return arith::TruncFOp::create(
          b, type, arith::ExtFOp::create(b, RankedTensorType::get(from.getShape(), b.getF32Type()), x));
    return fromBits < toBits ? Value(arith::ExtFOp::create(b, type, x)) : Value(arith::TruncFOp::create(b, type, x));
  }
  if (fromFloat)
    return arith::FPToSIOp::create(b, type, x);
  if (source.isInteger(1))
    return toFloat ? Value(arith::UIToFPOp::create(b, type, x)) : Value(arith::ExtUIOp::create(b, type, x));
  if (toFloat)
    return arith::SIToFPOp::create(b, type, x);
  return fromBits < toBits ? Value(arith::ExtSIOp::create(b, type, x)) : Value(arith::TruncIOp::create(b, type, x));
}

LogicalResult castTo(Node &node, Type to) {
  node.ignoreAttr("saturate"); // concerns 8-bit floats only
  node.ignoreAttr("round_mode");
  Tensor &x = node.input(0);
  if (x.element() == to)
    return node.setResult(0, x);
  auto type = RankedTensorType::get(x.shape(), to);
  if (x.literal && node.mayFold(x.shape()))
    return node.setResult(type, castLiteral(*x.literal, to));
  return node.setResult(castValue(node.b, node.value(x), to));
}

LogicalResult importCast(Node &node) {
  int64_t code = node.intAttr("to", 0);
  Type to = code >= 0 && code <= INT32_MAX ? elementType(static_cast<int>(code), node.b.getContext()) : Type();
  if (!to)
    return node.error() << "to " << (code >= 0 && code <= INT32_MAX ? dataTypeName(code) : std::to_string(code))
                        << " is not supported yet";
  return castTo(node, to);
}

LogicalResult importCastLike(Node &node) { return castTo(node, node.input(1).element()); }

LogicalResult importNot(Node &node) {
  Tensor &x = node.input(0);
  if (!x.isBool())
    return node.error() << "expects booleans, but got " << x.type;
  if (x.literal && node.mayFold(x.shape())) {
    std::vector<int64_t> values(x.literal->allInts());
    for (int64_t &value : values)
      value = !value;
    return node.setResult(x.type, Literal::ofInts(std::move(values)));
  }
  return node.setResult(arith::XOrIOp::create(node.b, node.value(x), splat(node.b, x.type, 1)));
}

LogicalResult importIdentity(Node &node) { return node.setResult(0, node.input(0)); }

/// Whether the optional scalar input i is known to be 0.
bool isZero(Node &node, unsigned i) {
  const Literal *literal = node.input(i).literal.get();
  return literal && literal->size() == 1 && literal->number(0) == 0;
}

/// Without training mode, or with ratio 0, nothing is dropped. To drop, a node would have to draw other numbers in each
/// run, and there is no state for that yet.
LogicalResult importDropout(Node &node) {
  node.ignoreAttr("seed");
  bool training = node.hasInput(2) && !isZero(node, 2);
  if (training && !(node.hasInput(1) && isZero(node, 1)))
    return node.error() << "in training mode with a ratio other than 0 is not supported yet";
  if (node.hasOutput(1)) {
    auto type = RankedTensorType::get(node.input(0).shape(), node.b.getI1Type());
    Tensor mask{type, splat(node.b, type, 1), nullptr};
    if (failed(node.setResult(1, std::move(mask))))
      return failure();
  }
  return node.setResult(0, node.input(0));
}

constexpr OpEntry kOps[] = {
    {"Abs", kFirstOpset, kLastOpset, 1, 1, 1, importSigned<emit<math::AbsFOp>, emit<math::AbsIOp>, std::fabs>},
    {"Cast", kFirstOpset, kLastOpset, 1, 1, 1, importCast},
    {"CastLike", 15, kLastOpset, 2, 2, 1, importCastLike},
    {"Ceil", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<emit<math::CeilOp>, std::ceil>},
    {"Clip", kFirstOpset, kLastOpset, 1, 3, 1, importClip},
    {"Cos", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<emit<math::CosOp>, std::cos>},
    {"Dropout", kFirstOpset, kLastOpset, 1, 3, 2, importDropout},
    {"Erf", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<emit<math::ErfOp>, std::erf>},
    {"Exp", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<emit<math::ExpOp>, std::exp>},
    {"Floor", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<emit<math::FloorOp>, std::floor>},
    {"Gelu", 20, kLastOpset, 1, 1, 1, importGelu},
    {"Identity", kFirstOpset, kLastOpset, 1, 1, 1, importIdentity},
    {"LeakyRelu", kFirstOpset, kLastOpset, 1, 1, 1, importLeakyRelu},
    {"Log", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<emit<math::LogOp>, std::log>},
    {"Neg", kFirstOpset, kLastOpset, 1, 1, 1,
     importSigned<emit<arith::NegFOp>, negateInt, +[](double x) { return -x; }>},
    {"Not", kFirstOpset, kLastOpset, 1, 1, 1, importNot},
    {"Reciprocal", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<reciprocal, +[](double x) { return 1.0 / x; }>},
    {"Relu", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<relu>},
    {"Sigmoid", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<sigmoid>},
    {"Sin", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<emit<math::SinOp>, std::sin>},
    {"Softplus", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<softplus>},
    {"Sqrt", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<emit<math::SqrtOp>, std::sqrt>},
    {"Swish", 24, kLastOpset, 1, 1, 1, importSwish},
    {"Tanh", kFirstOpset, kLastOpset, 1, 1, 1, importFloat<emit<math::TanhOp>, std::tanh>},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::unaryOps() { return kOps; }
