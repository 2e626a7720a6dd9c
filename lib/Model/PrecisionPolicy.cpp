#include "lib/Model/PrecisionPolicy.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

/// A contraction over one element is an outer product: nothing is summed, and what exporters compute with it (angles
/// from positions) does not survive 8 bits of mantissa.
static bool isOuterProduct(DotOp dot) {
  auto type = cast<RankedTensorType>(dot.getLhs().getType());
  return llvm::all_of(dot.getLhsContract(), [&](int64_t dim) { return type.getDimSize(dim) == 1; });
}

/// Operations that copy elements.
static bool moves(Operation *op) {
  return isa<BroadcastOp, TransposeOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ReshapeOp,
             tensor::ExtractSliceOp, tensor::InsertSliceOp, tensor::ConcatOp>(op);
}

static OperandPrecision computeIf(bool condition) {
  return condition ? OperandPrecision::Compute : OperandPrecision::Single;
}

OperandPrecision model::operandPrecision(OpOperand &operand) {
  Operation *op = operand.getOwner();
  unsigned number = operand.getOperandNumber();
  if (moves(op))
    return OperandPrecision::Moved;
  return llvm::TypeSwitch<Operation *, OperandPrecision>(op)
      .Case([](DotOp dot) { return computeIf(!isOuterProduct(dot)); })
      .Case([&](AttentionOp) { return computeIf(number < 3); })
      .Case<RmsNormOp, LayerNormOp, RopeOp>([&](Operation *) { return computeIf(number == 0); })
      .Case<KvAppendOp, GatherOp>([](Operation *) { return OperandPrecision::Compute; })
      .Default([](Operation *) { return OperandPrecision::Single; });
}

ResultPrecision model::resultPrecision(Operation *op) {
  if (moves(op))
    return ResultPrecision::Moved;
  if (auto dot = dyn_cast<DotOp>(op))
    return isOuterProduct(dot) ? ResultPrecision::Single : ResultPrecision::Accumulated;
  bool compute = isa<AttentionOp, RmsNormOp, LayerNormOp, RopeOp, KvAppendOp, GatherOp>(op);
  return compute ? ResultPrecision::Compute : ResultPrecision::Single;
}
