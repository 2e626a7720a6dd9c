#include "dialects/Tile/Tile.h"

#include "dialects/Ingot/PlainNumbers.h"
#include "dialects/Tile/TileVerify.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tile;

#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.cpp.inc"

void tile::ContractOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::MapOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::RowOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::ReduceOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::RopeOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::PositionsOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::GatherOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }
void tile::ScatterOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }

//===----------------------------------------------------------------------===//
// Contract
//===----------------------------------------------------------------------===//

SmallVector<int64_t> tile::ContractOp::getExtents() {
  SmallVector<int64_t> extents(getMap(0).getNumDims(), 0);
  for (unsigned operand = 0; operand < 3; ++operand)
    for (auto [result, extent] : llvm::zip(getMap(operand).getResults(), shapeOf(getOperand(operand))))
      extents[cast<AffineDimExpr>(result).getPosition()] = extent;
  return extents;
}

SmallVector<unsigned> tile::ContractOp::getReductionDims() {
  SmallVector<unsigned> dims;
  for (unsigned dim = 0; dim < getMap(2).getNumDims(); ++dim)
    if (!getMap(2).isFunctionOfDim(dim))
      dims.push_back(dim);
  return dims;
}

int64_t tile::ContractOp::getFlops() { return 2 * llvm::product_of(getExtents()); }

LogicalResult tile::ContractOp::verify() {
  if (failed(verifyDestinationStyle(*this)))
    return failure();
  if (getMaps().size() != 3)
    return emitOpError() << "expects 3 maps, but got " << getMaps().size();
  SmallVector<int64_t> extents(getMap(0).getNumDims(), -1);
  for (unsigned operand = 0; operand < 3; ++operand) {
    AffineMap map = getMap(operand);
    if (map.getNumDims() != extents.size() || !map.isProjectedPermutation())
      return emitOpError() << "expects projected permutations of one iteration space, but got "
                           << AffineMapAttr::get(map);
    if (failed(expectRank(*this, "an operand", getOperand(operand), map.getNumResults())))
      return failure();
    for (auto [i, extent] : llvm::enumerate(shapeOf(getOperand(operand)))) {
      int64_t &known = extents[map.getDimPosition(i)];
      if (known >= 0 && known != extent)
        return emitOpError() << "expects iteration dimension " << map.getDimPosition(i)
                             << " to have one extent, but got " << known << " and " << extent;
      known = extent;
    }
  }
  if (llvm::is_contained(extents, -1))
    return emitOpError() << "expects each iteration dimension to occur in a map, but got " << getMapsAttr();
  return success();
}

//===----------------------------------------------------------------------===//
// Map
//===----------------------------------------------------------------------===//

int64_t tile::MapOp::getFlops() {
  int64_t perElement = 0;
  for (Operation &op : getBody().front().without_terminator())
    perElement += isa<arith::ConstantOp>(op) ? 0 : 1;
  return perElement * shapedOf(getOut()).getNumElements();
}

LogicalResult tile::MapOp::verify() {
  if (failed(verifyDestinationStyle(*this)))
    return failure();
  Block &block = getBody().front();
  if (getMaps().size() != getInputs().size() || block.getNumArguments() != getInputs().size())
    return emitOpError() << "expects one map and one block argument per input, but got " << getMaps().size() << " and "
                         << block.getNumArguments() << " for " << getInputs().size();
  ArrayRef<int64_t> out = shapeOf(getOut());
  for (auto [i, input] : llvm::enumerate(getInputs())) {
    AffineMap map = getMap(i);
    if (map.getNumDims() != out.size() || map.getNumResults() != shapeOf(input).size())
      return emitOpError() << "expects a map from " << out.size() << " to " << shapeOf(input).size()
                           << " dimensions, but got " << AffineMapAttr::get(map);
    for (auto [result, extent] : llvm::zip(map.getResults(), shapeOf(input))) {
      auto dim = dyn_cast<AffineDimExpr>(result);
      auto constant = dyn_cast<AffineConstantExpr>(result);
      if (!(dim && out[dim.getPosition()] == extent) &&
          !(constant && constant.getValue() >= 0 && constant.getValue() < extent))
        return emitOpError() << "expects map results inside an input of type " << input.getType() << ", but got "
                             << AffineMapAttr::get(map);
    }
    if (block.getArgument(i).getType() != shapedOf(input).getElementType())
      return emitOpError() << "expects a block argument of type " << shapedOf(input).getElementType() << ", but got "
                           << block.getArgument(i).getType();
  }
  auto yield = dyn_cast<tile::YieldOp>(block.getTerminator());
  if (!yield || yield.getValue().getType() != shapedOf(getOut()).getElementType())
    return emitOpError() << "expects its body to yield one value of type " << shapedOf(getOut()).getElementType();
  return success();
}

//===----------------------------------------------------------------------===//
// Row, reduce
//===----------------------------------------------------------------------===//

int64_t tile::RowOp::getFlops() { return 5 * shapedOf(getOut()).getNumElements(); }

LogicalResult tile::RowOp::verify() {
  if (failed(verifyDestinationStyle(*this)))
    return failure();
  size_t least = getKind() == tile::RowKind::Softmax ? 1 : 2, most = getKind() == tile::RowKind::LayerNorm ? 3 : least;
  if (getInputs().size() < least || getInputs().size() > most)
    return emitOpError() << "expects " << least << " to " << most << " inputs, but got " << getInputs().size();
  if (shapeOf(getOut()).empty())
    return emitOpError() << "expects rank >= 1, but got " << getOut().getType();
  if (failed(expectShape(*this, "an input", getInputs().front(), shapeOf(getOut()))))
    return failure();
  for (Value weight : getInputs().drop_front())
    if (failed(expectShape(*this, "a weight", weight, shapeOf(getOut()).take_back())))
      return failure();
  return success();
}

int64_t tile::ReduceOp::getFlops() { return shapedOf(getInput()).getNumElements(); }

LogicalResult tile::ReduceOp::verify() {
  if (failed(verifyDestinationStyle(*this)))
    return failure();
  SmallVector<int64_t> shape;
  for (auto [dim, extent] : llvm::enumerate(shapeOf(getInput())))
    if (!llvm::is_contained(getDims(), static_cast<int64_t>(dim)))
      shape.push_back(extent);
  return expectShape(*this, "a destination", getOut(), shape);
}

//===----------------------------------------------------------------------===//
// Rope, positions
//===----------------------------------------------------------------------===//

int64_t tile::RopeOp::getFlops() { return 3 * shapedOf(getOut()).getNumElements(); }

LogicalResult tile::RopeOp::verify() {
  if (failed(verifyDestinationStyle(*this)) || failed(expectRank(*this, "an input", getInput(), 4)) ||
      failed(expectRank(*this, "cos", getCos(), 2)) || failed(expectShape(*this, "sin", getSin(), shapeOf(getCos()))))
    return failure();
  if (2 * shapeOf(getCos())[1] > shapeOf(getInput())[3])
    return emitOpError() << "expects at most " << shapeOf(getInput())[3] / 2 << " angles per position, but got "
                         << shapeOf(getCos())[1];
  if (failed(expectShape(*this, "positions", getPositions(), shapeOf(getInput()).take_front(2))))
    return failure();
  return expectShape(*this, "a destination", getOut(), shapeOf(getInput()));
}

int64_t tile::PositionsOp::getFlops() { return 0; }

LogicalResult tile::PositionsOp::verify() {
  if (failed(verifyDestinationStyle(*this)) || failed(expectRank(*this, "a destination", getOut(), 2)))
    return failure();
  return expectShape(*this, "start", getStart(), shapeOf(getOut()).take_front(1));
}

//===----------------------------------------------------------------------===//
// Gather, scatter
//===----------------------------------------------------------------------===//

int64_t tile::GatherOp::getFlops() { return 0; }

LogicalResult tile::GatherOp::verify() {
  if (failed(verifyDestinationStyle(*this)))
    return failure();
  ArrayRef<int64_t> table = shapeOf(getTable());
  if (table.size() < (getPanels() ? 2u : 1u) || llvm::is_contained(table, 0))
    return emitOpError() << "expects a table with at least one row, but got " << getTable().getType();
  SmallVector<int64_t> shape(shapeOf(getIndices()));
  llvm::append_range(shape, getPanels() ? table.drop_front().drop_back() : table.drop_front());
  return expectShape(*this, "a destination", getOut(), shape);
}

int64_t tile::ScatterOp::getFlops() { return 0; }

LogicalResult tile::ScatterOp::verify() {
  if (failed(verifyDestinationStyle(*this)) || failed(expectRank(*this, "a page", getOut(), 6)))
    return failure();
  ArrayRef<int64_t> page = shapeOf(getOut());
  if (page[0] != 1 || page[1] != static_cast<int64_t>(getSources().size()))
    return emitOpError() << "expects a page of shape [1, " << getSources().size() << ", ...], but got "
                         << getOut().getType();
  for (Value source : getSources()) {
    if (failed(expectRank(*this, "a source", source, 4)))
      return failure();
    if (failed(expectShape(*this, "a source", source, {page[2], shapeOf(source)[1], page[3], page[5]})))
      return failure();
  }
  if (failed(expectShape(*this, "start", getStart(), {page[2]})))
    return failure();
  return expectShape(*this, "count", getCount(), {page[2]});
}
