// Verifiers and costs of the tile ops that only training needs.
#include "dialects/Tile/Train.h"

#include "dialects/Tile/TileVerify.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::tile;

#define GET_OP_CLASSES
#include "dialects/Tile/TileTrainOps.cpp.inc"

void tile::ScatterAddOp::getEffects(TileEffects &effects) { tileEffects(*this, effects); }

int64_t tile::ScatterAddOp::getFlops() { return shapedOf(getUpdates()).getNumElements(); }

LogicalResult tile::ScatterAddOp::verify() {
  if (failed(verifyDestinationStyle(*this)))
    return failure();
  ArrayRef<int64_t> table = shapeOf(getOut());
  if (table.empty() || table.front() == 0)
    return emitOpError() << "expects a table with at least one row, but got " << getOut().getType();
  if (shapedOf(getUpdates()).getElementType() != shapedOf(getOut()).getElementType())
    return emitOpError() << "expects updates of " << shapedOf(getOut()).getElementType() << ", but got "
                         << getUpdates().getType();
  SmallVector<int64_t> shape(shapeOf(getIndices()));
  llvm::append_range(shape, table.drop_front());
  return expectShape(*this, "updates", getUpdates(), shape);
}
