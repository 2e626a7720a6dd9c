#include "lib/Target/CPU/Attention.h"

#include "lib/Target/CPU/MathFunctions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Value AttentionTask::temporary(int64_t elements, Type element) const {
  OpBuilder::InsertionGuard guard(e);
  e.setInsertionPointToStart(entry);
  return memref::AllocaOp::create(e, MemRefType::get({elements}, element), e.getI64IntegerAttr(64));
}

Value AttentionTask::offsetOf(const FlatView &view, ValueRange indices) const {
  Value offset = indexConstant(e, 0);
  for (auto [index, stride] : llvm::zip(indices, view.strides))
    offset = addScaled(e, offset, index, stride);
  return offset;
}

std::pair<Value, Value> AttentionTask::rowAndHead(Value g, Value m) const {
  if (group() == 1)
    return {m, g};
  Value size = indexConstant(e, group());
  Value row = e.createOrFold<arith::DivUIOp>(m, size), head = e.createOrFold<arith::RemUIOp>(m, size);
  return {row, addScaled(e, head, g, group())};
}

Value AttentionTask::visibleKeys(Value b, Value c) const {
  Value zero = indexConstant(e, 0), all = indexConstant(e, keys());
  auto clamped = [&](Value visible) -> Value {
    if (firstKey)
      visible = arith::SubIOp::create(e, visible, firstKey);
    return arith::MinSIOp::create(e, arith::MaxSIOp::create(e, visible, zero), all);
  };
  if (firstRow)
    c = arith::AddIOp::create(e, firstRow, c);
  else if (!start.memref)
    c = addConstant(e, c, keys() - rows());
  if (!start.memref)
    return causal ? clamped(addConstant(e, c, 1)) : all;
  auto load = [&](const FlatView &view) -> Value {
    return arith::IndexCastOp::create(e, e.getIndexType(), loadElements(e, view.memref, offsetOf(view, b), 1));
  };
  Value first = load(start), counted = load(count);
  Value visible = clamped(arith::AddIOp::create(e, first, causal ? addConstant(e, c, 1) : counted));
  Value isCounted = arith::CmpIOp::create(e, arith::CmpIPredicate::slt, c, counted);
  return arith::SelectOp::create(e, isCounted, visible, zero);
}

Value AttentionTask::exponential(Value x) const {
  if (compute.isF32())
    return emitExpOfNonPositive(e, x);
  return math::ExpOp::create(e, x);
}

Value AttentionTask::finiteMaximum(Value maximum) const {
  Type type = maximum.getType();
  Value none = arith::CmpFOp::create(e, arith::CmpFPredicate::OEQ, maximum, constant(type, -kInfinity));
  return arith::SelectOp::create(e, none, constant(type, 0.0), maximum);
}

Value cpu::larger(Emitter &e, Value a, Value b) {
  return arith::SelectOp::create(e, arith::CmpFOp::create(e, arith::CmpFPredicate::OGT, b, a), b, a);
}

std::pair<Value, Value> cpu::reportedSumAndMaximum(const AttentionTask &task, Value sum, Value maximum, Value isEmpty) {
  Emitter &e = task.e;
  Type type = sum.getType();
  Value nan = task.constant(type, kNaN);
  Value isNaN = arith::CmpFOp::create(e, arith::CmpFPredicate::UNO, sum, sum);
  Value isZero = arith::CmpFOp::create(e, arith::CmpFPredicate::OEQ, sum, task.constant(type, 0.0));
  Value masked = arith::SelectOp::create(e, isZero, nan, sum);
  return {arith::SelectOp::create(e, isEmpty, sum, masked), arith::SelectOp::create(e, isNaN, nan, maximum)};
}

SmallVector<Value> cpu::emitGroups(Emitter &e, Value end, int64_t size, ValueRange carried,
                                   function_ref<SmallVector<Value>(Value, bool, ValueRange)> body) {
  Value step = indexConstant(e, size);
  Value rest = e.createOrFold<arith::RemUIOp>(end, step);
  Value whole = e.createOrFold<arith::SubIOp>(end, rest);
  SmallVector<Value> next =
      emitLoop(e, whole, size, carried, [&](Value at, ValueRange values) { return body(at, true, values); });
  // Once or not at all.
  auto last =
      scf::ForOp::create(e, whole, end, step, next, [&](OpBuilder &, Location loc, Value at, ValueRange values) {
        OpBuilder::InsertionGuard guard(e);
        e.setInsertionPointToEnd(at.getParentBlock());
        SmallVector<Value> results = body(at, false, values);
        scf::YieldOp::create(e, loc, results);
      });
  return SmallVector<Value>(last.getResults());
}

/// Lanes of two vectors in turn, of their lower or upper halves.
static Value interleaved(Emitter &e, Value a, Value b, bool upper) {
  int64_t width = cast<VectorType>(a.getType()).getNumElements();
  SmallVector<int64_t> mask;
  for (int64_t lane = upper ? width / 2 : 0; mask.size() < static_cast<size_t>(width); ++lane) {
    mask.push_back(lane);
    mask.push_back(width + lane);
  }
  return vector::ShuffleOp::create(e, a, b, mask);
}

// One step moves the highest bit of the vector's number below the lane's, and the lane's highest below the vector's;
// after as many steps as there are bits they have changed places.
SmallVector<Value> cpu::transposed(Emitter &e, ArrayRef<Value> vectors) {
  SmallVector<Value> current(vectors);
  size_t half = vectors.size() / 2;
  for (size_t steps = llvm::Log2_64(vectors.size()); steps > 0; --steps) {
    SmallVector<Value> next;
    for (size_t i = 0; i < half; ++i)
      for (bool upper : {false, true})
        next.push_back(interleaved(e, current[i], current[i + half], upper));
    current = next;
  }
  return current;
}

Value cpu::sumsOfLanes(Emitter &e, ArrayRef<Value> vectors) {
  SmallVector<Value> current(vectors);
  for (size_t half = vectors.size() / 2; half > 0; half /= 2) {
    SmallVector<Value> next;
    for (size_t i = 0; i < half; ++i)
      next.push_back(addf(e, interleaved(e, current[i], current[i + half], false),
                          interleaved(e, current[i], current[i + half], true)));
    current = next;
  }
  return current.front();
}
