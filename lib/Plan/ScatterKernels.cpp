// How sums into rows of a table become kernels: a task owns some columns of the whole table and walks all updates in
// order, so each element is one chain of additions whatever the indices are.
#include "dialects/Ingot/Train.h"
#include "dialects/Tile/Train.h"
#include "lib/Plan/TileBuilder.h"

using namespace mlir;
using namespace ingot;

namespace {

/// Columns of a task.
constexpr int64_t kColumns = 32, kLeastColumns = 8;

struct ScatterAddKernel : KernelOpInterface::ExternalModel<ScatterAddKernel, ScatterAddOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }

  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    Tiling tiling = wholeTiling(op->getResult(0));
    RankedTensorType type = KernelBuilder::typeOf(op->getResult(0));
    if (type.getRank() < 2)
      return tiling;
    int64_t columns = type.getShape().back(), step = largestDivisor(columns, kColumns);
    if (step < kLeastColumns)
      return tiling;
    tiling.grid = {columns / step};
    tiling.tile.offsets.back() = builder.gridIndex(0) * step;
    tiling.tile.sizes.back() = step;
    return tiling;
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto scatter = cast<ScatterAddOp>(op);
    TileBuilder t(builder);
    RankedTensorType type = KernelBuilder::typeOf(scatter.getResult());
    Type element = type.getElementType();
    Tile columns = wholeTile(KernelBuilder::typeOf(scatter.getUpdates()));
    if (type.getRank() > 1) {
      columns.offsets.back() = tile.offsets.back();
      columns.sizes.back() = tile.sizes.back();
    }
    Value updates = builder.get(scatter.getUpdates(), columns), indices = builder.getWhole(scatter.getIndices());
    bool narrow = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
    if (!narrow)
      return add(builder, updates, indices, builder.emitPointwise(scatter.getInto(), tile, destination));
    // Sums are float32 and round once.
    Value sums = add(builder, t.widened(updates), indices, t.widened(builder.get(scatter.getInto(), tile)));
    auto dims = llvm::to_vector(llvm::seq<unsigned>(0, type.getRank()));
    Value out = builder.temporary(tile.sizes, element, destination);
    return t.map(
        tile.sizes, element, {{sums, dims}},
        [&](OpBuilder &b, ValueRange x) {
          return ScalarMath{b, builder.getLoc(), x[0].getType()}.narrow(x[0], element);
        },
        out);
  }

private:
  static Value add(KernelBuilder &builder, Value updates, Value indices, Value into) {
    return tile::ScatterAddOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(into.getType()), updates,
                                      indices, into)
        ->getResult(0);
  }
};

} // namespace

void ingot::registerScatterKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, IngotDialect *) { ScatterAddOp::attachInterface<ScatterAddKernel>(*context); });
}
