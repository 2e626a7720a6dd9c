// Verifiers and costs of attention, whole and in parts.
#include "dialects/Tile/Tile.h"
#include "dialects/Tile/TileVerify.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tile;

void tile::AttentionOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::PartialAttentionOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::CombineAttentionOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }

/// Two contractions over all keys: an upper bound when a run-time count limits them.
template <typename Op> static int64_t flopsOf(Op op) {
  ArrayRef<int64_t> q = shapeOf(op.getQuery()), v = shapeOf(op.getValue());
  return 2 * q[0] * q[1] * q[2] * v[2] * (q[3] + v[3]);
}

int64_t tile::AttentionOp::getFlops() { return flopsOf(*this); }
int64_t tile::PartialAttentionOp::getFlops() { return flopsOf(*this); }
int64_t tile::CombineAttentionOp::getFlops() { return 2 * shapedOf(getParts()).getNumElements(); }

/// Everything but the destination.
template <typename Op> static LogicalResult verifyInputs(Op op, Value start, Value count) {
  if (failed(verifyDestinationStyle(op)) || failed(expectRank(op, "a query", op.getQuery(), 4)) ||
      failed(expectRank(op, "a key", op.getKey(), 4)) || failed(expectRank(op, "a value", op.getValue(), 4)))
    return failure();
  ArrayRef<int64_t> q = shapeOf(op.getQuery()), k = shapeOf(op.getKey()), v = shapeOf(op.getValue());
  if (k[1] == 0 || q[2] % k[1] != 0)
    return op.emitOpError() << "expects heads to be a multiple of kv heads, but got " << q[2] << " and " << k[1];
  if (static_cast<bool>(start) != static_cast<bool>(count))
    return op.emitOpError() << "expects start and count together, but got one of them";
  for (Value perSequence : {start, count})
    if (perSequence && failed(expectShape(op, "start and count", perSequence, {q[0]})))
      return failure();
  if (failed(expectShape(op, "a key", op.getKey(), {q[0], k[1], k[2], q[3]})) ||
      failed(expectShape(op, "a value", op.getValue(), {q[0], k[1], k[2], v[3]})))
    return failure();
  if (!op.getBias())
    return success();
  if (failed(expectRank(op, "a bias", op.getBias(), 4)))
    return failure();
  const std::array<int64_t, 4> whole = {q[0], q[2], q[1], k[2]};
  for (auto [extent, full] : llvm::zip(shapeOf(op.getBias()), whole))
    if (extent != 1 && extent != full)
      return op.emitOpError() << "expects bias extents of 1 or " << full << ", but got " << extent;
  return success();
}

LogicalResult tile::AttentionOp::verify() {
  if (failed(verifyInputs(*this, getStart(), getCount())))
    return failure();
  ArrayRef<int64_t> q = shapeOf(getQuery());
  return expectShape(*this, "a destination", getOut(), {q[0], q[1], q[2], shapeOf(getValue())[3]});
}

/// Sums of products keep the precision in which they were computed.
static LogicalResult expectWideParts(Operation *op, Value parts, Value like) {
  Type element = shapedOf(like).getElementType(), wide = element;
  if (element.getIntOrFloatBitWidth() < 32)
    wide = Float32Type::get(op->getContext());
  if (shapedOf(parts).getElementType() == wide)
    return success();
  return op->emitOpError() << "expects parts of " << wide << ", but got " << parts.getType();
}

LogicalResult tile::PartialAttentionOp::verify() {
  if (failed(verifyInputs(*this, getStart(), getCount())) || failed(expectWideParts(*this, getOut(), getQuery())))
    return failure();
  ArrayRef<int64_t> q = shapeOf(getQuery());
  return expectShape(*this, "a destination", getOut(), {q[0], q[1], q[2], 1, shapeOf(getValue())[3] + 2});
}

LogicalResult tile::CombineAttentionOp::verify() {
  if (failed(verifyDestinationStyle(*this)) || failed(expectRank(*this, "parts", getParts(), 5)) ||
      failed(expectRank(*this, "a destination", getOut(), 4)) || failed(expectWideParts(*this, getParts(), getOut())))
    return failure();
  ArrayRef<int64_t> out = shapeOf(getOut()), parts = shapeOf(getParts());
  return expectShape(*this, "parts", getParts(), {out[0], out[1], out[2], parts[3], out[3] + 2});
}
