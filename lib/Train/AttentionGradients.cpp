// Derivatives of attention and the rotary embedding.
#include "dialects/Ingot/Train.h"
#include "lib/Train/GradientBuilder.h"

using namespace mlir;
using namespace ingot;

namespace {

/// Rotates back. Tables that the model stores are constants.
struct RopeGradient : Differentiable::ExternalModel<RopeGradient, RopeOp> {
  bool carriesGradient(Operation *, OpOperand &operand) const {
    bool table = operand.getOperandNumber() == 1 || operand.getOperandNumber() == 2;
    return operand.getOperandNumber() == 0 || (table && !isa<BlockArgument>(operand.get()));
  }

  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto rope = cast<RopeOp>(op);
    if (b.needs(1) || b.needs(2))
      return rope.emitOpError() << "has tables that depend on parameters, and their gradient is not supported yet";
    Value sin = b.neg(rope.getSin());
    b.set(0, RopeOp::create(b.getBuilder(), b.getLoc(), b.upstream(), rope.getCos(), sin, rope.getPositions(),
                            rope.getInterleaved()));
    return success();
  }
};

/// The flash form: from the output and the log-sum-exp of each row, without the matrix of weights.
struct AttentionGradient : Differentiable::ExternalModel<AttentionGradient, AttentionOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto attention = cast<AttentionOp>(op);
    if (attention.getStart())
      return attention.emitOpError() << "reads a cache, and the gradient of that is not supported yet";
    if (attention.getBias() && b.needs(3))
      return attention.emitOpError() << "has a bias that depends on parameters, and its gradient is not supported yet";
    if (op->getNumResults() > 1 && b.upstream(1))
      return attention.emitOpError() << "has a log-sum-exp that the loss depends on, and its gradient is not supported "
                                        "yet";
    AttentionOp saved = attention.getLse() ? attention : withLse(attention);
    auto gradient = AttentionGradOp::create(b.getBuilder(), b.getLoc(), saved.getQuery(), saved.getKey(),
                                            saved.getValue(), saved.getOut(), saved.getLse(), b.upstream(),
                                            saved.getBias(), saved.getCausalAttr(), saved.getScaleAttr());
    for (unsigned i : {0, 1, 2})
      b.set(i, gradient->getResult(i));
    if (saved != attention)
      b.replaceWith(saved);
    return success();
  }

private:
  /// The same, with its second result.
  static AttentionOp withLse(AttentionOp op) {
    OpBuilder builder(op);
    auto lse = RankedTensorType::get(cast<RankedTensorType>(op.getOut().getType()).getShape().drop_back(),
                                     builder.getF32Type());
    return AttentionOp::create(builder, op.getLoc(), TypeRange{op.getOut().getType(), lse}, op.getQuery(), op.getKey(),
                               op.getValue(), op.getStart(), op.getCount(), op.getBias(), op.getCausalAttr(),
                               op.getScaleAttr());
  }
};

} // namespace

void ingot::registerAttentionGradients(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    RopeOp::attachInterface<RopeGradient>(*context);
    AttentionOp::attachInterface<AttentionGradient>(*context);
  });
}
