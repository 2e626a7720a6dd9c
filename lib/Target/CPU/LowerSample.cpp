// Lowers what leads from logits to a token; see Passes.td.
#include "ingot/Target/CPU/Passes.h"

#include "lib/Target/CPU/Sampling.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_LOWERSAMPLE
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

using I = ValueMath::I;

static LogicalResult lowerCountTokens(Emitter &e, tile::CountTokensOp op, int64_t lanes) {
  FailureOr<SmallVector<FlatView>> flattened = flattenAll(e, op.getOperands());
  if (failed(flattened))
    return failure();
  SmallVector<FlatView> &views = *flattened;
  const FlatView &tokens = views[0], &out = views[4];
  if (out.strides.back() != 1)
    return op.emitOpError() << "expects counts to be contiguous along the vocabulary";
  int64_t rows = tokens.shape[1], vocabulary = out.shape[2];
  emitLoops(e, ArrayRef(out.shape).take_front(1), [&](ValueRange ivs) {
    auto perSlot = [&](const FlatView &array) {
      Value at = addScaled(e, indexConstant(e, 0), ivs[0], array.strides.back());
      return arith::IndexCastOp::create(e, e.getIndexType(), loadElements(e, array.memref, at, 1)).getResult();
    };
    Value zero = indexConstant(e, 0), start = perSlot(views[1]), sampled = perSlot(views[3]);
    Value count = arith::MaxSIOp::create(e, perSlot(views[2]), zero);
    count = arith::MinSIOp::create(e, count, indexConstant(e, rows));
    Value slot = addScaled(e, zero, ivs[0], out.strides[0]), slotTokens = addScaled(e, zero, ivs[0], tokens.strides[0]);
    auto is = [&](I predicate, Value a, Value b) { return arith::CmpIOp::create(e, predicate, a, b).getResult(); };
    Value begins = arith::AndIOp::create(e, is(I::eq, start, zero), is(I::sgt, count, zero));
    emitIf(e, begins, [&] {
      for (int64_t kind = 0; kind < 2; ++kind)
        emitPieces(e, vocabulary, lanes, [&](Value index, int64_t width) {
          Value none = arith::ConstantOp::create(e, cast<TypedAttr>(e.getZeroAttr(widen(e.getI32Type(), width))));
          Value at = arith::AddIOp::create(e, addConstant(e, slot, kind * out.strides[1]), index);
          storeElements(e, none, out.memref, at);
        });
    });
    emitLoop(e, count, 1, {}, [&](Value c, ValueRange) {
      Value token = loadElements(e, tokens.memref, addScaled(e, slotTokens, c, tokens.strides[1]), 1);
      Value index = arith::IndexCastOp::create(e, e.getIndexType(), token);
      // Unsigned: a negative token is far outside the vocabulary as well.
      emitIf(e, is(I::ult, index, indexConstant(e, vocabulary)), [&] {
        Value kind = arith::SelectOp::create(e, is(I::slt, c, sampled), indexConstant(e, out.strides[1]), zero);
        Value at = arith::AddIOp::create(e, arith::AddIOp::create(e, slot, kind), index);
        Value one = arith::ConstantOp::create(e, e.getI32IntegerAttr(1));
        storeElements(e, arith::AddIOp::create(e, loadElements(e, out.memref, at, 1), one), out.memref, at);
      });
      return SmallVector<Value>();
    });
  });
  return success();
}

namespace {
struct LowerSample : public cpu::impl::LowerSampleBase<LowerSample> {
  using LowerSampleBase::LowerSampleBase;
  void runOnOperation() override {
    Operation *root = getOperation();
    if (failed(lowerEach<tile::CountTokensOp>(root,
                                              [&](Emitter &e, auto op) { return lowerCountTokens(e, op, lanes); })) ||
        failed(lowerEach<tile::SampleWeightsOp>(
            root, [&](Emitter &e, auto op) { return lowerSampleWeights(e, op, lanes); })) ||
        failed(lowerEach<tile::DrawOp>(root, [&](Emitter &e, auto op) { return lowerDraw(e, op, lanes); })))
      signalPassFailure();
  }
};
} // namespace
