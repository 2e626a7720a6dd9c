// How the counting of tokens and the choice of the next one become kernels: one task per sequence, so that no choice
// depends on other sequences.
#include "lib/Plan/KernelBuilder.h"

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
    CountTokensOp::attachInterface<CountTokensKernel>(*context);
    SampleOp::attachInterface<SampleKernel>(*context);
  });
}
