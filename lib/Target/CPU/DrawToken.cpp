// Emits `tile.draw`: a random number and the token that it falls on.
#include "lib/Target/CPU/Sampling.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

using F = ValueMath::F;
using I = ValueMath::I;

/// The first two words of Philox4x32-10 (known answers: test/unit/Target/SampleTests.cpp) as one int64.
static Value emitPhilox(Emitter &e, Value seed, Value position) {
  ValueMath m(e, seed);
  Value low32 = m.i64(0xffffffff), word = m.i64(32);
  auto low = [&](Value x) { return m.andi(x, low32); };
  auto high = [&](Value x) { return m.shru(x, word); };
  std::array<Value, 4> counter = {low(position), high(position), m.i64(0), m.i64(0)};
  Value key0 = low(seed), key1 = high(seed);
  for (int round = 0; round < 10; ++round) {
    Value first = arith::MulIOp::create(e, m.i64(0xD2511F53), counter[0]);
    Value second = arith::MulIOp::create(e, m.i64(0xCD9E8D57), counter[2]);
    counter = {m.xori(m.xori(high(second), counter[1]), key0), low(second),
               m.xori(m.xori(high(first), counter[3]), key1), low(first)};
    key0 = low(m.addi(key0, m.i64(0x9E3779B9)));
    key1 = low(m.addi(key1, m.i64(0xBB67AE85)));
  }
  return m.ori(m.shl(counter[0], word), counter[1]);
}

namespace {

/// Emits one `tile.draw`: finds the block in which the sum passes the threshold, then the token in it.
class DrawLowering {
public:
  DrawLowering(Emitter &e, tile::DrawOp op, int64_t lanes) : e(e), op(op), lanes(lanes) {}
  LogicalResult run();

private:
  static constexpr int64_t kBlock = 128;
  Value f64(double value) { return floatConstant(e, e.getF64Type(), value); }
  int64_t numBlocks() const { return llvm::divideCeil(w->extent, kBlock); }
  Value blockSum(Value first, int64_t extent);
  Value total();
  Value findBlock(Value threshold);
  Value findInBlock(Value block, Value sum, Value threshold);
  void row(Value slot);

  Emitter &e;
  tile::DrawOp op;
  int64_t lanes;
  FlatView start, count, seed, out;
  Value sums; // of the blocks, float64
  std::optional<Weights> w;
};

} // namespace

Value DrawLowering::blockSum(Value first, int64_t extent) {
  auto element = [&](Emitter &, Value index, int64_t width) {
    return convertFloat(e, w->load(arith::AddIOp::create(e, first, index), width), e.getF64Type());
  };
  return emitFold(e, {extent, w->width() == 1 ? 1 : 2 * lanes, element, addf});
}

/// The sum of all weights, block after block.
Value DrawLowering::total() {
  int64_t whole = w->extent / kBlock, rest = w->extent % kBlock;
  auto add = [&](Value sum, Value block, int64_t extent) -> Value {
    Value next = blockSum(addScaled(e, indexConstant(e, 0), block, kBlock), extent);
    storeElements(e, next, sums, block);
    return arith::AddFOp::create(e, sum, next);
  };
  Value sum = f64(0);
  if (whole > 0)
    sum = emitLoop(e, indexConstant(e, whole), 1, sum, [&](Value iv, ValueRange carried) -> SmallVector<Value> {
      return {add(carried[0], iv, kBlock)};
    })[0];
  return rest > 0 ? add(sum, indexConstant(e, whole), rest) : sum;
}

/// The first token of a block at which `sum` plus the weights up to it exceeds the threshold. Where rounding hides it,
/// the last one with a weight.
Value DrawLowering::findInBlock(Value block, Value sum, Value threshold) {
  Value none = arith::ConstantOp::create(e, e.getI32IntegerAttr(-1));
  Value first = addScaled(e, indexConstant(e, 0), block, kBlock);
  Value extent =
      arith::MinSIOp::create(e, arith::SubIOp::create(e, indexConstant(e, w->extent), first), indexConstant(e, kBlock));
  auto found = emitLoop(e, extent, 1, {sum, none, none}, [&](Value iv, ValueRange carried) -> SmallVector<Value> {
    Value index = arith::AddIOp::create(e, first, iv), weight = w->load(index, 1);
    Value next = arith::AddFOp::create(e, carried[0], convertFloat(e, weight, e.getF64Type()));
    ValueMath m(e, none);
    Value token = arith::IndexCastOp::create(e, e.getI32Type(), index);
    Value hit = m.andi(m.compare(I::slt, carried[1], m.i32(0)), m.compare(F::OGT, next, threshold));
    Value positive = m.compare(F::OGT, weight, w->f32(0));
    return {next, m.select(hit, token, carried[1]), m.select(positive, token, carried[2])};
  });
  ValueMath m(e, none);
  return m.select(m.compare(I::slt, found[1], m.i32(0)), found[2], found[1]);
}

/// The token in the first block with which the sum exceeds the threshold; -1 if none does.
Value DrawLowering::findBlock(Value threshold) {
  Value none = arith::ConstantOp::create(e, e.getI32IntegerAttr(-1));
  auto ends = emitLoop(
      e, indexConstant(e, numBlocks()), 1, {f64(0), none}, [&](Value block, ValueRange carried) -> SmallVector<Value> {
        ValueMath m(e, none);
        Value sum = arith::AddFOp::create(e, carried[0], loadElements(e, sums, block, 1));
        Value here = m.andi(m.compare(I::slt, carried[1], m.i32(0)), m.compare(F::OGT, sum, threshold));
        auto branch = scf::IfOp::create(e, TypeRange(e.getI32Type()), here, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(e);
        e.setInsertionPointToEnd(branch.thenBlock());
        Value token = findInBlock(block, carried[0], threshold);
        scf::YieldOp::create(e, token);
        e.setInsertionPointToEnd(branch.elseBlock());
        scf::YieldOp::create(e, carried[1]);
        return {sum, branch.getResult(0)};
      });
  return ends[1];
}

void DrawLowering::row(Value slot) {
  auto perSlot = [&](const FlatView &array) {
    return loadElements(e, array.memref, addScaled(e, indexConstant(e, 0), slot, array.strides.back()), 1);
  };
  w->enterRow(slot);
  Value position = arith::ExtSIOp::create(e, e.getI64Type(), arith::AddIOp::create(e, perSlot(start), perSlot(count)));
  Value bits = emitPhilox(e, perSlot(seed), position);
  ValueMath m(e, bits);
  Value uniform = m.mul(arith::SIToFPOp::create(e, e.getF64Type(), m.shru(bits, m.i64(11))), f64(0x1p-53));
  // Below the sum even where the product is rounded up to it: then some token always passes the threshold.
  Value sum = total(), below = arith::BitcastOp::create(
                           e, e.getF64Type(), m.subi(arith::BitcastOp::create(e, e.getI64Type(), sum), m.i64(1)));
  Value threshold = arith::MinimumFOp::create(e, arith::MulFOp::create(e, uniform, sum), below);
  storeElements(e, findBlock(threshold), out.memref, addScaled(e, indexConstant(e, 0), slot, out.strides.back()));
}

LogicalResult DrawLowering::run() {
  FailureOr<SmallVector<FlatView>> flattened = flattenAll(e, op.getOperands());
  if (failed(flattened))
    return failure();
  SmallVector<FlatView> &views = *flattened;
  start = views[1], count = views[2], seed = views[3], out = views[4];
  w.emplace(e, views[0], lanes);
  {
    // At the function's entry: an alloca in a loop would grow the stack. 64 bytes for a thousand weights.
    OpBuilder::InsertionGuard guard(e);
    Operation *scope = op->getParentWithTrait<OpTrait::AutomaticAllocationScope>();
    e.setInsertionPointToStart(&scope->getRegion(0).front());
    sums = memref::AllocaOp::create(e, MemRefType::get({numBlocks()}, e.getF64Type()), e.getI64IntegerAttr(64));
  }
  emitLoops(e, out.shape, [&](ValueRange ivs) { row(ivs[0]); });
  return success();
}

LogicalResult cpu::lowerDraw(Emitter &e, tile::DrawOp op, int64_t lanes) { return DrawLowering(e, op, lanes).run(); }
