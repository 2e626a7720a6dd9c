// Verifiers of the operations that only training needs.
#include "dialects/Ingot/Train.h"

#include "dialects/Ingot/PlainNumbers.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace ingot;

#define GET_OP_CLASSES
#include "dialects/Ingot/IngotTrainOps.cpp.inc"

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static LogicalResult expectShape(Operation *op, StringRef what, Value value, ArrayRef<int64_t> shape) {
  if (typeOf(value).getShape() == shape)
    return success();
  auto diag = op->emitOpError() << "expects " << what << " of shape [";
  llvm::interleaveComma(shape, diag);
  return diag << "], but got " << value.getType();
}

//===----------------------------------------------------------------------===//
// Loss
//===----------------------------------------------------------------------===//

LogicalResult CrossEntropyOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc, Adaptor op,
                                               SmallVectorImpl<Type> &types) {
  RankedTensorType logits = typeOf(op.getLogits());
  if (logits.getRank() < 1 || logits.getShape().back() < 1)
    return emitOptionalError(loc, "expects logits of shape [..., vocabulary], but got ", Type(logits));
  Type single = Float32Type::get(context);
  types.push_back(RankedTensorType::get({}, single));
  types.push_back(RankedTensorType::get(logits.getShape().drop_back(), single));
  return success();
}

/// One target and weight per row of logits.
template <typename Op> static LogicalResult verifyRows(Op op) {
  ArrayRef<int64_t> rows = typeOf(op.getLogits()).getShape().drop_back();
  if (failed(expectShape(op, "targets", op.getTargets(), rows)))
    return failure();
  return op.getWeights() ? expectShape(op, "weights", op.getWeights(), rows) : success();
}

LogicalResult CrossEntropyOp::verify() { return verifyRows(*this); }

LogicalResult CrossEntropyGradOp::verify() {
  RankedTensorType logits = typeOf(getLogits());
  if (logits.getRank() < 1 || logits.getShape().back() < 1)
    return emitOpError() << "expects logits of shape [..., vocabulary], but got " << logits;
  if (failed(verifyRows(*this)) || failed(expectShape(*this, "a log-sum-exp", getLse(), logits.getShape().drop_back())))
    return failure();
  return expectShape(*this, "an upstream gradient", getUpstream(), {});
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

LogicalResult ScatterAddOp::verify() {
  RankedTensorType into = typeOf(getInto());
  if (into.getRank() < 1 || into.getDimSize(0) == 0)
    return emitOpError() << "expects a table with at least one row, but got " << into;
  if (typeOf(getUpdates()).getElementType() != into.getElementType())
    return emitOpError() << "expects one element type, but got " << typeOf(getUpdates()).getElementType() << " and "
                         << into.getElementType();
  SmallVector<int64_t> shape(typeOf(getIndices()).getShape());
  llvm::append_range(shape, into.getShape().drop_front());
  return expectShape(*this, "updates", getUpdates(), shape);
}

LogicalResult AttentionGradOp::verify() {
  for (Value value : {getQuery(), getKey(), getValue(), getOut()})
    if (typeOf(value).getRank() != 4)
      return emitOpError() << "expects query, key, value and out of rank 4, but got " << value.getType();
  auto q = typeOf(getQuery()), k = typeOf(getKey()), v = typeOf(getValue());
  int64_t batch = q.getDimSize(0), rows = q.getDimSize(1), heads = q.getDimSize(2), groups = k.getDimSize(1),
          keys = k.getDimSize(2);
  if (failed(expectShape(*this, "a key", getKey(), {batch, groups, keys, q.getDimSize(3)})) ||
      failed(expectShape(*this, "a value", getValue(), {batch, groups, keys, v.getDimSize(3)})) ||
      failed(expectShape(*this, "out", getOut(), {batch, rows, heads, v.getDimSize(3)})) ||
      failed(expectShape(*this, "a log-sum-exp", getLse(), {batch, rows, heads})))
    return failure();
  if (groups == 0 || heads % groups != 0)
    return emitOpError() << "expects heads to be a multiple of kv heads, but got " << heads << " and " << groups;
  if (getCausal() && keys < rows)
    return emitOpError() << "expects at least as many keys as rows, but got " << keys << " and " << rows;
  if (!getBias())
    return success();
  SmallVector<int64_t> full = {batch, heads, rows, keys};
  ArrayRef<int64_t> bias = typeOf(getBias()).getShape();
  if (bias.size() != full.size())
    return emitOpError() << "expects a bias of rank 4, but got " << getBias().getType();
  for (auto [extent, whole] : llvm::zip(bias, full))
    if (extent != 1 && extent != whole)
      return emitOpError() << "expects bias extents of 1 or " << whole << ", but got " << extent;
  return success();
}
