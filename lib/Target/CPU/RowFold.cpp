#include "lib/Target/CPU/RowFold.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

/// `width` lanes of a vector from `first` on; a scalar for a width of 1.
static Value lanes(Emitter &emitter, Value vector, int64_t first, int64_t width) {
  if (width == 1)
    return vector::ExtractOp::create(emitter, vector, ArrayRef<int64_t>{first});
  return vector::ExtractStridedSliceOp::create(emitter, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{width},
                                               ArrayRef<int64_t>{1});
}

static int64_t widthOf(Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? vector.getNumElements() : 1;
}

/// The lanes of `vector` [0, half) combined with [half, 2 half).
static Value combineHalves(Emitter &emitter, Value vector,
                           const std::function<Value(Emitter &, Value, Value)> &combine) {
  int64_t half = widthOf(vector) / 2;
  Value low = lanes(emitter, vector, 0, half), high = lanes(emitter, vector, half, half);
  return combine(emitter, low, high);
}

Value cpu::foldLanes(Emitter &emitter, Value value, const std::function<Value(Emitter &, Value, Value)> &combine) {
  while (widthOf(value) > 1)
    value = combineHalves(emitter, value, combine);
  return value;
}

Value cpu::emitFold(Emitter &emitter, const RowFold &fold) {
  assert(fold.extent > 0 && "expects a row that is not empty");
  int64_t whole = fold.extent / fold.widest * fold.widest, at = whole;
  Value result;
  if (whole > 0)
    result = fold.element(emitter, indexConstant(emitter, 0), fold.widest);
  if (whole > fold.widest) {
    // From the second vector on.
    Value end = indexConstant(emitter, whole - fold.widest);
    result = emitLoop(emitter, end, fold.widest, result, [&](Value iv, ValueRange carried) -> SmallVector<Value> {
      Value next = fold.element(emitter, addConstant(emitter, iv, fold.widest), fold.widest);
      return {fold.combine(emitter, carried[0], next)};
    })[0];
  }
  for (int64_t width = fold.widest / 2; width >= 1; width /= 2) {
    if (result)
      result = combineHalves(emitter, result, fold.combine);
    if (fold.extent - at < width)
      continue;
    Value piece = fold.element(emitter, indexConstant(emitter, at), width);
    result = result ? fold.combine(emitter, result, piece) : piece;
    at += width;
  }
  return result;
}

void cpu::emitPieces(Emitter &emitter, int64_t extent, int64_t widest, function_ref<void(Value, int64_t)> body) {
  int64_t at = extent / widest * widest;
  if (at == widest)
    body(indexConstant(emitter, 0), widest);
  else if (at > 0)
    emitLoop(emitter, indexConstant(emitter, at), widest, {}, [&](Value iv, ValueRange) {
      body(iv, widest);
      return SmallVector<Value>();
    });
  for (int64_t width : chunkWidths(extent - at, widest)) {
    body(indexConstant(emitter, at), width);
    at += width;
  }
}

Value cpu::maximum(Emitter &emitter, Value a, Value b) { return arith::MaximumFOp::create(emitter, a, b); }
