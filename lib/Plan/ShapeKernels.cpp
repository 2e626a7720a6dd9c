// How reshapes, slices, transposes, broadcasts and concatenations become part of kernels: a tile of the result is a
// tile of the operand under another name.
#include "lib/Plan/KernelBuilder.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;

namespace {

/// Tile of the collapsed dimension that the box `offsets`, `sizes` of its parts is, if it is contiguous: parts of
/// extent one, then one part in part, then whole parts.
std::optional<std::pair<AffineExpr, int64_t>> mergeDims(ArrayRef<AffineExpr> offsets, ArrayRef<int64_t> sizes,
                                                        ArrayRef<int64_t> extents) {
  bool whole = true;
  AffineExpr offset = getAffineConstantExpr(0, offsets.front().getContext());
  int64_t size = 1, stride = 1;
  for (int64_t part = offsets.size() - 1; part >= 0; --part) {
    if (!whole && sizes[part] != 1)
      return std::nullopt;
    offset = offset + offsets[part] * stride;
    size *= sizes[part];
    stride *= extents[part];
    whole &= sizes[part] == extents[part];
  }
  return std::pair(offset, size);
}

/// The inverse: box of the parts that tile `offset`, `size` of the collapsed dimension is, if there is one.
bool splitDim(AffineExpr offset, int64_t size, ArrayRef<int64_t> extents, Tile &tile) {
  SmallVector<int64_t> sizes(extents.size(), 1);
  int64_t inner = 1; // elements covered by the parts seen so far
  for (int64_t part = extents.size() - 1; part >= 0 && inner < size; --part) {
    if (size % (inner * extents[part]) == 0)
      sizes[part] = extents[part];
    else if (size % inner == 0 && extents[part] % (size / inner) == 0)
      sizes[part] = size / inner;
    else
      return false;
    inner *= sizes[part];
  }
  if (inner != size || !offset.isMultipleOf(size))
    return false;
  // The other parts have one index each: the digits of the offset. The outermost digit needs no remainder.
  SmallVector<AffineExpr> offsets(extents.size(), getAffineConstantExpr(0, offset.getContext()));
  int64_t stride = 1;
  for (int64_t part = extents.size() - 1; part >= 0; --part) {
    if (sizes[part] != extents[part])
      offsets[part] = part == 0 ? offset.floorDiv(stride) : offset.floorDiv(stride) % extents[part];
    stride *= extents[part];
  }
  llvm::append_range(tile.offsets, offsets);
  llvm::append_range(tile.sizes, sizes);
  return true;
}

/// Computes the whole operand when a tile of the result is no tile of it, then slices.
Value wholeThenSlice(KernelBuilder &builder, Value whole, const Tile &tile) { return builder.slice(whole, tile); }

struct ExpandKernel : KernelOpInterface::ExternalModel<ExpandKernel, tensor::ExpandShapeOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::View; }

  int64_t getLastDimUnit(Operation *op, const KernelBuilder &builder) const {
    auto expand = cast<tensor::ExpandShapeOp>(op);
    if (expand.getReassociationIndices().empty()) // of rank 0
      return 1;
    if (expand.getReassociationIndices().back().size() == 1)
      return builder.lastDimUnit(expand.getSrc());
    return KernelBuilder::typeOf(expand.getResult()).getShape().back();
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value) const {
    auto expand = cast<tensor::ExpandShapeOp>(op);
    auto groups = expand.getReassociationIndices();
    ArrayRef<int64_t> extents = KernelBuilder::typeOf(expand.getResult()).getShape();
    Tile source;
    for (const ReassociationIndices &group : groups) {
      size_t first = group.front(), count = group.size();
      auto merged = mergeDims(ArrayRef(tile.offsets).slice(first, count), ArrayRef(tile.sizes).slice(first, count),
                              extents.slice(first, count));
      // What is cut along the last dimension into larger units than heads is computed as a whole.
      bool last = source.sizes.size() + 1 == groups.size();
      if (!merged || (last && merged->second % builder.lastDimUnit(expand.getSrc()) != 0)) {
        Value whole = reshape(builder, expand, builder.getWhole(expand.getSrc()), extents);
        return wholeThenSlice(builder, whole, tile);
      }
      source.offsets.push_back(merged->first);
      source.sizes.push_back(merged->second);
    }
    return reshape(builder, expand, builder.get(expand.getSrc(), source), tile.sizes);
  }

private:
  static Value reshape(KernelBuilder &builder, tensor::ExpandShapeOp op, Value source, ArrayRef<int64_t> shape) {
    auto type = RankedTensorType::get(shape, KernelBuilder::typeOf(source).getElementType());
    return tensor::ExpandShapeOp::create(builder.getBuilder(), builder.getLoc(), type, source,
                                         op.getReassociationIndices());
  }
};

struct CollapseKernel : KernelOpInterface::ExternalModel<CollapseKernel, tensor::CollapseShapeOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::View; }

  int64_t getLastDimUnit(Operation *op, const KernelBuilder &builder) const {
    auto collapse = cast<tensor::CollapseShapeOp>(op);
    auto groups = collapse.getReassociationIndices();
    if (groups.empty())
      return 1;
    const ReassociationIndices &group = groups.back();
    if (group.size() == 1)
      return builder.lastDimUnit(collapse.getSrc());
    int64_t inner = 1;
    for (int64_t dim : ArrayRef(group).drop_front())
      inner *= KernelBuilder::typeOf(collapse.getSrc()).getDimSize(dim);
    return inner;
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value) const {
    auto collapse = cast<tensor::CollapseShapeOp>(op);
    ArrayRef<int64_t> extents = KernelBuilder::typeOf(collapse.getSrc()).getShape();
    auto groups = collapse.getReassociationIndices();
    Tile source;
    bool tiles = true;
    for (auto [dim, group] : llvm::enumerate(groups))
      tiles = tiles && splitDim(tile.offsets[dim], tile.sizes[dim], extents.slice(group.front(), group.size()), source);
    if (groups.empty()) // to rank 0
      source = wholeTile(KernelBuilder::typeOf(collapse.getSrc()));
    Value operand = tiles ? builder.get(collapse.getSrc(), source) : builder.getWhole(collapse.getSrc());
    Value result = tensor::CollapseShapeOp::create(builder.getBuilder(), builder.getLoc(), operand, groups);
    return tiles ? result : wholeThenSlice(builder, result, tile);
  }
};

struct SliceKernel : KernelOpInterface::ExternalModel<SliceKernel, tensor::ExtractSliceOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::View; }

  /// The box of the source that covers the tile; where a step is not 1, the tile is then every step-th element of it.
  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value) const {
    auto extract = cast<tensor::ExtractSliceOp>(op);
    llvm::SmallBitVector dropped = extract.getDroppedDims();
    Tile source;
    SmallVector<int64_t> droppedDims;
    for (unsigned dim = 0, kept = 0; dim < dropped.size(); ++dim) {
      AffineExpr offset = builder.constant(extract.getStaticOffset(dim));
      int64_t step = extract.getStaticStride(dim);
      if (dropped.test(dim)) {
        droppedDims.push_back(dim);
        source.offsets.push_back(offset);
        source.sizes.push_back(1);
        continue;
      }
      source.offsets.push_back(offset + tile.offsets[kept] * step);
      source.sizes.push_back((tile.sizes[kept++] - 1) * step + 1);
    }
    if (extract.hasUnitStride())
      return builder.getReduced(extract.getSource(), source, droppedDims);
    return everyStep(builder, extract, builder.get(extract.getSource(), source), tile.sizes);
  }

private:
  static Value everyStep(KernelBuilder &builder, tensor::ExtractSliceOp op, Value box, ArrayRef<int64_t> shape) {
    OpBuilder &b = builder.getBuilder();
    RankedTensorType type = KernelBuilder::typeOf(box);
    llvm::SmallBitVector dropped = op.getDroppedDims();
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)), sizes, strides = op.getMixedStrides();
    for (unsigned dim = 0, kept = 0; dim < dropped.size(); ++dim)
      sizes.push_back(b.getIndexAttr(dropped.test(dim) ? 1 : shape[kept++]));
    auto result = RankedTensorType::get(shape, type.getElementType());
    return tensor::ExtractSliceOp::create(b, builder.getLoc(), result, box, offsets, sizes, strides);
  }
};

template <typename Model, typename Op> struct RenamingKernel : KernelOpInterface::ExternalModel<Model, Op> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::View; }
  Tiling getTiling(Operation *op, KernelBuilder &) const { return splitLeading(op->getResult(0), 0); }
  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    return builder.emitPointwise(op->getResult(0), tile, destination);
  }
};

struct TransposeKernel : RenamingKernel<TransposeKernel, TransposeOp> {};

struct BroadcastKernel : RenamingKernel<BroadcastKernel, BroadcastOp> {
  int64_t getLastDimUnit(Operation *op, const KernelBuilder &builder) const {
    auto broadcast = cast<BroadcastOp>(op);
    int64_t last = KernelBuilder::typeOf(broadcast.getResult()).getRank() - 1;
    bool keepsLast = !broadcast.getDims().empty() && broadcast.getDims().back() == last &&
                     KernelBuilder::typeOf(broadcast.getInput()).getShape().back() != 1;
    return keepsLast ? builder.lastDimUnit(broadcast.getInput()) : 1;
  }
};

struct ConcatKernel : KernelOpInterface::ExternalModel<ConcatKernel, tensor::ConcatOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }

  /// The parts go into the destination one after another, in one task.
  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &, Value destination) const {
    auto concat = cast<tensor::ConcatOp>(op);
    OpBuilder &b = builder.getBuilder();
    RankedTensorType type = KernelBuilder::typeOf(concat.getResult());
    Value out = builder.temporary(type.getShape(), type.getElementType(), destination);
    int64_t offset = 0;
    for (Value part : concat.getInputs()) {
      RankedTensorType partType = KernelBuilder::typeOf(part);
      Tile where = wholeTile(partType);
      where.offsets[concat.getDim()] = builder.constant(offset);
      offset += partType.getDimSize(concat.getDim());
      Value slot = builder.slice(out, where);
      Value copied = copyInto(builder, builder.getWhole(part), slot);
      SmallVector<OpFoldResult> offsets, sizes, strides(type.getRank(), b.getIndexAttr(1));
      for (auto [dim, size] : llvm::enumerate(where.sizes)) {
        offsets.push_back(b.getIndexAttr(cast<AffineConstantExpr>(where.offsets[dim]).getValue()));
        sizes.push_back(b.getIndexAttr(size));
      }
      out = tensor::InsertSliceOp::create(b, builder.getLoc(), copied, out, offsets, sizes, strides);
    }
    return out;
  }

private:
  static Value copyInto(KernelBuilder &builder, Value source, Value destination) {
    OpBuilder &b = builder.getBuilder();
    auto maps = b.getAffineMapArrayAttr(b.getMultiDimIdentityMap(KernelBuilder::typeOf(source).getRank()));
    auto map = tile::MapOp::create(b, builder.getLoc(), TypeRange(destination.getType()), maps, ValueRange(source),
                                   destination);
    OpBuilder::InsertionGuard guard(b);
    Block *block = b.createBlock(&map.getBody(), {}, KernelBuilder::typeOf(source).getElementType(), builder.getLoc());
    tile::YieldOp::create(b, builder.getLoc(), block->getArgument(0));
    return map->getResult(0);
  }
};

} // namespace

void ingot::registerShapeKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::ExpandShapeOp::attachInterface<ExpandKernel>(*context);
    tensor::CollapseShapeOp::attachInterface<CollapseKernel>(*context);
    tensor::ExtractSliceOp::attachInterface<SliceKernel>(*context);
    tensor::ConcatOp::attachInterface<ConcatKernel>(*context);
  });
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    TransposeOp::attachInterface<TransposeKernel>(*context);
    BroadcastOp::attachInterface<BroadcastKernel>(*context);
  });
}
