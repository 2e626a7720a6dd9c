#include "ingot/Target/CPU/Passes.h"

#include "lib/Target/CPU/Lowering.h"
#include "lib/Target/CPU/RowFold.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_LOWERROPE
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

namespace {

/// Emits one `tile.rope`.
class RopeLowering {
public:
  RopeLowering(Emitter &emitter, tile::RopeOp op, int64_t lanes) : e(emitter), op(op), lanes(lanes) {}
  LogicalResult run();

private:
  struct Pair {
    Value first, second;
  };
  Value load(const FlatView &view, Value row, Value index, int64_t width);
  void store(Value value, Value index);
  Pair loadPair(Value index, int64_t width);
  void storePair(Pair pair, Value index);
  void rotateHead();
  Value rowOf(const FlatView &view, ValueRange ivs);

  Emitter &e;
  tile::RopeOp op;
  int64_t lanes, angles = 0;
  bool contiguous = true;
  Type compute;
  FlatView x, cosine, sine, positions, out;
  Value xRow, outRow, cosineRow, sineRow;
};

} // namespace

Value RopeLowering::rowOf(const FlatView &view, ValueRange ivs) {
  Value offset = indexConstant(e, 0);
  for (auto [iv, stride] : llvm::zip(ivs, view.strides))
    offset = addScaled(e, offset, iv, stride);
  return offset;
}

Value RopeLowering::load(const FlatView &view, Value row, Value index, int64_t width) {
  Value at = addScaled(e, row, index, view.strides.back());
  return convertFloat(e, loadElements(e, view.memref, at, width), compute);
}

void RopeLowering::store(Value value, Value index) {
  Value at = addScaled(e, outRow, index, out.strides.back());
  storeElements(e, convertFloat(e, value, out.element), out.memref, at);
}

/// Pairs index to index + width - 1: neighbours when interleaved, else half the rotated part apart.
RopeLowering::Pair RopeLowering::loadPair(Value index, int64_t width) {
  if (!op.getInterleaved())
    return {load(x, xRow, index, width), load(x, xRow, addConstant(e, index, angles), width)};
  Value first = addScaled(e, indexConstant(e, 0), index, 2);
  if (width == 1)
    return {load(x, xRow, first, 1), load(x, xRow, addConstant(e, first, 1), 1)};
  auto split = vector::DeinterleaveOp::create(e, load(x, xRow, first, 2 * width));
  return {split.getResult(0), split.getResult(1)};
}

void RopeLowering::storePair(Pair pair, Value index) {
  if (!op.getInterleaved()) {
    store(pair.first, index);
    return store(pair.second, addConstant(e, index, angles));
  }
  Value first = addScaled(e, indexConstant(e, 0), index, 2);
  if (isa<VectorType>(pair.first.getType()))
    return store(vector::InterleaveOp::create(e, pair.first, pair.second), first);
  store(pair.first, first);
  store(pair.second, addConstant(e, first, 1));
}

void RopeLowering::rotateHead() {
  emitPieces(e, angles, contiguous ? lanes : 1, [&](Value index, int64_t width) {
    auto [first, second] = loadPair(index, width);
    Value c = load(cosine, cosineRow, index, width), s = load(sine, sineRow, index, width);
    Pair rotated{subf(e, mulf(e, first, c), mulf(e, second, s)), addf(e, mulf(e, first, s), mulf(e, second, c))};
    storePair(rotated, index);
  });
  int64_t rest = out.shape.back() - 2 * angles;
  emitPieces(e, rest, contiguous ? lanes : 1, [&](Value index, int64_t width) {
    Value at = addConstant(e, index, 2 * angles);
    store(load(x, xRow, at, width), at);
  });
}

LogicalResult RopeLowering::run() {
  const std::array<FlatView *, 5> views = {&x, &cosine, &sine, &positions, &out};
  for (auto [operand, view] : llvm::zip(op.getOperands(), views)) {
    FailureOr<FlatView> flat = flatten(e, operand);
    if (failed(flat))
      return failure();
    *view = *flat;
    contiguous &= view == &positions || view->strides.back() == 1;
  }
  angles = cosine.shape[1];
  compute = computeType(x.element);
  emitLoops(e, ArrayRef(x.shape).take_front(2), [&](ValueRange row) {
    Value position = loadElements(e, positions.memref, rowOf(positions, row), 1);
    position = arith::IndexCastOp::create(e, e.getIndexType(), position);
    position = arith::MaxSIOp::create(e, position, indexConstant(e, 0));
    position = arith::MinSIOp::create(e, position, indexConstant(e, cosine.shape[0] - 1));
    cosineRow = rowOf(cosine, position);
    sineRow = rowOf(sine, position);
    Value xRows = rowOf(x, row), outRows = rowOf(out, row);
    emitLoops(e, x.shape[2], [&](ValueRange head) {
      xRow = addScaled(e, xRows, head[0], x.strides[2]);
      outRow = addScaled(e, outRows, head[0], out.strides[2]);
      rotateHead();
    });
  });
  return success();
}

namespace {
struct LowerRope : public cpu::impl::LowerRopeBase<LowerRope> {
  using LowerRopeBase::LowerRopeBase;
  void runOnOperation() override {
    LogicalResult result = lowerEach<tile::RopeOp>(
        getOperation(), [&](Emitter &emitter, tile::RopeOp op) { return RopeLowering(emitter, op, lanes).run(); });
    if (failed(result))
      signalPassFailure();
  }
};
} // namespace
