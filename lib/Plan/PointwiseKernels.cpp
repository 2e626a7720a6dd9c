// How pointwise operations become kernels: their scalar forms. Upstream's elementwise operations are their own.
#include "lib/Plan/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace ingot;

namespace {

/// Builds scalar expressions in float32 (float64 for float64), whatever the element type.
struct ScalarBuilder {
  OpBuilder &builder;
  Location loc;
  Type type;

  ScalarBuilder(OpBuilder &builder, Location loc, Type element)
      : builder(builder), loc(loc), type(element.isF64() ? element : Type(builder.getF32Type())) {}

  Value widen(Value x) { return x.getType() == type ? x : arith::ExtFOp::create(builder, loc, type, x).getResult(); }
  Value narrow(Value x, Type element) {
    return element == type ? x : arith::TruncFOp::create(builder, loc, element, x).getResult();
  }
  Value constant(double value) { return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, value)); }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
  Value mul(Value a, Value b) { return arith::MulFOp::create(builder, loc, a, b); }
  Value div(Value a, Value b) { return arith::DivFOp::create(builder, loc, a, b); }
};

template <typename Model, typename Op> struct ScalarKernel : KernelOpInterface::ExternalModel<Model, Op> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Pointwise; }
  int64_t getLastDimUnit(Operation *op, const KernelBuilder &builder) const {
    return builder.lastDimUnit(op->getOperand(0));
  }
  Tiling getTiling(Operation *op, KernelBuilder &builder) const { return pointwiseTiling(op->getResult(0), builder); }
  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    return builder.emitPointwise(op->getResult(0), tile, destination);
  }
};

struct SiluKernel : ScalarKernel<SiluKernel, SiluOp> {
  Value emitScalar(Operation *op, OpBuilder &builder, ValueRange operands) const {
    Type element = operands[0].getType();
    ScalarBuilder s(builder, op->getLoc(), element);
    Value x = s.widen(operands[0]);
    Value exp = math::ExpOp::create(builder, s.loc, arith::NegFOp::create(builder, s.loc, x));
    return s.narrow(s.div(x, s.add(s.constant(1.0), exp)), element);
  }
};

struct GeluKernel : ScalarKernel<GeluKernel, GeluOp> {
  Value emitScalar(Operation *op, OpBuilder &builder, ValueRange operands) const {
    Type element = operands[0].getType();
    ScalarBuilder s(builder, op->getLoc(), element);
    Value x = s.widen(operands[0]), gate;
    if (cast<GeluOp>(op).getKind() == GeluKind::Erf) {
      gate = math::ErfOp::create(builder, s.loc, s.mul(x, s.constant(M_SQRT1_2)));
    } else {
      Value cube = s.mul(s.mul(x, x), x);
      Value inner = s.mul(s.constant(M_2_SQRTPI * M_SQRT1_2), s.add(x, s.mul(s.constant(0.044715), cube)));
      gate = math::TanhOp::create(builder, s.loc, inner);
    }
    return s.narrow(s.mul(s.mul(s.constant(0.5), x), s.add(s.constant(1.0), gate)), element);
  }
};

} // namespace

Tiling ingot::pointwiseTiling(Value value, KernelBuilder &builder) {
  RankedTensorType type = KernelBuilder::typeOf(value);
  int64_t unit = builder.lastDimUnit(value), last = type.getRank() - 1;
  if (unit == 1 || last < 0)
    return splitLeading(value, 0);
  // A contraction is computed inside: cut along the dimension that it can be cut along.
  int64_t dim = unit < type.getDimSize(last) ? last : last - 1;
  if (dim < 0)
    return wholeTiling(value);
  return contractionTiling(builder, type, dim, dim == last ? unit : 1, builder.contractionDepth(value));
}

void ingot::registerPointwiseKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    SiluOp::attachInterface<SiluKernel>(*context);
    GeluOp::attachInterface<GeluKernel>(*context);
  });
}
