// How attention, rotary embedding and cache updates become kernels.
#include "lib/Plan/KernelBuilder.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;

namespace {

Type elementTypeOf(Value value) { return KernelBuilder::typeOf(value).getElementType(); }

/// [b, ...] offsets and sizes of `tile`'s first `count` dimensions.
Tile leading(const Tile &tile, size_t count) {
  return {SmallVector<AffineExpr>(ArrayRef(tile.offsets).take_front(count)),
          SmallVector<int64_t>(ArrayRef(tile.sizes).take_front(count))};
}

struct PositionsKernel : KernelOpInterface::ExternalModel<PositionsKernel, PositionsOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Pointwise; }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto positions = cast<PositionsOp>(op);
    // Rows count from 0 in the tile op, so the tile must begin at row 0: compute all rows, then slice.
    Tile rows = wholeTile(KernelBuilder::typeOf(positions.getResult()));
    rows.offsets[0] = tile.offsets[0];
    rows.sizes[0] = tile.sizes[0];
    bool whole = rows == tile;
    Value start = builder.get(positions.getStart(), leading(tile, 1));
    Value out = builder.temporary(rows.sizes, elementTypeOf(positions.getResult()), whole ? destination : Value());
    Value result =
        tile::PositionsOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()), start, out)
            ->getResult(0);
    Tile local = tile;
    local.offsets[0] = builder.constant(0);
    return builder.slice(result, local);
  }
};

struct RopeKernel : KernelOpInterface::ExternalModel<RopeKernel, RopeOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Pointwise; }

  /// One head per task.
  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    RankedTensorType type = KernelBuilder::typeOf(op->getResult(0));
    Tiling tiling = {{type.getDimSize(2)}, wholeTile(type)};
    tiling.tile.offsets[2] = builder.gridIndex(0);
    tiling.tile.sizes[2] = 1;
    return tiling;
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto rope = cast<RopeOp>(op);
    Tile heads = tile; // whole heads
    heads.offsets[3] = builder.constant(0);
    heads.sizes[3] = KernelBuilder::typeOf(rope.getInput()).getDimSize(3);
    bool whole = heads == tile;
    Value input = builder.get(rope.getInput(), heads);
    Value cos = builder.getWhole(rope.getCos()), sin = builder.getWhole(rope.getSin());
    Value positions = builder.get(rope.getPositions(), leading(tile, 2));
    Value out = builder.temporary(heads.sizes, elementTypeOf(rope.getResult()), whole ? destination : Value());
    Value result = tile::RopeOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()),
                                        rope.getInterleavedAttr(), input, cos, sin, positions, out)
                       ->getResult(0);
    Tile local = wholeTile(KernelBuilder::typeOf(result));
    local.offsets[3] = tile.offsets[3];
    local.sizes[3] = tile.sizes[3];
    return builder.slice(result, local);
  }
};

struct AttentionKernel : KernelOpInterface::ExternalModel<AttentionKernel, AttentionOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }

  /// One kv head of one sequence per task, with the query heads that share it.
  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    auto attention = cast<AttentionOp>(op);
    RankedTensorType type = KernelBuilder::typeOf(attention.getOut());
    int64_t kvHeads = KernelBuilder::typeOf(attention.getKey()).getDimSize(1), group = type.getDimSize(2) / kvHeads;
    Tiling tiling = {{type.getDimSize(0), kvHeads}, wholeTile(type)};
    tiling.tile.offsets[0] = builder.gridIndex(0);
    tiling.tile.sizes[0] = 1;
    tiling.tile.offsets[2] = builder.gridIndex(1) * group;
    tiling.tile.sizes[2] = group;
    return tiling;
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto attention = cast<AttentionOp>(op);
    RankedTensorType key = KernelBuilder::typeOf(attention.getKey());
    int64_t group = KernelBuilder::typeOf(attention.getQuery()).getDimSize(2) / key.getDimSize(1);
    Tile query = tile, keys = wholeTile(key), values = wholeTile(KernelBuilder::typeOf(attention.getValue()));
    query.sizes[3] = key.getDimSize(3);
    for (Tile *page : {&keys, &values}) {
      page->offsets[0] = tile.offsets[0];
      page->sizes[0] = tile.sizes[0];
      page->offsets[1] = tile.offsets[2].floorDiv(group);
      page->sizes[1] = tile.sizes[2] / group;
    }
    auto perSequence = [&](Value value) { return value ? builder.get(value, leading(tile, 1)) : Value(); };
    Value q = builder.get(attention.getQuery(), query);
    Value k = builder.get(attention.getKey(), keys), v = builder.get(attention.getValue(), values);
    Value start = perSequence(attention.getStart()), count = perSequence(attention.getCount());
    Value bias = attention.getBias() ? builder.get(attention.getBias(), biasTile(attention, tile)) : Value();
    Value out = builder.temporary(tile.sizes, elementTypeOf(attention.getOut()), destination);
    return tile::AttentionOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()),
                                     attention.getCausalAttr(), attention.getScaleAttr(), q, k, v, start, count, bias,
                                     out)
        ->getResult(0);
  }

private:
  /// bias is [batch | 1, heads | 1, rows | 1, keys | 1].
  static Tile biasTile(AttentionOp op, const Tile &tile) {
    Tile result = wholeTile(KernelBuilder::typeOf(op.getBias()));
    for (auto [dim, from] : {std::pair(0, 0), std::pair(1, 2)})
      if (result.sizes[dim] != 1) {
        result.offsets[dim] = tile.offsets[from];
        result.sizes[dim] = tile.sizes[from];
      }
    return result;
  }
};

struct KvAppendKernel : KernelOpInterface::ExternalModel<KvAppendKernel, KvAppendOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }

  /// New keys and values are computed in the task that stores them.
  bool fusesProducer(Operation *op, OpOperand &operand) const {
    auto append = cast<KvAppendOp>(op);
    return operand.get() == append.getKey() || operand.get() == append.getValue();
  }

  /// One task per kv head writes its page of keys and values.
  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    auto append = cast<KvAppendOp>(op);
    RankedTensorType type = KernelBuilder::typeOf(append.getResult());
    Tiling tiling = {{type.getDimSize(3)}, wholeTile(type)};
    tiling.tile.offsets[0] = builder.constant(append.getLayer());
    tiling.tile.sizes[0] = 1;
    tiling.tile.offsets[3] = builder.gridIndex(0);
    tiling.tile.sizes[3] = 1;
    return tiling;
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto append = cast<KvAppendOp>(op);
    Tile rows = wholeTile(KernelBuilder::typeOf(append.getKey()));
    rows.offsets[2] = tile.offsets[3];
    rows.sizes[2] = tile.sizes[3];
    Value key = builder.get(append.getKey(), rows), value = builder.get(append.getValue(), rows);
    Value start = builder.getWhole(append.getStart()), count = builder.getWhole(append.getCount());
    Value out = builder.temporary(tile.sizes, elementTypeOf(append.getResult()), destination);
    return tile::ScatterOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()),
                                   ValueRange{key, value}, start, count, out)
        ->getResult(0);
  }
};

} // namespace

void ingot::registerAttentionKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    PositionsOp::attachInterface<PositionsKernel>(*context);
    RopeOp::attachInterface<RopeKernel>(*context);
    AttentionOp::attachInterface<AttentionKernel>(*context);
    KvAppendOp::attachInterface<KvAppendKernel>(*context);
  });
}
