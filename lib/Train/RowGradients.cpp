// Derivatives of softmax, norms and activations, computed like these in float32 (float64 for float64).
#include "lib/Train/GradientBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace ingot;

namespace {

/// Rows of a tensor: statistics over the last dimension, one per row, repeated along it.
struct Rows {
  GradientBuilder &b;
  RankedTensorType type;

  Value repeat(Value perRow) { return b.repeat(perRow, {type.getRank() - 1}, type); }
  Value mean(Value x) { return repeat(b.mean(x, {type.getRank() - 1})); }
  Value sum(Value x) { return repeat(b.sum(x, {type.getRank() - 1})); }
  /// 1 / sqrt(mean(x^2) + eps)
  Value inverseNorm(Value x, double eps) {
    Value squares = b.mean(b.mul(x, x), {type.getRank() - 1});
    return repeat(math::RsqrtOp::create(b.getBuilder(), b.getLoc(), b.plus(squares, eps)));
  }
  /// Sum over all rows.
  Value total(Value x) { return b.sum(x, llvm::to_vector(llvm::seq<int64_t>(0, type.getRank() - 1))); }
};

/// y (g - sum(g y))
struct SoftmaxGradient : Differentiable::ExternalModel<SoftmaxGradient, SoftmaxOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    Value g = b.widen(b.upstream()), y = b.widen(op->getResult(0));
    Rows rows = {b, GradientBuilder::typeOf(g)};
    Value gradient = b.mul(y, b.sub(g, rows.sum(b.mul(g, y))));
    b.set(0, b.convert(gradient, op->getOperand(0).getType()));
    return success();
  }
};

/// With n = x r, r = 1 / sqrt(mean(x^2) + eps) and h = g scale: r (h - n mean(h n)) and sum(g n).
struct RmsNormGradient : Differentiable::ExternalModel<RmsNormGradient, RmsNormOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto norm = cast<RmsNormOp>(op);
    Value g = b.widen(b.upstream()), x = b.widen(norm.getInput());
    Rows rows = {b, GradientBuilder::typeOf(g)};
    Value inverse = rows.inverseNorm(x, norm.getEps().convertToDouble()), normal = b.mul(x, inverse);
    if (b.needs(0)) {
      Value h = b.mul(g, b.repeatRows(b.convert(norm.getScale(), rows.type), rows.type));
      Value gradient = b.mul(inverse, b.sub(h, b.mul(normal, rows.mean(b.mul(h, normal)))));
      b.set(0, b.convert(gradient, norm.getInput().getType()));
    }
    if (b.needs(1))
      b.set(1, b.convert(rows.total(b.mul(g, normal)), norm.getScale().getType()));
    return success();
  }
};

/// As RMS normalisation of x - mean(x), less the mean of h.
struct LayerNormGradient : Differentiable::ExternalModel<LayerNormGradient, LayerNormOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto norm = cast<LayerNormOp>(op);
    Value g = b.widen(b.upstream()), x = b.widen(norm.getInput());
    Rows rows = {b, GradientBuilder::typeOf(g)};
    if (b.needs(0) || b.needs(1)) {
      Value centred = b.sub(x, rows.mean(x));
      Value inverse = rows.inverseNorm(centred, norm.getEps().convertToDouble()), normal = b.mul(centred, inverse);
      if (b.needs(0)) {
        Value h = b.mul(g, b.repeatRows(b.convert(norm.getScale(), rows.type), rows.type));
        Value rest = b.add(rows.mean(h), b.mul(normal, rows.mean(b.mul(h, normal))));
        b.set(0, b.convert(b.mul(inverse, b.sub(h, rest)), norm.getInput().getType()));
      }
      if (b.needs(1))
        b.set(1, b.convert(rows.total(b.mul(g, normal)), norm.getScale().getType()));
    }
    if (norm.getBias() && b.needs(2))
      b.set(2, b.convert(rows.total(g), norm.getBias().getType()));
    return success();
  }
};

/// With s = sigmoid(x): s (1 + x (1 - s)).
struct SiluGradient : Differentiable::ExternalModel<SiluGradient, SiluOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    Value g = b.widen(b.upstream()), x = b.widen(op->getOperand(0)), one = b.constant(x.getType(), 1);
    Value exp = math::ExpOp::create(b.getBuilder(), b.getLoc(), b.neg(x));
    Value sigmoid = b.div(one, b.add(one, exp));
    Value slope = b.mul(sigmoid, b.add(one, b.mul(x, b.sub(one, sigmoid))));
    b.set(0, b.convert(b.mul(g, slope), op->getOperand(0).getType()));
    return success();
  }
};

struct GeluGradient : Differentiable::ExternalModel<GeluGradient, GeluOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    Value g = b.widen(b.upstream()), x = b.widen(op->getOperand(0));
    Value slope = cast<GeluOp>(op).getKind() == GeluKind::Erf ? erfSlope(b, x) : tanhSlope(b, x);
    b.set(0, b.convert(b.mul(g, slope), op->getOperand(0).getType()));
    return success();
  }

private:
  /// (1 + erf(x / sqrt 2)) / 2 + x exp(-x^2 / 2) / sqrt(2 pi)
  static Value erfSlope(GradientBuilder &b, Value x) {
    OpBuilder &builder = b.getBuilder();
    Value erf = math::ErfOp::create(builder, b.getLoc(), b.scale(x, M_SQRT1_2));
    Value density = math::ExpOp::create(builder, b.getLoc(), b.scale(b.mul(x, x), -0.5));
    return b.add(b.plus(b.scale(erf, 0.5), 0.5), b.scale(b.mul(x, density), M_SQRT1_2 / std::sqrt(M_PI)));
  }

  /// With t = tanh(c (x + a x^3)): (1 + t) / 2 + x (1 - t^2) c (1 + 3 a x^2) / 2.
  static Value tanhSlope(GradientBuilder &b, Value x) {
    constexpr double kCubic = 0.044715;
    double factor = std::sqrt(2 / M_PI);
    Value one = b.constant(x.getType(), 1), square = b.mul(x, x);
    Value inner = b.scale(b.mul(x, b.add(one, b.scale(square, kCubic))), factor);
    Value t = math::TanhOp::create(b.getBuilder(), b.getLoc(), inner);
    Value growth = b.scale(b.add(one, b.scale(square, 3 * kCubic)), factor / 2);
    Value bend = b.mul(b.mul(x, b.sub(one, b.mul(t, t))), growth);
    return b.add(b.plus(b.scale(t, 0.5), 0.5), bend);
  }
};

} // namespace

void ingot::registerRowGradients(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    SoftmaxOp::attachInterface<SoftmaxGradient>(*context);
    RmsNormOp::attachInterface<RmsNormGradient>(*context);
    LayerNormOp::attachInterface<LayerNormGradient>(*context);
    SiluOp::attachInterface<SiluGradient>(*context);
    GeluOp::attachInterface<GeluGradient>(*context);
  });
}
