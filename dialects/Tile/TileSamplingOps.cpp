// Verifiers and costs of the tile ops that lead from logits to tokens.
#include "dialects/Tile/Tile.h"
#include "dialects/Tile/TileVerify.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tile;

void tile::CountTokensOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::SampleWeightsOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::DrawOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }

static LogicalResult expectElements(Operation *op, StringRef what, Value value, Type element) {
  if (shapedOf(value).getElementType() == element)
    return success();
  return op->emitOpError() << "expects " << what << " of " << element << ", but got " << value.getType();
}

int64_t tile::CountTokensOp::getFlops() { return 0; }

LogicalResult tile::CountTokensOp::verify() {
  if (failed(verifyDestinationStyle(*this)) || failed(expectRank(*this, "counts", getOut(), 3)) ||
      failed(expectRank(*this, "tokens", getTokens(), 2)))
    return failure();
  ArrayRef<int64_t> counts = shapeOf(getOut());
  if (counts[1] != 2)
    return emitOpError() << "expects counts of shape [b, 2, vocabulary], but got " << getOut().getType();
  Type i32 = IntegerType::get(getContext(), 32);
  for (Value operand : getOperands())
    if (failed(expectElements(*this, "operands", operand, i32)))
      return failure();
  for (Value perSlot : {getStart(), getCount(), getSampled()})
    if (failed(expectShape(*this, "start, count and sampled", perSlot, {counts[0]})))
      return failure();
  return expectShape(*this, "tokens", getTokens(), {counts[0], shapeOf(getTokens())[1]});
}

// An exponential is a polynomial of about ten products and sums.
int64_t tile::SampleWeightsOp::getFlops() { return 24 * shapedOf(getOut()).getNumElements(); }

LogicalResult tile::SampleWeightsOp::verify() {
  if (failed(verifyDestinationStyle(*this)) || failed(expectRank(*this, "logits", getLogits(), 3)))
    return failure();
  ArrayRef<int64_t> logits = shapeOf(getLogits());
  if (logits[2] == 0 || !isa<FloatType>(shapedOf(getLogits()).getElementType()))
    return emitOpError() << "expects logits of floats that are not empty, but got " << getLogits().getType();
  if (getParameters().size() != 6)
    return emitOpError() << "expects 6 parameters, but got " << getParameters().size();
  Type i32 = IntegerType::get(getContext(), 32), f32 = Float32Type::get(getContext());
  for (auto [number, parameter] : llvm::enumerate(getParameters()))
    if (failed(expectShape(*this, "a parameter", parameter, {logits[0]})) ||
        failed(expectElements(*this, "parameter " + std::to_string(number), parameter, number == 1 ? i32 : f32)))
      return failure();
  if (failed(expectShape(*this, "count", getCount(), {logits[0]})) ||
      failed(expectElements(*this, "count", getCount(), i32)) ||
      failed(expectShape(*this, "counts", getCounts(), {logits[0], 2, logits[2]})) ||
      failed(expectElements(*this, "counts", getCounts(), i32)) ||
      failed(expectElements(*this, "a destination", getOut(), f32)))
    return failure();
  return expectShape(*this, "a destination", getOut(), {logits[0], logits[2]});
}

int64_t tile::DrawOp::getFlops() { return shapedOf(getWeights()).getNumElements(); }

LogicalResult tile::DrawOp::verify() {
  if (failed(verifyDestinationStyle(*this)) || failed(expectRank(*this, "weights", getWeights(), 2)))
    return failure();
  if (shapeOf(getWeights())[1] == 0)
    return emitOpError() << "expects weights that are not empty, but got " << getWeights().getType();
  Type i32 = IntegerType::get(getContext(), 32);
  int64_t slots = shapeOf(getWeights())[0];
  for (Value perSlot : {getStart(), getCount(), getSeed(), getOut()})
    if (failed(expectShape(*this, "start, count, seed and destination", perSlot, {slots})))
      return failure();
  for (Value integer : {getStart(), getCount(), getOut()})
    if (failed(expectElements(*this, "start, count and destination", integer, i32)))
      return failure();
  if (failed(expectElements(*this, "a seed", getSeed(), IntegerType::get(getContext(), 64))))
    return failure();
  return expectElements(*this, "weights", getWeights(), Float32Type::get(getContext()));
}
