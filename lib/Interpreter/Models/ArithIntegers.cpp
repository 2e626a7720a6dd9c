// arith: integer and index arithmetic. Values are kept sign-extended; `finish` wraps results to their width.
#include "lib/Interpreter/Models/Models.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ingot::interpreter;

namespace {

Element elementOfOperand(Operation *op) { return *elementOf(getElementTypeOrSelf(op->getOperand(0).getType())); }

/// A set i1 is -1 when it is read as signed.
int64_t asSigned(Element element, int64_t value) { return element == Element::i1 ? -value : value; }

template <typename Op, uint64_t (*fn)(uint64_t, uint64_t)> LogicalResult wrapping(Op op, Frame &frame) {
  return elementwise<2>(op, frame, [](Cell a, Cell b) {
    return intCell(static_cast<int64_t>(fn(static_cast<uint64_t>(a.i), static_cast<uint64_t>(b.i))));
  });
}

template <typename Op, uint64_t (*fn)(uint64_t, uint64_t)> LogicalResult onUnsigned(Op op, Frame &frame) {
  return elementwise<2>(op, frame, [element = elementOfOperand(op)](Cell a, Cell b) {
    return intCell(static_cast<int64_t>(fn(zeroExtend(element, a.i), zeroExtend(element, b.i))));
  });
}

template <typename Op, int64_t (*fn)(int64_t, int64_t)> LogicalResult onSigned(Op op, Frame &frame) {
  return elementwise<2>(op, frame, [element = elementOfOperand(op)](Cell a, Cell b) {
    return intCell(fn(asSigned(element, a.i), asSigned(element, b.i)));
  });
}

LogicalResult checkDivisor(Operation *op, Frame &frame) {
  Lane divisor(frame.get(op->getOperand(1)));
  int64_t count = divisor.array ? divisor.array->numElements() : 1;
  for (int64_t i = 0; i < count; ++i)
    if (divisor.cells()[i].i == 0)
      return op->emitOpError() << "divides by zero";
  return success();
}

template <typename Op, uint64_t (*fn)(uint64_t, uint64_t)> LogicalResult divideUnsigned(Op op, Frame &frame) {
  return failed(checkDivisor(op, frame)) ? failure() : onUnsigned<Op, fn>(op, frame);
}
template <typename Op, int64_t (*fn)(int64_t, int64_t)> LogicalResult divideSigned(Op op, Frame &frame) {
  return failed(checkDivisor(op, frame)) ? failure() : onSigned<Op, fn>(op, frame);
}

uint64_t add(uint64_t a, uint64_t b) { return a + b; }
uint64_t sub(uint64_t a, uint64_t b) { return a - b; }
uint64_t mul(uint64_t a, uint64_t b) { return a * b; }
uint64_t bitAnd(uint64_t a, uint64_t b) { return a & b; }
uint64_t bitOr(uint64_t a, uint64_t b) { return a | b; }
uint64_t bitXor(uint64_t a, uint64_t b) { return a ^ b; }
// A divisor of -1 is a negation, which wraps where the machine's division would trap.
int64_t negate(int64_t a) { return static_cast<int64_t>(-static_cast<uint64_t>(a)); }
int64_t divS(int64_t a, int64_t b) { return b == -1 ? negate(a) : a / b; }
int64_t remS(int64_t a, int64_t b) { return b == -1 ? 0 : a % b; }
int64_t floorDivS(int64_t a, int64_t b) { return b == -1 ? negate(a) : llvm::divideFloorSigned(a, b); }
int64_t ceilDivS(int64_t a, int64_t b) { return b == -1 ? negate(a) : llvm::divideCeilSigned(a, b); }
uint64_t divU(uint64_t a, uint64_t b) { return a / b; }
uint64_t remU(uint64_t a, uint64_t b) { return a % b; }
uint64_t ceilDivU(uint64_t a, uint64_t b) { return llvm::divideCeil(a, b); }
int64_t maxS(int64_t a, int64_t b) { return std::max(a, b); }
int64_t minS(int64_t a, int64_t b) { return std::min(a, b); }
uint64_t maxU(uint64_t a, uint64_t b) { return std::max(a, b); }
uint64_t minU(uint64_t a, uint64_t b) { return std::min(a, b); }
// Shifts by the width or more are undefined in MLIR; here they shift everything out.
uint64_t shiftLeft(uint64_t a, uint64_t b) { return b >= 64 ? 0 : a << b; }
uint64_t shiftRightU(uint64_t a, uint64_t b) { return b >= 64 ? 0 : a >> b; }
int64_t shiftRightS(int64_t a, int64_t b) { return a >> (b < 0 || b > 63 ? 63 : b); }

bool compare(arith::CmpIPredicate predicate, Element element, int64_t a, int64_t b) {
  using P = arith::CmpIPredicate;
  int64_t sa = asSigned(element, a), sb = asSigned(element, b);
  uint64_t ua = zeroExtend(element, a), ub = zeroExtend(element, b);
  switch (predicate) {
  case P::eq:
    return a == b;
  case P::ne:
    return a != b;
  case P::slt:
    return sa < sb;
  case P::sle:
    return sa <= sb;
  case P::sgt:
    return sa > sb;
  case P::sge:
    return sa >= sb;
  case P::ult:
    return ua < ub;
  case P::ule:
    return ua <= ub;
  case P::ugt:
    return ua > ub;
  case P::uge:
    return ua >= ub;
  }
  llvm_unreachable("unknown predicate");
}

LogicalResult cmpi(arith::CmpIOp op, Frame &frame) {
  return elementwise<2>(op, frame, [predicate = op.getPredicate(), element = elementOfOperand(op)](Cell a, Cell b) {
    return intCell(compare(predicate, element, a.i, b.i));
  });
}

/// Sign extension, truncation and signed index casts: the kept value is already sign-extended.
template <typename Op> LogicalResult castSigned(Op op, Frame &frame) {
  return elementwise<1>(op, frame,
                        [element = elementOfOperand(op)](Cell a) { return intCell(asSigned(element, a.i)); });
}

template <typename Op> LogicalResult castUnsigned(Op op, Frame &frame) {
  return elementwise<1>(op, frame, [element = elementOfOperand(op)](Cell a) {
    return intCell(static_cast<int64_t>(zeroExtend(element, a.i)));
  });
}

} // namespace

void ingot::interpreter::attachArithIntegerModels(MLIRContext *context) {
  using namespace arith;
  attach<AddIOp, wrapping<AddIOp, add>>(context);
  attach<SubIOp, wrapping<SubIOp, sub>>(context);
  attach<MulIOp, wrapping<MulIOp, mul>>(context);
  attach<AndIOp, wrapping<AndIOp, bitAnd>>(context);
  attach<OrIOp, wrapping<OrIOp, bitOr>>(context);
  attach<XOrIOp, wrapping<XOrIOp, bitXor>>(context);
  attach<DivSIOp, divideSigned<DivSIOp, divS>>(context);
  attach<RemSIOp, divideSigned<RemSIOp, remS>>(context);
  attach<FloorDivSIOp, divideSigned<FloorDivSIOp, floorDivS>>(context);
  attach<CeilDivSIOp, divideSigned<CeilDivSIOp, ceilDivS>>(context);
  attach<DivUIOp, divideUnsigned<DivUIOp, divU>>(context);
  attach<RemUIOp, divideUnsigned<RemUIOp, remU>>(context);
  attach<CeilDivUIOp, divideUnsigned<CeilDivUIOp, ceilDivU>>(context);
  attach<MaxSIOp, onSigned<MaxSIOp, maxS>>(context);
  attach<MinSIOp, onSigned<MinSIOp, minS>>(context);
  attach<MaxUIOp, onUnsigned<MaxUIOp, maxU>>(context);
  attach<MinUIOp, onUnsigned<MinUIOp, minU>>(context);
  attach<ShLIOp, onUnsigned<ShLIOp, shiftLeft>>(context);
  attach<ShRUIOp, onUnsigned<ShRUIOp, shiftRightU>>(context);
  attach<ShRSIOp, onSigned<ShRSIOp, shiftRightS>>(context);
  attach<CmpIOp, cmpi>(context);
  attach<ExtSIOp, castSigned<ExtSIOp>>(context);
  attach<TruncIOp, castSigned<TruncIOp>>(context);
  attach<IndexCastOp, castSigned<IndexCastOp>>(context);
  attach<ExtUIOp, castUnsigned<ExtUIOp>>(context);
  attach<IndexCastUIOp, castUnsigned<IndexCastUIOp>>(context);
}
