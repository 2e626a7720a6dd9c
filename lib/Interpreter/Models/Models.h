// How models of operations are written and attached. One `attach...Models` per family, called by Registration.cpp.
#pragma once

#include "ingot/Interpreter/Frame.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/TypeUtilities.h"

namespace ingot::interpreter {

void attachArithModels(mlir::MLIRContext *context);
void attachArithIntegerModels(mlir::MLIRContext *context);
void attachMathModels(mlir::MLIRContext *context);
void attachTensorModels(mlir::MLIRContext *context);
void attachMemRefModels(mlir::MLIRContext *context);
void attachScfModels(mlir::MLIRContext *context);
void attachFuncModels(mlir::MLIRContext *context);
void attachAffineModels(mlir::MLIRContext *context);
void attachIngotModels(mlir::MLIRContext *context);
void attachIngotTrainingModels(mlir::MLIRContext *context);
void attachTileModels(mlir::MLIRContext *context);

/// A model that is one function.
template <typename Op, mlir::LogicalResult (*fn)(Op, Frame &)>
struct FunctionModel : InterpretableOpInterface::ExternalModel<FunctionModel<Op, fn>, Op> {
  mlir::LogicalResult interpret(mlir::Operation *op, Frame &frame) const { return fn(mlir::cast<Op>(op), frame); }
};

template <typename Op, mlir::LogicalResult (*fn)(Op, Frame &)> void attach(mlir::MLIRContext *context) {
  Op::template attachInterface<FunctionModel<Op, fn>>(*context);
}

/// One operand of an elementwise operation: a scalar repeats with step 0.
struct Lane {
  Lane(const Datum &datum);
  std::optional<Array> array; // keeps a dense copy alive
  Scalar scalar;
  Element element;
  const Cell *cells() const { return array ? array->data() : &scalar.cell; }
  int64_t step() const { return array ? 1 : 0; }
};

/// Rounds or wraps a cell to what a result of `element` may hold.
inline Cell finish(Element element, Cell cell, Mode mode) {
  if (!isFloat(element))
    cell.i = wrapTo(element, cell.i);
  else if (mode == Mode::Typed)
    cell.f = roundTo(element, cell.f);
  return cell;
}

/// Sets the only result of `op` to fn(cell, ...) of its first N operands, elementwise; what depends on poison is
/// poison, also as an integer. Operands may be arrays where their type is scalar: `tile.map` runs its body on whole
/// tiles at once.
template <unsigned N, typename Fn> mlir::LogicalResult elementwise(mlir::Operation *op, Frame &frame, Fn fn) {
  llvm::SmallVector<Lane, N> lanes;
  for (unsigned i = 0; i < N; ++i)
    lanes.emplace_back(frame.get(op->getOperand(i)));
  Element element = *elementOf(mlir::getElementTypeOrSelf(op->getResult(0).getType()));
  Mode mode = frame.getMode();
  auto call = [&](int64_t i) {
    std::array<Cell, N> cells;
    for (unsigned n = 0; n < N; ++n)
      cells[n] = lanes[n].cells()[i * lanes[n].step()];
    return llvm::any_of(cells, isPoison) ? poison() : finish(element, std::apply(fn, cells), mode);
  };
  auto shaped = llvm::find_if(lanes, [](const Lane &lane) { return lane.array.has_value(); });
  if (shaped == lanes.end()) {
    frame.setScalar(op->getResult(0), element, call(0));
    return mlir::success();
  }
  Array out = Array::uninitialized(element, shaped->array->shape());
  Cell *to = out.data();
  for (int64_t i = 0, e = out.numElements(); i < e; ++i)
    to[i] = call(i);
  frame.set(op->getResult(0), out);
  return mlir::success();
}

/// Elementwise models of plain functions on doubles (int64s: `i`).
template <typename Op, double (*fn)(double)> mlir::LogicalResult unaryFloat(Op op, Frame &frame) {
  return elementwise<1>(op, frame, [](Cell a) { return Cell{fn(a.f)}; });
}
template <typename Op, double (*fn)(double, double)> mlir::LogicalResult binaryFloat(Op op, Frame &frame) {
  return elementwise<2>(op, frame, [](Cell a, Cell b) { return Cell{fn(a.f, b.f)}; });
}
inline Cell intCell(int64_t value) {
  Cell cell;
  cell.i = value;
  return cell;
}

} // namespace ingot::interpreter
