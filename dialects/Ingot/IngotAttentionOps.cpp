// Verifiers of attention, rotary embedding and the KV cache.
#include "dialects/Ingot/Ingot.h"

using namespace mlir;
using namespace ingot;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static LogicalResult expectShape(Operation *op, StringRef what, Value value, ArrayRef<int64_t> shape) {
  if (typeOf(value).getShape() == shape)
    return success();
  auto diag = op->emitOpError() << "expects " << what << " of shape [";
  llvm::interleaveComma(shape, diag);
  return diag << "], but got " << value.getType();
}

static LogicalResult expectRank(Operation *op, StringRef what, Value value, int64_t rank) {
  if (typeOf(value).getRank() == rank)
    return success();
  return op->emitOpError() << "expects " << what << " of rank " << rank << ", but got " << value.getType();
}

LogicalResult PositionsOp::verify() {
  if (failed(expectRank(*this, "start", getStart(), 1)) || failed(expectRank(*this, "a result", getResult(), 2)))
    return failure();
  if (typeOf(getStart()).getDimSize(0) != typeOf(getResult()).getDimSize(0))
    return emitOpError() << "expects one start per sequence, but got " << getStart().getType() << " for " << getType();
  return success();
}

LogicalResult LastRowOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                          SmallVectorImpl<Type> &types) {
  RankedTensorType input = typeOf(op.getInput());
  if (input.getRank() < 2 || input.getDimSize(1) < 1)
    return emitOptionalError(loc, "expects an input of shape [batch, rows, ...], but got ", Type(input));
  SmallVector<int64_t> shape(input.getShape());
  shape[1] = 1;
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult LastRowOp::verify() {
  RankedTensorType input = typeOf(getInput()), count = typeOf(getCount());
  if (count.getRank() != 1 || count.getDimSize(0) != input.getDimSize(0))
    return emitOpError() << "expects one count per sequence, but got " << count << " for " << input;
  return success();
}

OpFoldResult LastRowOp::fold(FoldAdaptor) { return getInput().getType() == getType() ? getInput() : Value(); }

LogicalResult RopeOp::verify() {
  if (failed(expectRank(*this, "an input", getInput(), 4)) || failed(expectRank(*this, "cos", getCos(), 2)))
    return failure();
  auto input = typeOf(getInput()), cos = typeOf(getCos());
  if (2 * cos.getDimSize(1) > input.getDimSize(3))
    return emitOpError() << "expects at most " << input.getDimSize(3) / 2 << " angles per position, but got "
                         << cos.getDimSize(1);
  if (failed(expectShape(*this, "sin", getSin(), cos.getShape())))
    return failure();
  return expectShape(*this, "positions", getPositions(), {input.getDimSize(0), input.getDimSize(1)});
}

/// Query, key, value and result shapes.
static LogicalResult verifyHeads(AttentionOp op) {
  if (failed(expectRank(op, "a query", op.getQuery(), 4)) || failed(expectRank(op, "a key", op.getKey(), 4)) ||
      failed(expectRank(op, "a value", op.getValue(), 4)))
    return failure();
  auto q = typeOf(op.getQuery()), k = typeOf(op.getKey()), v = typeOf(op.getValue());
  if (failed(expectShape(op, "a key", op.getKey(),
                         {q.getDimSize(0), k.getDimSize(1), k.getDimSize(2), q.getDimSize(3)})) ||
      failed(expectShape(op, "a value", op.getValue(),
                         {q.getDimSize(0), k.getDimSize(1), k.getDimSize(2), v.getDimSize(3)})) ||
      failed(expectShape(op, "a result", op.getOut(),
                         {q.getDimSize(0), q.getDimSize(1), q.getDimSize(2), v.getDimSize(3)})))
    return failure();
  if (k.getDimSize(1) == 0 || q.getDimSize(2) % k.getDimSize(1) != 0)
    return op.emitOpError() << "expects heads to be a multiple of kv heads, but got " << q.getDimSize(2) << " and "
                            << k.getDimSize(1);
  return success();
}

LogicalResult AttentionOp::verify() {
  if (failed(verifyHeads(*this)))
    return failure();
  auto q = typeOf(getQuery());
  int64_t batch = q.getDimSize(0), rows = q.getDimSize(1), heads = q.getDimSize(2),
          keys = typeOf(getKey()).getDimSize(2);
  if (static_cast<bool>(getStart()) != static_cast<bool>(getCount()))
    return emitOpError() << "expects start and count together, but got one of them";
  if (getStart() && (failed(expectShape(*this, "start", getStart(), {batch})) ||
                     failed(expectShape(*this, "count", getCount(), {batch}))))
    return failure();
  if (!getStart() && getCausal() && keys < rows)
    return emitOpError() << "expects at least as many keys as rows, but got " << keys << " and " << rows;
  if (getBias()) {
    if (failed(expectRank(*this, "a bias", getBias(), 4)))
      return failure();
    SmallVector<int64_t> fullShape = {batch, heads, rows, keys};
    for (auto [extent, full] : llvm::zip(typeOf(getBias()).getShape(), fullShape))
      if (extent != 1 && extent != full)
        return emitOpError() << "expects bias extents of 1 or " << full << ", but got " << extent;
  }
  return getLse() ? expectShape(*this, "a log-sum-exp", getLse(), {batch, rows, heads}) : success();
}

LogicalResult KvAppendOp::verify() {
  if (failed(expectRank(*this, "a cache", getCache(), 6)) || failed(expectRank(*this, "a key", getKey(), 4)))
    return failure();
  auto cache = typeOf(getCache());
  ArrayRef<int64_t> c = cache.getShape();
  if (c[1] != 2)
    return emitOpError() << "expects a cache of shape [layer, 2, slot, kv_head, max_seq, d], but got " << cache;
  int64_t layer = getLayer();
  if (layer < 0 || layer >= c[0])
    return emitOpError() << "expects a layer in [0, " << c[0] << "), but got " << layer;
  SmallVector<int64_t> rows = {c[2], typeOf(getKey()).getDimSize(1), c[3], c[5]};
  if (failed(expectShape(*this, "a key", getKey(), rows)) || failed(expectShape(*this, "a value", getValue(), rows)) ||
      failed(expectShape(*this, "start", getStart(), {c[2]})))
    return failure();
  return expectShape(*this, "count", getCount(), {c[2]});
}
