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

/// Sets the only result of `op` to fn(cell, ...) of its first N operands, elementwise. Operands may be arrays where
/// their type is scalar: `tile.map` runs its body on whole tiles at once.
template <unsigned N, typename Fn> mlir::LogicalResult elementwise(mlir::Operation *op, Frame &frame, Fn fn) {
  llvm::SmallVector<Lane, N> lanes;
  const Array *shaped = nullptr;
  for (unsigned i = 0; i < N; ++i)
    lanes.emplace_back(frame.get(op->getOperand(i)));
  for (Lane &lane : lanes)
    if (lane.array)
      shaped = &*lane.array;
  Element element = *elementOf(mlir::getElementTypeOrSelf(op->getResult(0).getType()));
  auto call = [&](int64_t i) {
    if constexpr (N == 1)
      return fn(lanes[0].cells()[i * lanes[0].step()]);
    else if constexpr (N == 2)
      return fn(lanes[0].cells()[i * lanes[0].step()], lanes[1].cells()[i * lanes[1].step()]);
    else
      return fn(lanes[0].cells()[i * lanes[0].step()], lanes[1].cells()[i * lanes[1].step()],
                lanes[2].cells()[i * lanes[2].step()]);
  };
  if (!shaped) {
    frame.setScalar(op->getResult(0), element, finish(element, call(0), frame.getMode()));
    return mlir::success();
  }
  Array out = Array::uninitialized(element, shaped->shape());
  for (int64_t i = 0, e = out.numElements(); i < e; ++i)
    out.data()[i] = finish(element, call(i), frame.getMode());
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
