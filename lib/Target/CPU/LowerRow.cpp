#include "ingot/Target/CPU/Passes.h"

#include "lib/Target/CPU/Lowering.h"
#include "lib/Target/CPU/RowFold.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_LOWERROW
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

namespace {

/// Emits one `tile.row`.
class RowLowering {
public:
  RowLowering(Emitter &emitter, tile::RowOp op, int64_t lanes) : e(emitter), op(op), lanes(lanes) {}
  LogicalResult run();

private:
  /// An operand at the row that is being computed.
  struct Row {
    FlatView view;
    Value offset;
  };
  Value load(const Row &row, Value index, int64_t width);
  void store(Value value, Value index);
  Value constant(Value like, double value) { return floatConstant(e, like.getType(), value); }
  Value fold(std::function<Value(Value index, int64_t width)> element, Value (*combine)(Emitter &, Value, Value));
  /// `write(index, width)` gives the elements of the result.
  void writeRow(function_ref<Value(Value index, int64_t width)> write);
  Value mean(Value sum) { return arith::DivFOp::create(e, sum, constant(sum, static_cast<double>(extent))); }
  Value inverseRoot(Value variance) {
    return math::RsqrtOp::create(e, addf(e, variance, constant(variance, op.getEps().convertToDouble())));
  }
  void rmsNorm();
  void layerNorm();
  void softmax();

  Emitter &e;
  tile::RowOp op;
  int64_t lanes, widest = 1, extent = 0;
  Type compute;
  SmallVector<Row> inputs;
  Row out;
};

} // namespace

Value RowLowering::load(const Row &row, Value index, int64_t width) {
  Value at = addScaled(e, row.offset, index, row.view.strides.back());
  return convertFloat(e, loadElements(e, row.view.memref, at, width), compute);
}

void RowLowering::store(Value value, Value index) {
  Value at = addScaled(e, out.offset, index, out.view.strides.back());
  storeElements(e, convertFloat(e, value, out.view.element), out.view.memref, at);
}

Value RowLowering::fold(std::function<Value(Value, int64_t)> element, Value (*combine)(Emitter &, Value, Value)) {
  RowFold fold{extent, widest, [&](Emitter &, Value index, int64_t width) { return element(index, width); }, combine};
  return emitFold(e, fold);
}

void RowLowering::writeRow(function_ref<Value(Value, int64_t)> write) {
  emitPieces(e, extent, widest == 1 ? 1 : lanes,
             [&](Value index, int64_t width) { store(write(index, width), index); });
}

void RowLowering::rmsNorm() {
  Value squares = fold(
      [&](Value index, int64_t width) {
        Value x = load(inputs[0], index, width);
        return mulf(e, x, x);
      },
      addf);
  Value inverse = inverseRoot(mean(squares));
  writeRow([&](Value index, int64_t width) {
    Value normal = mulf(e, load(inputs[0], index, width), splat(e, inverse, width));
    return mulf(e, normal, load(inputs[1], index, width));
  });
}

void RowLowering::layerNorm() {
  Value average = mean(fold([&](Value index, int64_t width) { return load(inputs[0], index, width); }, addf));
  auto centred = [&](Value index, int64_t width) {
    return subf(e, load(inputs[0], index, width), splat(e, average, width));
  };
  // The variance about the mean, in a second walk: the difference of two large sums would cancel.
  Value squares = fold(
      [&](Value index, int64_t width) {
        Value x = centred(index, width);
        return mulf(e, x, x);
      },
      addf);
  Value inverse = inverseRoot(mean(squares));
  writeRow([&](Value index, int64_t width) {
    Value normal = mulf(e, centred(index, width), splat(e, inverse, width));
    Value scaled = mulf(e, normal, load(inputs[1], index, width));
    return inputs.size() == 3 ? addf(e, scaled, load(inputs[2], index, width)) : scaled;
  });
}

void RowLowering::softmax() {
  Value largest = fold([&](Value index, int64_t width) { return load(inputs[0], index, width); }, maximum);
  auto power = [&](Value index, int64_t width) -> Value {
    return math::ExpOp::create(e, subf(e, load(inputs[0], index, width), splat(e, largest, width)));
  };
  // A destination of the computing type keeps the powers; another would round them, so they are computed again.
  bool keep = out.view.element == compute;
  Value sum = fold(
      [&](Value index, int64_t width) {
        Value value = power(index, width);
        if (keep)
          store(value, index);
        return value;
      },
      addf);
  writeRow([&](Value index, int64_t width) -> Value {
    Value value = keep ? load(out, index, width) : power(index, width);
    return arith::DivFOp::create(e, value, splat(e, sum, width));
  });
}

LogicalResult RowLowering::run() {
  bool contiguous = true;
  SmallVector<Value> operands(op.getInputs());
  operands.push_back(op.getOut());
  for (Value operand : operands) {
    FailureOr<FlatView> view = flatten(e, operand);
    if (failed(view))
      return failure();
    if (!isa<FloatType>(view->element))
      return op.emitOpError() << "expects floats, but got " << operand.getType();
    contiguous &= view->strides.back() == 1;
    inputs.push_back({*view, nullptr});
  }
  out = inputs.pop_back_val();
  extent = out.view.shape.back();
  if (extent == 0)
    return success();
  compute = computeType(inputs[0].view.element);
  widest = contiguous ? 4 * lanes : 1;
  emitLoops(e, ArrayRef(out.view.shape).drop_back(), [&](ValueRange ivs) {
    for (Row *row : {&inputs[0], &out}) {
      row->offset = indexConstant(e, 0);
      for (auto [iv, stride] : llvm::zip(ivs, row->view.strides))
        row->offset = addScaled(e, row->offset, iv, stride);
    }
    for (Row &weight : MutableArrayRef(inputs).drop_front())
      weight.offset = indexConstant(e, 0);
    switch (op.getKind()) {
    case tile::RowKind::RmsNorm:
      return rmsNorm();
    case tile::RowKind::LayerNorm:
      return layerNorm();
    case tile::RowKind::Softmax:
      return softmax();
    }
  });
  return success();
}

namespace {
struct LowerRow : public cpu::impl::LowerRowBase<LowerRow> {
  using LowerRowBase::LowerRowBase;
  void runOnOperation() override {
    LogicalResult result = lowerEach<tile::RowOp>(
        getOperation(), [&](Emitter &emitter, tile::RowOp op) { return RowLowering(emitter, op, lanes).run(); });
    if (failed(result))
      signalPassFailure();
  }
};
} // namespace
