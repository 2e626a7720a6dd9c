// arith: constants, floats, comparisons and casts. Integer arithmetic is in ArithIntegers.cpp.
#include "lib/Interpreter/Models/Models.h"

#include "ingot/Interpreter/Constants.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <cmath>

using namespace mlir;
using namespace ingot::interpreter;

namespace {

Element operandElement(Operation *op, unsigned operand = 0) {
  return *elementOf(getElementTypeOrSelf(op->getOperand(operand).getType()));
}

LogicalResult constant(arith::ConstantOp op, Frame &frame) {
  auto datum = datumOf(op.getValue());
  if (!datum)
    return op.emitOpError() << "of type " << op.getType() << " cannot be interpreted";
  frame.set(op, std::move(*datum));
  return success();
}

double add(double a, double b) { return a + b; }
double sub(double a, double b) { return a - b; }
double mul(double a, double b) { return a * b; }
double div(double a, double b) { return a / b; }
double neg(double a) { return -a; }

/// NaN if either is NaN; -0 < +0.
double maximum(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::nan("");
  return a == b ? (std::signbit(a) ? b : a) : std::max(a, b);
}
double minimum(double a, double b) { return -maximum(-a, -b); }
/// The other one if one is NaN.
double maxnum(double a, double b) { return std::isnan(a) ? b : std::isnan(b) ? a : maximum(a, b); }
double minnum(double a, double b) { return std::isnan(a) ? b : std::isnan(b) ? a : minimum(a, b); }

bool compare(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::OEQ:
    return a == b;
  case P::OGT:
    return a > b;
  case P::OGE:
    return a >= b;
  case P::OLT:
    return a < b;
  case P::OLE:
    return a <= b;
  case P::ONE:
    return !unordered && a != b;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || a == b;
  case P::UGT:
    return unordered || a > b;
  case P::UGE:
    return unordered || a >= b;
  case P::ULT:
    return unordered || a < b;
  case P::ULE:
    return unordered || a <= b;
  case P::UNE:
    return a != b;
  case P::UNO:
    return unordered;
  case P::AlwaysTrue:
    return true;
  }
  llvm_unreachable("unknown predicate");
}

LogicalResult cmpf(arith::CmpFOp op, Frame &frame) {
  return elementwise<2>(
      op, frame, [predicate = op.getPredicate()](Cell a, Cell b) { return intCell(compare(predicate, a.f, b.f)); });
}

/// By hand: the value that is not chosen may be poison.
LogicalResult select(arith::SelectOp op, Frame &frame) {
  const Datum &condition = frame.get(op.getCondition());
  // One condition for whole tensors or memrefs chooses the value, not its elements.
  if (auto *scalar = std::get_if<Scalar>(&condition)) {
    if (isPoison(scalar->cell))
      return op.emitOpError() << "depends on a value that nobody wrote";
    frame.set(op, Datum(frame.get(scalar->cell.i ? op.getTrueValue() : op.getFalseValue())));
    return success();
  }
  Lane chooser(condition), yes(frame.get(op.getTrueValue())), no(frame.get(op.getFalseValue()));
  Array out = Array::uninitialized(yes.element, chooser.array->shape());
  for (int64_t i = 0, e = out.numElements(); i < e; ++i) {
    Cell cell = chooser.cells()[i];
    out.data()[i] = isPoison(cell) ? cell : cell.i ? yes.cells()[i * yes.step()] : no.cells()[i * no.step()];
  }
  frame.set(op, out);
  return success();
}

/// Float to float: `finish` rounds in typed mode, and exact mode keeps the value.
template <typename Op> LogicalResult castFloat(Op op, Frame &frame) {
  return elementwise<1>(op, frame, [](Cell a) { return a; });
}

LogicalResult sitofp(arith::SIToFPOp op, Frame &frame) {
  bool bit = operandElement(op) == Element::i1; // as a signed number, a set i1 is -1
  return elementwise<1>(op, frame, [=](Cell a) { return Cell{static_cast<double>(bit ? -a.i : a.i)}; });
}

LogicalResult uitofp(arith::UIToFPOp op, Frame &frame) {
  Element from = operandElement(op);
  return elementwise<1>(op, frame, [=](Cell a) { return Cell{static_cast<double>(zeroExtend(from, a.i))}; });
}

/// Towards zero; what does not fit is undefined in MLIR and saturates here, NaN gives 0.
int64_t saturate(double value, double least, double most) {
  if (std::isnan(value))
    return 0;
  value = std::trunc(value);
  if (value <= least)
    return static_cast<int64_t>(least);
  // 2^63 itself is no int64.
  return value >= 0x1p63 ? INT64_MAX : static_cast<int64_t>(std::min(value, most));
}

LogicalResult fptosi(arith::FPToSIOp op, Frame &frame) {
  double half = std::ldexp(1.0, bitWidth(*elementOf(getElementTypeOrSelf(op.getType()))) - 1);
  return elementwise<1>(op, frame, [=](Cell a) { return intCell(saturate(a.f, -half, half - 1)); });
}

LogicalResult fptoui(arith::FPToUIOp op, Frame &frame) {
  double full = std::ldexp(1.0, bitWidth(*elementOf(getElementTypeOrSelf(op.getType()))));
  return elementwise<1>(op, frame, [=](Cell a) {
    if (a.f >= 0x1p63) // keep the bit pattern of large unsigned values
      return intCell(a.f >= full ? -1 : static_cast<int64_t>(static_cast<uint64_t>(a.f)));
    return intCell(saturate(a.f, 0, full - 1));
  });
}

LogicalResult bitcast(arith::BitcastOp op, Frame &frame) {
  Element from = operandElement(op), to = *elementOf(getElementTypeOrSelf(op.getType()));
  return elementwise<1>(op, frame, [=](Cell a) {
    char bytes[8] = {};
    storeBytes(from, a, bytes);
    return loadBytes(to, bytes);
  });
}

} // namespace

Lane::Lane(const Datum &datum) {
  if (auto *shaped = std::get_if<Array>(&datum)) {
    array = shaped->dense();
    element = shaped->element();
  } else {
    scalar = std::get<Scalar>(datum);
    element = scalar.element;
  }
}

void ingot::interpreter::attachArithModels(MLIRContext *context) {
  using namespace arith;
  attach<ConstantOp, constant>(context);
  attach<AddFOp, binaryFloat<AddFOp, add>>(context);
  attach<SubFOp, binaryFloat<SubFOp, sub>>(context);
  attach<MulFOp, binaryFloat<MulFOp, mul>>(context);
  attach<DivFOp, binaryFloat<DivFOp, div>>(context);
  attach<RemFOp, binaryFloat<RemFOp, std::fmod>>(context);
  attach<NegFOp, unaryFloat<NegFOp, neg>>(context);
  attach<MaximumFOp, binaryFloat<MaximumFOp, maximum>>(context);
  attach<MinimumFOp, binaryFloat<MinimumFOp, minimum>>(context);
  attach<MaxNumFOp, binaryFloat<MaxNumFOp, maxnum>>(context);
  attach<MinNumFOp, binaryFloat<MinNumFOp, minnum>>(context);
  attach<CmpFOp, cmpf>(context);
  attach<SelectOp, select>(context);
  attach<ExtFOp, castFloat<ExtFOp>>(context);
  attach<TruncFOp, castFloat<TruncFOp>>(context);
  attach<SIToFPOp, sitofp>(context);
  attach<UIToFPOp, uitofp>(context);
  attach<FPToSIOp, fptosi>(context);
  attach<FPToUIOp, fptoui>(context);
  attach<BitcastOp, bitcast>(context);
}
