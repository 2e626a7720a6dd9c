// Derivatives of arith's float operations, on tensors and scalars.
#include "lib/Train/GradientBuilder.h"

using namespace mlir;
using namespace ingot;

namespace {

using Predicate = arith::CmpFPredicate;

template <typename Model, typename Op> using Gradient = Differentiable::ExternalModel<Model, Op>;

struct AddGradient : Gradient<AddGradient, arith::AddFOp> {
  LogicalResult buildGradients(Operation *, GradientBuilder &b) const {
    b.set(0, b.upstream());
    b.set(1, b.upstream());
    return success();
  }
};

struct SubGradient : Gradient<SubGradient, arith::SubFOp> {
  LogicalResult buildGradients(Operation *, GradientBuilder &b) const {
    b.set(0, b.upstream());
    if (b.needs(1))
      b.set(1, b.neg(b.upstream()));
    return success();
  }
};

struct MulGradient : Gradient<MulGradient, arith::MulFOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    for (unsigned i : {0, 1})
      if (b.needs(i))
        b.set(i, b.mul(b.upstream(), op->getOperand(1 - i)));
    return success();
  }
};

struct DivGradient : Gradient<DivGradient, arith::DivFOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    Value quotient = b.div(b.upstream(), op->getOperand(1));
    b.set(0, quotient);
    if (b.needs(1))
      b.set(1, b.neg(b.mul(quotient, op->getResult(0))));
    return success();
  }
};

struct NegGradient : Gradient<NegGradient, arith::NegFOp> {
  LogicalResult buildGradients(Operation *, GradientBuilder &b) const {
    b.set(0, b.neg(b.upstream()));
    return success();
  }
};

/// The larger (smaller) operand takes the gradient. Equal operands take half each; against a constant, nothing: the
/// derivative of `maximumf(x, 0)` at 0 is that of ReLU, 0.
template <typename Op, Predicate wins> struct ExtremumGradient : Gradient<ExtremumGradient<Op, wins>, Op> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    Value zero = b.constant(b.upstream().getType(), 0);
    bool both = b.needs(0) && b.needs(1);
    for (unsigned i : {0, 1}) {
      if (!b.needs(i))
        continue;
      Value self = op->getOperand(i), other = op->getOperand(1 - i), rest = zero;
      if (both)
        rest = b.choose(Predicate::OEQ, self, other, b.scale(b.upstream(), 0.5), zero);
      b.set(i, b.choose(wins, self, other, b.upstream(), rest));
    }
    return success();
  }
};

struct SelectGradient : Gradient<SelectGradient, arith::SelectOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    Value condition = op->getOperand(0), zero = b.constant(b.upstream().getType(), 0);
    OpBuilder &builder = b.getBuilder();
    if (b.needs(1))
      b.set(1, arith::SelectOp::create(builder, b.getLoc(), condition, b.upstream(), zero));
    if (b.needs(2))
      b.set(2, arith::SelectOp::create(builder, b.getLoc(), condition, zero, b.upstream()));
    return success();
  }
};

/// Casts between float types.
template <typename Op> struct CastGradient : Gradient<CastGradient<Op>, Op> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    b.set(0, b.convert(b.upstream(), op->getOperand(0).getType()));
    return success();
  }
};

} // namespace

void ingot::registerArithGradients(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    arith::AddFOp::attachInterface<AddGradient>(*context);
    arith::SubFOp::attachInterface<SubGradient>(*context);
    arith::MulFOp::attachInterface<MulGradient>(*context);
    arith::DivFOp::attachInterface<DivGradient>(*context);
    arith::NegFOp::attachInterface<NegGradient>(*context);
    arith::MaximumFOp::attachInterface<ExtremumGradient<arith::MaximumFOp, Predicate::OGT>>(*context);
    arith::MaxNumFOp::attachInterface<ExtremumGradient<arith::MaxNumFOp, Predicate::OGT>>(*context);
    arith::MinimumFOp::attachInterface<ExtremumGradient<arith::MinimumFOp, Predicate::OLT>>(*context);
    arith::MinNumFOp::attachInterface<ExtremumGradient<arith::MinNumFOp, Predicate::OLT>>(*context);
    arith::SelectOp::attachInterface<SelectGradient>(*context);
    arith::ExtFOp::attachInterface<CastGradient<arith::ExtFOp>>(*context);
    arith::TruncFOp::attachInterface<CastGradient<arith::TruncFOp>>(*context);
  });
}
