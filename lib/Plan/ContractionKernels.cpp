// How contractions, reductions and gathers become kernels.
#include "lib/Plan/KernelBuilder.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;

namespace {

/// Iteration dimensions of a contraction, in the order batch, lhs free, rhs free, contracting.
struct DotDims {
  SmallVector<unsigned> lhs, rhs, out; // iteration dimension of each operand dimension
  unsigned count = 0;

  explicit DotDims(DotOp op) {
    SmallVector<int64_t> lhsFree = op.getLhsFree(), rhsFree = op.getRhsFree();
    lhs.resize(KernelBuilder::typeOf(op.getLhs()).getRank());
    rhs.resize(KernelBuilder::typeOf(op.getRhs()).getRank());
    for (auto [l, r] : llvm::zip(op.getLhsBatch(), op.getRhsBatch()))
      lhs[l] = rhs[r] = out.emplace_back(count++);
    for (int64_t dim : lhsFree)
      lhs[dim] = out.emplace_back(count++);
    for (int64_t dim : rhsFree)
      rhs[dim] = out.emplace_back(count++);
    for (auto [l, r] : llvm::zip(op.getLhsContract(), op.getRhsContract()))
      lhs[l] = rhs[r] = count++;
  }
};

AffineMap mapOf(MLIRContext *context, unsigned count, ArrayRef<unsigned> dims) {
  SmallVector<AffineExpr> results;
  for (unsigned dim : dims)
    results.push_back(getAffineDimExpr(dim, context));
  return AffineMap::get(count, 0, results, context);
}

/// Tile of an operand: dimensions of the result's tile where it has them, everything along contracting dimensions.
Tile operandTile(Value operand, ArrayRef<unsigned> dims, const Tile &tile) {
  Tile result = wholeTile(KernelBuilder::typeOf(operand));
  for (auto [dim, iteration] : llvm::enumerate(dims))
    if (iteration < tile.sizes.size()) {
      result.offsets[dim] = tile.offsets[iteration];
      result.sizes[dim] = tile.sizes[iteration];
    }
  return result;
}

/// Rows of a task: enough of them to be worth the panel that they share, few enough to stay in a cache beside it.
constexpr int64_t kMostRows = 128, kLeastRows = 32;
/// Multiply-adds below which a task costs more to order than to compute.
constexpr int64_t kLeastWork = 256;
/// Columns of a task whose right operand has no panels.
constexpr int64_t kColumns = 64, kLeastColumns = 16;
/// Rows from which it pays to copy a right operand that is not in panels together.
constexpr int64_t kRowsToPack = 32;

/// Step along a dimension of rows: the whole of it when it is short or has no good divisor.
int64_t rowStep(int64_t extent) {
  int64_t step = largestDivisor(extent, kMostRows);
  return step >= kLeastRows ? step : extent;
}

int64_t rowSteps(int64_t extent) { return extent / rowStep(extent); }

/// Step along columns that are not in panels.
int64_t columnStep(int64_t extent) {
  int64_t step = largestDivisor(extent, kColumns);
  return step >= kLeastColumns ? step : extent;
}

struct DotKernel : KernelOpInterface::ExternalModel<DotKernel, DotOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Anchor; }

  int64_t getLastDimUnit(Operation *op, const KernelBuilder &builder) const {
    auto dot = cast<DotOp>(op);
    if (PanelsAttr panels = builder.panelsOf(dot.getRhs()))
      return panels.getWidth();
    return dot.getRhsFree().empty() ? 1 : columnStep(KernelBuilder::typeOf(dot.getResult()).getShape().back());
  }

  /// The left operand is read for each step of columns, the right one for each step of rows.
  int64_t getNumReaders(Operation *op, OpOperand &operand) const {
    auto dot = cast<DotOp>(op);
    ArrayRef<int64_t> shape = KernelBuilder::typeOf(dot.getResult()).getShape();
    size_t batch = dot.getLhsBatch().size(), rows = dot.getLhsFree().size();
    if (operand.getOperandNumber() == 1)
      return rows == 0 ? 1 : rowSteps(*llvm::max_element(shape.slice(batch, rows)));
    if (dot.getRhsFree().empty())
      return 1;
    if (auto panels = dyn_cast_or_null<PanelsAttr>(KernelBuilder::typeOf(dot.getRhs()).getEncoding()))
      return shape.back() / panels.getWidth();
    return shape.back() / columnStep(shape.back());
  }

  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    auto dot = cast<DotOp>(op);
    RankedTensorType type = KernelBuilder::typeOf(dot.getResult());
    if (type.getRank() == 0)
      return wholeTiling(dot.getResult());
    return contractionTiling(builder, type, type.getRank() - 1, builder.lastDimUnit(dot.getResult()),
                             builder.contractionDepth(dot.getResult()), dot.getLhsBatch().size());
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto dot = cast<DotOp>(op);
    DotDims dims(dot);
    Value lhs = builder.get(dot.getLhs(), operandTile(dot.getLhs(), dims.lhs, tile));
    if (PanelsAttr panels = builder.panelsOf(dot.getRhs()))
      return emitPanels(dot, panels, dims, lhs, builder, tile, destination);
    Value rhs = builder.get(dot.getRhs(), operandTile(dot.getRhs(), dims.rhs, tile));
    rhs = packColumns(dot, builder, dims, tile, rhs);
    Value out = builder.temporary(tile.sizes, KernelBuilder::typeOf(dot.getResult()).getElementType(), destination);
    return contract(builder, dims, lhs, rhs, out);
  }

private:
  /// Copies the columns of this task's right operand together, innermost, when many rows use them.
  static Value packColumns(DotOp dot, KernelBuilder &builder, DotDims &dims, const Tile &tile, Value rhs) {
    size_t batch = dot.getLhsBatch().size(), lhsFree = dot.getLhsFree().size();
    auto rows = llvm::product_of(ArrayRef(tile.sizes).slice(batch, lhsFree));
    if (rows < kRowsToPack || dot.getRhsFree().size() != 1)
      return rhs;
    unsigned columns = batch + lhsFree;
    if (dims.rhs.back() == columns && tile.sizes.back() == KernelBuilder::typeOf(dot.getRhs()).getShape().back())
      return rhs; // lie together already
    // Order of the copy: the iteration's, with contracting dimensions before the columns.
    auto rank = [&](unsigned iteration) { return iteration == columns ? dims.count : iteration; };
    SmallVector<unsigned> order = llvm::to_vector(llvm::seq<unsigned>(0, dims.rhs.size()));
    llvm::sort(order, [&](unsigned a, unsigned b) { return rank(dims.rhs[a]) < rank(dims.rhs[b]); });
    SmallVector<int64_t> shape;
    SmallVector<unsigned> packed, positions(order.size());
    for (auto [position, dim] : llvm::enumerate(order)) {
      shape.push_back(KernelBuilder::typeOf(rhs).getDimSize(dim));
      packed.push_back(dims.rhs[dim]);
      positions[dim] = position;
    }
    dims.rhs = packed;
    return builder.copy(rhs, mapOf(builder.getBuilder().getContext(), order.size(), positions),
                        builder.temporary(shape, KernelBuilder::typeOf(rhs).getElementType()));
  }

  static Value contract(KernelBuilder &builder, const DotDims &dims, Value lhs, Value rhs, Value out) {
    OpBuilder &b = builder.getBuilder();
    MLIRContext *context = b.getContext();
    auto maps = b.getAffineMapArrayAttr({mapOf(context, dims.count, dims.lhs), mapOf(context, dims.count, dims.rhs),
                                         mapOf(context, dims.count, dims.out)});
    return tile::ContractOp::create(b, builder.getLoc(), TypeRange(out.getType()), maps, lhs, rhs, out)->getResult(0);
  }

  /// The right operand is stored in panels along its only free dimension, which is the result's last.
  static Value emitPanels(DotOp dot, PanelsAttr panels, DotDims dims, Value lhs, KernelBuilder &builder,
                          const Tile &tile, Value destination) {
    int64_t width = panels.getWidth(), count = tile.sizes.back() / width;
    assert(tile.sizes.back() % width == 0 && "a tile is cut along panels");
    Value memory = builder.memoryOf(dot.getRhs());
    Tile stored = wholeTile(KernelBuilder::typeOf(memory));
    stored.offsets.front() = tile.offsets.back().floorDiv(width);
    stored.sizes.front() = count;
    // Stored order: panel number, the other dimensions, position in the panel.
    unsigned free = dims.rhs[panels.getAxis()];
    SmallVector<unsigned> rhs;
    for (auto [dim, iteration] : llvm::enumerate(dims.rhs))
      if (static_cast<int64_t>(dim) != panels.getAxis())
        rhs.push_back(iteration);
    rhs.push_back(free);
    Type elementType = KernelBuilder::typeOf(dot.getResult()).getElementType();
    if (count == 1) {
      dims.rhs = rhs;
      Value out = builder.temporary(tile.sizes, elementType, destination);
      return contract(builder, dims, lhs, builder.slice(memory, stored, {0}), out);
    }
    // Several panels: their number is one more iteration dimension, split off the result's last.
    unsigned number = dims.count++;
    rhs.insert(rhs.begin(), number);
    dims.rhs = rhs;
    dims.out.insert(dims.out.end() - 1, number);
    SmallVector<int64_t> shape(tile.sizes);
    shape.back() = count;
    shape.push_back(width);
    Value split = contract(builder, dims, lhs, builder.slice(memory, stored), builder.temporary(shape, elementType));
    SmallVector<ReassociationIndices> groups;
    for (int64_t dim = 0; dim < static_cast<int64_t>(tile.sizes.size()); ++dim)
      groups.push_back({dim});
    groups.back().push_back(tile.sizes.size());
    return tensor::CollapseShapeOp::create(builder.getBuilder(), builder.getLoc(), split, groups);
  }
};

struct ReduceKernel : KernelOpInterface::ExternalModel<ReduceKernel, ReduceOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }
  Tiling getTiling(Operation *op, KernelBuilder &) const { return splitLeading(op->getResult(0), 0, 64); }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto reduce = cast<ReduceOp>(op);
    Tile source = wholeTile(KernelBuilder::typeOf(reduce.getInput()));
    for (unsigned dim = 0, kept = 0; dim < source.sizes.size(); ++dim)
      if (!llvm::is_contained(reduce.getDims(), static_cast<int64_t>(dim))) {
        source.offsets[dim] = tile.offsets[kept];
        source.sizes[dim] = tile.sizes[kept++];
      }
    Value input = builder.get(reduce.getInput(), source);
    Value out = builder.temporary(tile.sizes, KernelBuilder::typeOf(reduce.getResult()).getElementType(), destination);
    return tile::ReduceOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()),
                                  reduce.getKindAttr(), reduce.getDimsAttr(), input, out)
        ->getResult(0);
  }
};

struct GatherKernel : KernelOpInterface::ExternalModel<GatherKernel, GatherOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }

  Tiling getTiling(Operation *op, KernelBuilder &) const {
    auto gather = cast<GatherOp>(op);
    return splitLeading(gather.getResult(), KernelBuilder::typeOf(gather.getTable()).getRank() - 1);
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto gather = cast<GatherOp>(op);
    size_t rank = KernelBuilder::typeOf(gather.getIndices()).getRank();
    Tile which = {SmallVector<AffineExpr>(ArrayRef(tile.offsets).take_front(rank)),
                  SmallVector<int64_t>(ArrayRef(tile.sizes).take_front(rank))};
    Value indices = builder.get(gather.getIndices(), which);
    bool panels = static_cast<bool>(builder.panelsOf(gather.getTable()));
    Value table = panels ? builder.memoryOf(gather.getTable()) : builder.getWhole(gather.getTable());
    Value out = builder.temporary(tile.sizes, KernelBuilder::typeOf(gather.getResult()).getElementType(), destination);
    OpBuilder &b = builder.getBuilder();
    return tile::GatherOp::create(b, builder.getLoc(), TypeRange(out.getType()), panels ? b.getUnitAttr() : UnitAttr(),
                                  table, indices, out)
        ->getResult(0);
  }
};

} // namespace

Tiling ingot::contractionTiling(KernelBuilder &builder, RankedTensorType type, int64_t dim, int64_t unit, int64_t depth,
                                int64_t batch) {
  Tiling tiling = {{}, wholeTile(type)};
  auto cut = [&](int64_t which, int64_t step) {
    if (step == type.getDimSize(which))
      return;
    tiling.tile.offsets[which] = builder.gridIndex(tiling.grid.size()) * step;
    tiling.tile.sizes[which] = step;
    tiling.grid.push_back(type.getDimSize(which) / step);
  };
  for (int64_t which = 0; which < std::min<int64_t>(batch, 2); ++which)
    cut(which, 1);
  int64_t rows = dim > batch ? batch : -1;
  for (int64_t which = batch; which < dim; ++which)
    if (type.getDimSize(which) > type.getDimSize(rows))
      rows = which;
  if (rows >= 0 && tiling.grid.size() < 2)
    cut(rows, rowStep(type.getDimSize(rows)));
  // As few panels as are worth a task, as many as there are if none are.
  int64_t panels = type.getDimSize(dim) / unit, count = 1;
  int64_t work = llvm::product_of(tiling.tile.sizes) / panels * std::max<int64_t>(1, depth);
  while (count < panels && (panels % count != 0 || count * work < kLeastWork))
    ++count;
  cut(dim, count * unit);
  if (tiling.grid.empty())
    tiling.grid.push_back(1);
  return tiling;
}

void ingot::registerContractionKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    DotOp::attachInterface<DotKernel>(*context);
    ReduceOp::attachInterface<ReduceKernel>(*context);
    GatherOp::attachInterface<GatherKernel>(*context);
  });
}
