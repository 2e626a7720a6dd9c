// Derivatives of math's operations, on tensors and scalars.
#include "lib/Train/GradientBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace ingot;

namespace {

using Predicate = arith::CmpFPredicate;

/// The gradient of a function's argument x, from that of its value y.
using Rule = Value (*)(GradientBuilder &b, Value g, Value x, Value y);

template <typename Op, Rule rule> struct UnaryGradient : Differentiable::ExternalModel<UnaryGradient<Op, rule>, Op> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    b.set(0, rule(b, b.upstream(), op->getOperand(0), op->getResult(0)));
    return success();
  }
};

template <typename Op> Value apply(GradientBuilder &b, Value x) {
  return Op::create(b.getBuilder(), b.getLoc(), x).getResult();
}

/// 1 - x^2, 1 + x^2
Value oneMinusSquare(GradientBuilder &b, Value x) { return b.sub(b.constant(x.getType(), 1), b.mul(x, x)); }
Value onePlusSquare(GradientBuilder &b, Value x) { return b.plus(b.mul(x, x), 1); }
/// 2 / sqrt(pi) exp(-x^2), the derivative of erf.
Value erfSlope(GradientBuilder &b, Value x) {
  return b.scale(apply<math::ExpOp>(b, b.neg(b.mul(x, x))), 2 / std::sqrt(M_PI));
}

/// 0 at 0.
Value absRule(GradientBuilder &b, Value g, Value x, Value) {
  Value zero = b.constant(x.getType(), 0);
  return b.choose(Predicate::OGT, x, zero, g, b.choose(Predicate::OLT, x, zero, b.neg(g), zero));
}
Value expRule(GradientBuilder &b, Value g, Value, Value y) { return b.mul(g, y); }
Value exp2Rule(GradientBuilder &b, Value g, Value, Value y) { return b.scale(b.mul(g, y), M_LN2); }
Value expm1Rule(GradientBuilder &b, Value g, Value, Value y) { return b.mul(g, b.plus(y, 1)); }
Value logRule(GradientBuilder &b, Value g, Value x, Value) { return b.div(g, x); }
Value log2Rule(GradientBuilder &b, Value g, Value x, Value) { return b.scale(b.div(g, x), M_LOG2E); }
Value log10Rule(GradientBuilder &b, Value g, Value x, Value) { return b.scale(b.div(g, x), M_LOG10E); }
Value log1pRule(GradientBuilder &b, Value g, Value x, Value) { return b.div(g, b.plus(x, 1)); }
Value sqrtRule(GradientBuilder &b, Value g, Value, Value y) { return b.div(b.scale(g, 0.5), y); }
Value rsqrtRule(GradientBuilder &b, Value g, Value, Value y) { return b.mul(b.scale(g, -0.5), b.mul(y, b.mul(y, y))); }
Value tanhRule(GradientBuilder &b, Value g, Value, Value y) { return b.mul(g, oneMinusSquare(b, y)); }
Value sinRule(GradientBuilder &b, Value g, Value x, Value) { return b.mul(g, apply<math::CosOp>(b, x)); }
Value cosRule(GradientBuilder &b, Value g, Value x, Value) { return b.neg(b.mul(g, apply<math::SinOp>(b, x))); }
Value tanRule(GradientBuilder &b, Value g, Value, Value y) { return b.mul(g, onePlusSquare(b, y)); }
Value sinhRule(GradientBuilder &b, Value g, Value x, Value) { return b.mul(g, apply<math::CoshOp>(b, x)); }
Value coshRule(GradientBuilder &b, Value g, Value x, Value) { return b.mul(g, apply<math::SinhOp>(b, x)); }
Value atanRule(GradientBuilder &b, Value g, Value x, Value) { return b.div(g, onePlusSquare(b, x)); }
Value erfRule(GradientBuilder &b, Value g, Value x, Value) { return b.mul(g, erfSlope(b, x)); }
Value erfcRule(GradientBuilder &b, Value g, Value x, Value) { return b.neg(b.mul(g, erfSlope(b, x))); }

/// The number that all elements of a constant are.
std::optional<double> splatOf(Value value) {
  Attribute attribute;
  if (!matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  if (auto splat = dyn_cast<SplatElementsAttr>(attribute))
    attribute = splat.getSplatValue<Attribute>();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return static_cast<double>(number.getValue().getSExtValue());
  return std::nullopt;
}

/// g n x^(n - 1), 0 for n = 0 whatever x is. `n` is `exponent` as a float.
Value powerGradient(GradientBuilder &b, Value x, Value exponent, Value n) {
  Value g = b.upstream(), zero = b.constant(x.getType(), 0);
  std::optional<double> known = splatOf(exponent);
  if (known == 0)
    return zero;
  if (known == 1)
    return g;
  if (known == 2)
    return b.mul(g, b.scale(x, 2));
  Value less = known ? b.constant(x.getType(), *known - 1) : b.plus(n, -1);
  Value slope = b.mul(n, math::PowFOp::create(b.getBuilder(), b.getLoc(), x, less));
  Value gradient = b.mul(g, slope);
  return known ? gradient : b.choose(Predicate::OEQ, n, zero, zero, gradient);
}

struct PowGradient : Differentiable::ExternalModel<PowGradient, math::PowFOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    Value x = op->getOperand(0), n = op->getOperand(1);
    if (b.needs(0))
      b.set(0, powerGradient(b, x, n, n));
    if (b.needs(1)) {
      // x^n log x; at x = 0 its limit for n > 0.
      Value slope = b.mul(op->getResult(0), apply<math::LogOp>(b, x)), zero = b.constant(x.getType(), 0);
      b.set(1, b.choose(Predicate::OEQ, x, zero, zero, b.mul(b.upstream(), slope)));
    }
    return success();
  }
};

struct IntegerPowGradient : Differentiable::ExternalModel<IntegerPowGradient, math::FPowIOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    Value x = op->getOperand(0), n = op->getOperand(1);
    std::optional<double> known = splatOf(n);
    Value real = known ? b.constant(x.getType(), *known)
                       : arith::SIToFPOp::create(b.getBuilder(), b.getLoc(), x.getType(), n).getResult();
    b.set(0, powerGradient(b, x, n, real));
    return success();
  }
};

/// a * b + c
struct FmaGradient : Differentiable::ExternalModel<FmaGradient, math::FmaOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    for (unsigned i : {0, 1})
      if (b.needs(i))
        b.set(i, b.mul(b.upstream(), op->getOperand(1 - i)));
    b.set(2, b.upstream());
    return success();
  }
};

} // namespace

void ingot::registerMathGradients(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, math::MathDialect *) {
    math::AbsFOp::attachInterface<UnaryGradient<math::AbsFOp, absRule>>(*context);
    math::ExpOp::attachInterface<UnaryGradient<math::ExpOp, expRule>>(*context);
    math::Exp2Op::attachInterface<UnaryGradient<math::Exp2Op, exp2Rule>>(*context);
    math::ExpM1Op::attachInterface<UnaryGradient<math::ExpM1Op, expm1Rule>>(*context);
    math::LogOp::attachInterface<UnaryGradient<math::LogOp, logRule>>(*context);
    math::Log2Op::attachInterface<UnaryGradient<math::Log2Op, log2Rule>>(*context);
    math::Log10Op::attachInterface<UnaryGradient<math::Log10Op, log10Rule>>(*context);
    math::Log1pOp::attachInterface<UnaryGradient<math::Log1pOp, log1pRule>>(*context);
    math::SqrtOp::attachInterface<UnaryGradient<math::SqrtOp, sqrtRule>>(*context);
    math::RsqrtOp::attachInterface<UnaryGradient<math::RsqrtOp, rsqrtRule>>(*context);
    math::TanhOp::attachInterface<UnaryGradient<math::TanhOp, tanhRule>>(*context);
    math::SinOp::attachInterface<UnaryGradient<math::SinOp, sinRule>>(*context);
    math::CosOp::attachInterface<UnaryGradient<math::CosOp, cosRule>>(*context);
    math::TanOp::attachInterface<UnaryGradient<math::TanOp, tanRule>>(*context);
    math::SinhOp::attachInterface<UnaryGradient<math::SinhOp, sinhRule>>(*context);
    math::CoshOp::attachInterface<UnaryGradient<math::CoshOp, coshRule>>(*context);
    math::AtanOp::attachInterface<UnaryGradient<math::AtanOp, atanRule>>(*context);
    math::ErfOp::attachInterface<UnaryGradient<math::ErfOp, erfRule>>(*context);
    math::ErfcOp::attachInterface<UnaryGradient<math::ErfcOp, erfcRule>>(*context);
    math::PowFOp::attachInterface<PowGradient>(*context);
    math::FPowIOp::attachInterface<IntegerPowGradient>(*context);
    math::FmaOp::attachInterface<FmaGradient>(*context);
  });
}
