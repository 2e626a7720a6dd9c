// How the last row of a step, the counting of tokens and the choice of the next one become kernels: one task per
// sequence, so that nothing depends on other sequences.
#include "lib/Plan/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace ingot;

namespace {

/// One task per slot, the first dimension of `value`.
Tiling perSlot(Value value, KernelBuilder &builder) {
  Tiling tiling = {{KernelBuilder::typeOf(value).getDimSize(0)}, wholeTile(KernelBuilder::typeOf(value))};
  tiling.tile.offsets[0] = builder.gridIndex(0);
  tiling.tile.sizes[0] = 1;
  return tiling;
}

/// What `value` says about the slots of `tile`.
Value ofSlots(KernelBuilder &builder, Value value, const Tile &tile) {
  Tile slots = wholeTile(KernelBuilder::typeOf(value));
  slots.offsets[0] = tile.offsets[0];
  slots.sizes[0] = tile.sizes[0];
  return builder.get(value, slots);
}

/// A gather from the rows of one sequence, which clamps its index as the operation does.
struct LastRowKernel : KernelOpInterface::ExternalModel<LastRowKernel, LastRowOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }
  Tiling getTiling(Operation *op, KernelBuilder &builder) const { return perSlot(op->getResult(0), builder); }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto last = cast<LastRowOp>(op);
    RankedTensorType type = KernelBuilder::typeOf(last.getInput());
    Tile sequence = tile;
    sequence.offsets[1] = builder.constant(0);
    sequence.sizes[1] = type.getDimSize(1);
    Value rows = builder.getReduced(last.getInput(), sequence, {0});
    Value index = lastIndex(builder, ofSlots(builder, last.getCount(), tile));
    Value out = builder.temporary(tile.sizes, type.getElementType(), destination);
    return tile::GatherOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()), UnitAttr(), rows,
                                  index, out)
        ->getResult(0);
  }

private:
  /// count - 1 as [1, 1].
  static Value lastIndex(KernelBuilder &builder, Value count) {
    OpBuilder &b = builder.getBuilder();
    Location loc = builder.getLoc();
    Type element = KernelBuilder::typeOf(count).getElementType();
    Value out = builder.temporary({1, 1}, element);
    AffineMap first = AffineMap::get(2, 0, b.getAffineDimExpr(0));
    auto map = tile::MapOp::create(b, loc, TypeRange(out.getType()), b.getAffineMapArrayAttr(first), count, out);
    OpBuilder::InsertionGuard guard(b);
    Block *block = b.createBlock(&map.getBody(), {}, element, loc);
    Value one = arith::ConstantOp::create(b, loc, b.getIntegerAttr(element, 1));
    tile::YieldOp::create(b, loc, arith::SubIOp::create(b, loc, block->getArgument(0), one).getResult());
    return map->getResult(0);
  }
};

struct CountTokensKernel : KernelOpInterface::ExternalModel<CountTokensKernel, CountTokensOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }
  Tiling getTiling(Operation *op, KernelBuilder &builder) const { return perSlot(op->getResult(0), builder); }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto count = cast<CountTokensOp>(op);
    SmallVector<Value> inputs;
    for (Value input : {count.getTokens(), count.getStart(), count.getCount(), count.getSampled()})
      inputs.push_back(ofSlots(builder, input, tile));
    Value out = builder.temporary(tile.sizes, KernelBuilder::typeOf(count.getResult()).getElementType(), destination);
    return tile::CountTokensOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()), inputs[0],
                                       inputs[1], inputs[2], inputs[3], out)
        ->getResult(0);
  }
};

struct SampleKernel : KernelOpInterface::ExternalModel<SampleKernel, SampleOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }
  Tiling getTiling(Operation *op, KernelBuilder &builder) const { return perSlot(op->getResult(0), builder); }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto sample = cast<SampleOp>(op);
    OpBuilder &b = builder.getBuilder();
    auto get = [&](Value value) { return ofSlots(builder, value, tile); };
    Value logits = get(sample.getLogits()), start = get(sample.getStart()), count = get(sample.getCount());
    Value counts = get(sample.getCounts());
    SmallVector<Value> parameters = {get(sample.getTemperature()), get(sample.getTopK()),
                                     get(sample.getTopP()),        get(sample.getPresence()),
                                     get(sample.getFrequency()),   get(sample.getRepetition())};
    Value seed = get(sample.getSeed());
    int64_t vocabulary = KernelBuilder::typeOf(logits).getDimSize(2);
    Value weights = builder.temporary({tile.sizes[0], vocabulary}, b.getF32Type());
    weights = tile::SampleWeightsOp::create(b, builder.getLoc(), TypeRange(weights.getType()), logits, count, counts,
                                            parameters, weights)
                  ->getResult(0);
    Value out = builder.temporary(tile.sizes, b.getI32Type(), destination);
    return tile::DrawOp::create(b, builder.getLoc(), TypeRange(out.getType()), weights, start, count, seed, out)
        ->getResult(0);
  }
};

} // namespace

void ingot::registerSamplingKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    LastRowOp::attachInterface<LastRowKernel>(*context);
    CountTokensOp::attachInterface<CountTokensKernel>(*context);
    SampleOp::attachInterface<SampleKernel>(*context);
  });
}
