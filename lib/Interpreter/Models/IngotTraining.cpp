// ingot: operations that only training needs, on the kernels in lib/Interpreter/Kernels.
#include "dialects/Ingot/Train.h"
#include "lib/Interpreter/Kernels/Kernels.h"
#include "lib/Interpreter/Models/Models.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

namespace {

std::optional<Array> optionalArray(Value value, Frame &frame) {
  return value ? std::optional(frame.array(value)) : std::nullopt;
}

template <typename Op> LossInputs lossInputs(Op op, Frame &frame) {
  return {frame.array(op.getLogits()), frame.array(op.getTargets()), optionalArray(op.getWeights(), frame),
          op.getZLoss().convertToDouble()};
}

LogicalResult stopGradient(StopGradientOp op, Frame &frame) {
  frame.set(op, frame.array(op.getInput()));
  return success();
}

LogicalResult crossEntropyOp(CrossEntropyOp op, Frame &frame) {
  auto [loss, lse] = crossEntropy(frame.getMode(), lossInputs(op, frame));
  frame.setRounded(op.getLoss(), loss);
  frame.setRounded(op.getLse(), lse);
  return success();
}

LogicalResult crossEntropyGradOp(CrossEntropyGradOp op, Frame &frame) {
  frame.setRounded(op, crossEntropyGrad(frame.getMode(), lossInputs(op, frame), frame.array(op.getLse()),
                                        frame.array(op.getUpstream())));
  return success();
}

LogicalResult scatterAddOp(ScatterAddOp op, Frame &frame) {
  frame.setRounded(op, scatterAdd(frame.getMode(), frame.array(op.getUpdates()), frame.array(op.getIndices()),
                                  frame.array(op.getInto())));
  return success();
}

LogicalResult attentionGradOp(AttentionGradOp op, Frame &frame) {
  AttentionInputs inputs{frame.array(op.getQuery()),
                         frame.array(op.getKey()),
                         frame.array(op.getValue()),
                         std::nullopt,
                         std::nullopt,
                         optionalArray(op.getBias(), frame),
                         op.getCausal(),
                         op.getScale().convertToDouble()};
  std::array<Array, 3> gradients = attentionGrad(frame.getMode(), inputs, frame.array(op.getOut()),
                                                 frame.array(op.getLse()), frame.array(op.getUpstream()));
  for (auto [result, gradient] : llvm::zip(op->getResults(), gradients))
    frame.setRounded(result, gradient);
  return success();
}

} // namespace

void ingot::interpreter::attachIngotTrainingModels(MLIRContext *context) {
  attach<StopGradientOp, stopGradient>(context);
  attach<CrossEntropyOp, crossEntropyOp>(context);
  attach<CrossEntropyGradOp, crossEntropyGradOp>(context);
  attach<ScatterAddOp, scatterAddOp>(context);
  attach<AttentionGradOp, attentionGradOp>(context);
}
