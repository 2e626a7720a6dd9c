// The result of attention whose keys were cut into parts.
#include "lib/Target/CPU/Attention.h"

#include "lib/Target/CPU/RowFold.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

/// Weights of the parts lie on the stack.
static constexpr int64_t kMostParts = 1024;

namespace {

/// Combines the parts of one row after the other, always in order of the parts.
class Combination {
public:
  Combination(Emitter &emitter, Block *entry, int64_t lanes, const FlatView &parts, const FlatView &out)
      : t{emitter, {lanes, 0}, entry}, e(emitter), lanes(lanes), parts(parts), out(out), count(parts.shape[3]),
        depth(out.shape[3]) {
    t.compute = parts.element;
    t.out = out;
  }

  void run() {
    weights = t.temporary(count, t.compute);
    emitLoops(e, ArrayRef(out.shape).take_front(3), [&](ValueRange ivs) { combineRow(ivs); });
  }

private:
  Value scalar(double value) { return t.constant(t.compute, value); }
  /// Column `column` of part `i`.
  Value at(Value i, int64_t column) {
    return addConstant(e, addScaled(e, row, i, parts.strides[3]), column * parts.strides[4]);
  }
  Value isNone(Value maximum) {
    Value none = scalar(-std::numeric_limits<double>::infinity());
    return arith::CmpFOp::create(e, arith::CmpFPredicate::OEQ, maximum, none);
  }

  Value largest() {
    Value end = indexConstant(e, count), none = scalar(-std::numeric_limits<double>::infinity());
    return emitLoop(e, end, 1, none, [&](Value i, ValueRange carried) -> SmallVector<Value> {
      return {maximum(e, carried[0], t.load(parts, at(i, depth), 1))};
    })[0];
  }

  /// Sum over the parts of weight * column; those that do not count are left out, for theirs may be NaN.
  Value sumOf(int64_t column, int64_t width, Value all) {
    Value zero = t.constant(cpu::widen(t.compute, width), 0.0);
    return emitLoop(e, indexConstant(e, count), 1, zero, [&](Value i, ValueRange carried) -> SmallVector<Value> {
      Value weight = loadElements(e, weights, i, 1), part = t.load(parts, at(i, column), width);
      Value none = isNone(t.load(parts, at(i, depth), 1));
      Value counts = arith::CmpIOp::create(e, arith::CmpIPredicate::ule, none, all);
      Value sum = mulAdd(e, splat(e, weight, width), part, carried[0]);
      return {arith::SelectOp::create(e, counts, sum, carried[0])};
    })[0];
  }

  void combineRow(ValueRange ivs) {
    row = t.offsetOf(parts, ivs);
    Value maximum = largest(), all = isNone(maximum), subtracted = t.finiteMaximum(maximum);
    emitLoop(e, indexConstant(e, count), 1, {}, [&](Value i, ValueRange) {
      Value weight = t.exponential(subf(e, t.load(parts, at(i, depth), 1), subtracted));
      storeElements(e, weight, weights, i);
      return SmallVector<Value>();
    });
    Value sum = sumOf(depth + 1, 1, all);
    Value empty = arith::CmpFOp::create(e, arith::CmpFPredicate::OEQ, sum, scalar(0.0));
    Value divisor = arith::SelectOp::create(e, empty, scalar(1.0), sum);
    Value factor = arith::DivFOp::create(e, scalar(1.0), divisor), to = t.offsetOf(out, ivs);
    int64_t column = 0;
    bool contiguous = parts.strides[4] == 1 && out.strides[3] == 1;
    for (int64_t width : chunkWidths(depth, contiguous ? lanes : 1)) {
      Value result = mulf(e, sumOf(column, width, all), splat(e, factor, width));
      storeElements(e, t.narrowed(result), out.memref, addConstant(e, to, column * out.strides[3]));
      column += width;
    }
  }

  AttentionTask t;
  Emitter &e;
  int64_t lanes;
  const FlatView &parts, &out;
  int64_t count, depth;
  Value weights, row;
};

} // namespace

LogicalResult cpu::lowerCombineAttention(Emitter &e, tile::CombineAttentionOp op, Block *entry, int64_t lanes) {
  FailureOr<FlatView> parts = flatten(e, op.getParts()), out = flatten(e, op.getOut());
  if (failed(parts) || failed(out))
    return failure();
  if (parts->shape[3] == 0 || parts->shape[3] > kMostParts || out->shape[3] == 0)
    return op.emitOpError() << "expects 1 to " << kMostParts << " parts and heads with at least one element, but got "
                            << op.getParts().getType();
  Combination(e, entry, lanes, *parts, *out).run();
  return success();
}
