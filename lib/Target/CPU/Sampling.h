// What the lowerings of sampling share: walks over a row of weights, in an order that its extent alone decides.
#pragma once

#include "lib/Target/CPU/Lowering.h"
#include "lib/Target/CPU/RowFold.h"
#include "lib/Target/CPU/ValueMath.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace ingot::cpu {

/// A matrix of float32 weights in memory, seen row by row.
class Weights {
public:
  Weights(Emitter &e, FlatView view, int64_t lanes)
      : e(e), view(std::move(view)), extent(this->view.shape.back()),
        widest(this->view.strides.back() == 1 ? 4 * lanes : 1) {}

  void enterRow(mlir::Value slot) { offset = addScaled(e, indexConstant(e, 0), slot, view.strides.front()); }
  mlir::Value at(mlir::Value index) { return addScaled(e, offset, index, view.strides.back()); }
  mlir::Value load(mlir::Value index, int64_t width) { return loadElements(e, view.memref, at(index), width); }
  void store(mlir::Value value, mlir::Value index) { storeElements(e, value, view.memref, at(index)); }
  int64_t width() const { return widest; }

  mlir::Value fold(std::function<mlir::Value(mlir::Value index, int64_t width)> element,
                   mlir::Value (*combine)(Emitter &, mlir::Value, mlir::Value)) {
    return emitFold(e, {extent, widest,
                        [=](Emitter &, mlir::Value index, int64_t width) { return element(index, width); }, combine});
  }
  /// Every weight becomes what `write` makes of it.
  void rewrite(llvm::function_ref<mlir::Value(mlir::Value index, int64_t width)> write) {
    emitPieces(e, extent, widest, [&](mlir::Value index, int64_t width) { store(write(index, width), index); });
  }
  /// index, index + 1, ... as int32.
  mlir::Value indices(mlir::Value index, int64_t width) {
    mlir::Value first = mlir::arith::IndexCastOp::create(e, e.getI32Type(), index);
    if (width == 1)
      return first;
    llvm::SmallVector<int32_t> steps = llvm::to_vector(llvm::seq<int32_t>(0, width));
    mlir::Value step =
        mlir::arith::ConstantOp::create(e, mlir::DenseElementsAttr::get(mlir::VectorType::get({width}, e.getI32Type()),
                                                                        llvm::ArrayRef<int32_t>(steps)));
    return mlir::arith::AddIOp::create(e, splat(e, first, width), step);
  }
  mlir::Value f32(double value, int64_t width = 1) { return floatConstant(e, widen(e.getF32Type(), width), value); }

  Emitter &e;
  FlatView view;
  mlir::Value offset;
  int64_t extent;

private:
  int64_t widest;
};

/// Emits `then` under a condition.
inline void emitIf(Emitter &e, mlir::Value condition, llvm::function_ref<void()> then,
                   llvm::function_ref<void()> otherwise = {}) {
  auto branch = mlir::scf::IfOp::create(e, condition, static_cast<bool>(otherwise));
  mlir::OpBuilder::InsertionGuard guard(e);
  e.setInsertionPoint(branch.thenYield());
  then();
  if (otherwise) {
    e.setInsertionPoint(branch.elseYield());
    otherwise();
  }
}

/// Emits `then` or `otherwise`, both giving values of the same types, and gives what they give.
inline llvm::SmallVector<mlir::Value> emitChoice(Emitter &e, mlir::Value condition,
                                                 llvm::function_ref<llvm::SmallVector<mlir::Value>()> then,
                                                 llvm::function_ref<llvm::SmallVector<mlir::Value>()> otherwise) {
  auto emit = [&](mlir::OpBuilder &builder, auto branch) {
    mlir::OpBuilder::InsertionGuard guard(e);
    e.setInsertionPointToEnd(builder.getInsertionBlock());
    mlir::scf::YieldOp::create(e, branch());
  };
  auto choice = mlir::scf::IfOp::create(
      e, condition, [&](mlir::OpBuilder &builder, mlir::Location) { emit(builder, then); },
      [&](mlir::OpBuilder &builder, mlir::Location) { emit(builder, otherwise); });
  return llvm::SmallVector<mlir::Value>(choice.getResults());
}

mlir::LogicalResult lowerSampleWeights(Emitter &e, tile::SampleWeightsOp op, int64_t lanes);
mlir::LogicalResult lowerDraw(Emitter &e, tile::DrawOp op, int64_t lanes);

} // namespace ingot::cpu
