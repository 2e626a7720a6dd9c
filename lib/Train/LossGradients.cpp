// Derivatives of the loss, of rows by index, and where there is none.
#include "dialects/Ingot/Train.h"
#include "lib/Train/GradientBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ingot;

namespace {

/// The weights of rows are data.
struct CrossEntropyGradient : Differentiable::ExternalModel<CrossEntropyGradient, CrossEntropyOp> {
  bool carriesGradient(Operation *, OpOperand &operand) const { return operand.getOperandNumber() == 0; }

  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto loss = cast<CrossEntropyOp>(op);
    RankedTensorType type = GradientBuilder::typeOf(loss.getLogits());
    Value gradient;
    if (b.upstream(0))
      gradient = CrossEntropyGradOp::create(b.getBuilder(), b.getLoc(), loss.getLogits(), loss.getTargets(),
                                            loss.getLse(), b.upstream(0), loss.getWeights(), loss.getZLossAttr());
    if (b.upstream(1)) {
      // exp(logits - lse) is the softmax.
      Value logits = b.widen(loss.getLogits());
      auto wide = GradientBuilder::typeOf(logits);
      auto perRow = [&](Value value) { return b.repeat(b.convert(value, wide), {type.getRank() - 1}, wide); };
      Value softmax = math::ExpOp::create(b.getBuilder(), b.getLoc(), b.sub(logits, perRow(loss.getLse())));
      Value second = b.convert(b.mul(perRow(b.upstream(1)), softmax), type);
      gradient = gradient ? b.add(gradient, second) : second;
    }
    b.set(0, gradient);
    return success();
  }
};

struct GatherGradient : Differentiable::ExternalModel<GatherGradient, GatherOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto gather = cast<GatherOp>(op);
    Value zeros = b.constant(gather.getTable().getType(), 0);
    b.set(0,
          ScatterAddOp::create(b.getBuilder(), b.getLoc(), zeros.getType(), b.upstream(), gather.getIndices(), zeros));
    return success();
  }
};

struct ScatterAddGradient : Differentiable::ExternalModel<ScatterAddGradient, ScatterAddOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto scatter = cast<ScatterAddOp>(op);
    if (b.needs(0))
      b.set(0, GatherOp::create(b.getBuilder(), b.getLoc(), b.upstream(), scatter.getIndices()));
    b.set(2, b.upstream());
    return success();
  }
};

struct StopGradient : Differentiable::ExternalModel<StopGradient, StopGradientOp> {
  bool carriesGradient(Operation *, OpOperand &) const { return false; }
  LogicalResult buildGradients(Operation *, GradientBuilder &) const { return success(); }
};

} // namespace

void ingot::registerLossGradients(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    CrossEntropyOp::attachInterface<CrossEntropyGradient>(*context);
    GatherOp::attachInterface<GatherGradient>(*context);
    ScatterAddOp::attachInterface<ScatterAddGradient>(*context);
    StopGradientOp::attachInterface<StopGradient>(*context);
  });
}
