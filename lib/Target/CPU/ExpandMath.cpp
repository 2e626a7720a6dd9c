#include "ingot/Target/CPU/Passes.h"

#include "lib/Target/CPU/Conversions.h"
#include "lib/Target/CPU/MathFunctions.h"
#include "lib/Target/CPU/ValueMath.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_EXPANDMATH
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

static Type elementOf(Operation *op) { return getElementTypeOrSelf(op->getResult(0).getType()); }

/// Operations that every level has as instructions or that LLVM expands in line.
static bool isNative(Operation *op) {
  return isa<math::AbsFOp, math::AbsIOp, math::CopySignOp, math::SqrtOp, math::CountLeadingZerosOp,
             math::CountTrailingZerosOp, math::CtPopOp, math::IsNaNOp, math::IsInfOp, math::IsFiniteOp,
             math::IsNormalOp>(op);
}

/// Rounding without instructions for it: adding and subtracting 2^23 rounds to the nearest integer, ties to even.
static Value emitRounding(Emitter &builder, Operation *op) {
  Value x = op->getOperand(0);
  ValueMath m(builder, x);
  using F = ValueMath::F;
  bool isDouble = getElementTypeOrSelf(x.getType()).isF64();
  auto constant = [&](double value) { return floatConstant(builder, x.getType(), value); };
  Value big = constant(isDouble ? 4503599627370496.0 : 8388608.0), absolute = m.abs(x);
  Value nearest = m.copySign(m.sub(m.add(absolute, big), big), x);
  Value one = constant(1.0), zero = constant(0.0), result = nearest;
  auto oneIf = [&](Value condition) { return m.select(condition, one, zero); };
  auto truncated = [&] {
    Value positive = m.abs(nearest);
    return m.sub(positive, oneIf(m.compare(F::OGT, positive, absolute)));
  };
  if (isa<math::FloorOp>(op))
    result = m.sub(nearest, oneIf(m.compare(F::OGT, nearest, x)));
  else if (isa<math::CeilOp>(op))
    result = m.add(nearest, oneIf(m.compare(F::OLT, nearest, x)));
  else if (isa<math::TruncOp>(op))
    result = truncated();
  else if (isa<math::RoundOp>(op)) {
    Value towardsZero = truncated();
    result = m.add(towardsZero, oneIf(m.compare(F::OGE, m.sub(absolute, towardsZero), constant(0.5))));
  }
  return m.select(m.compare(F::OLT, absolute, big), m.copySign(result, x), x);
}

/// The function of a float32 operation, or null when there is none.
static Value emitFunction(Emitter &builder, Operation *op, ValueRange x) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](math::ExpOp) { return emitExp(builder, x[0]); })
      .Case([&](math::Exp2Op) { return emitExp2(builder, x[0]); })
      .Case([&](math::ExpM1Op) { return emitExpM1(builder, x[0]); })
      .Case([&](math::LogOp) { return emitLog(builder, x[0]); })
      .Case([&](math::Log2Op) { return emitLog2(builder, x[0]); })
      .Case([&](math::Log10Op) { return emitLog10(builder, x[0]); })
      .Case([&](math::Log1pOp) { return emitLog1p(builder, x[0]); })
      .Case([&](math::TanhOp) { return emitTanh(builder, x[0]); })
      .Case([&](math::ErfOp) { return emitErf(builder, x[0]); })
      .Case([&](math::SinOp) { return emitSin(builder, x[0]); })
      .Case([&](math::CosOp) { return emitCos(builder, x[0]); })
      .Case([&](math::PowFOp) { return emitPow(builder, x[0], x[1]); })
      .Default([](Operation *) { return Value(); });
}

namespace {

struct ExpandMath : public cpu::impl::ExpandMathBase<ExpandMath> {
  using ExpandMathBase::ExpandMathBase;
  void runOnOperation() override;

private:
  /// One walk; whether it changed anything.
  FailureOr<bool> expandOnce();
  /// The value that replaces an operation's result; the result itself when the operation can stay.
  FailureOr<Value> expand(Emitter &builder, Operation *op);
  FailureOr<Value> expandFloat(Emitter &builder, Operation *op);
  FailureOr<Value> expandConversion(Emitter &builder, Operation *op);
};

} // namespace

static FailureOr<Value> unsupported(Operation *op) {
  return op->emitOpError() << "of " << op->getOperand(0).getType() << " is not supported yet on the CPU";
}

/// Conversions from and to 16-bit floats that the level has no instructions for.
FailureOr<Value> ExpandMath::expandConversion(Emitter &builder, Operation *op) {
  Value x = op->getOperand(0);
  Type from = getElementTypeOrSelf(x.getType()), to = elementOf(op);
  bool narrow = isa<arith::TruncFOp>(op);
  Type half = narrow ? to : from, other = narrow ? from : to;
  if (half.getIntOrFloatBitWidth() >= 32)
    return op->getResult(0);
  if (!half.isBF16() && !half.isF16())
    return unsupported(op);
  if (other.isF64()) {
    // Rounding twice is not rounding once.
    if (narrow)
      return unsupported(op);
    x = convertFloat(builder, x, half);
    Value single = half.isBF16() ? emitExtendBF16(builder, x) : emitExtendF16(builder, x);
    return convertFloat(builder, single, other);
  }
  // AVX512-BF16 has an instruction that rounds, but it takes denormals to zero.
  if (half.isBF16())
    return narrow ? emitTruncateBF16(builder, x) : emitExtendBF16(builder, x);
  if (!baseline)
    return op->getResult(0);
  return narrow ? emitTruncateF16(builder, x) : emitExtendF16(builder, x);
}

/// An operation on floats; its own result when it can stay.
FailureOr<Value> ExpandMath::expandFloat(Emitter &builder, Operation *op) {
  Type element = elementOf(op);
  if (auto rsqrt = dyn_cast<math::RsqrtOp>(op)) {
    Value root = math::SqrtOp::create(builder, rsqrt.getOperand());
    return arith::DivFOp::create(builder, floatConstant(builder, root.getType(), 1.0), root).getResult();
  }
  if (auto fma = dyn_cast<math::FmaOp>(op))
    return baseline ? mulAdd(builder, fma.getA(), fma.getB(), fma.getC()) : op->getResult(0);
  if (isa<math::FloorOp, math::CeilOp, math::TruncOp, math::RoundOp, math::RoundEvenOp>(op))
    return baseline ? emitRounding(builder, op) : op->getResult(0);
  if (!element.isF32())
    return unsupported(op);
  Value function = emitFunction(builder, op, op->getOperands());
  return function ? FailureOr<Value>(function) : unsupported(op);
}

FailureOr<Value> ExpandMath::expand(Emitter &builder, Operation *op) {
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return expandConversion(builder, op);
  if (isa<arith::RemFOp>(op))
    return unsupported(op);
  if (!isa<FloatType>(elementOf(op)))
    return isNative(op) ? FailureOr<Value>(op->getResult(0)) : unsupported(op);
  return expandFloat(builder, op);
}

static bool isNarrowFloat(Type type) {
  auto element = dyn_cast<FloatType>(getElementTypeOrSelf(type));
  return element && element.getWidth() < 32;
}

static Type toSingle(Type type) {
  Type single = Float32Type::get(type.getContext());
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(single)) : single;
}

/// Whether `op` computes with 16-bit floats, rather than only moving or converting them.
static bool computesNarrow(Operation *op) {
  bool computes = isa<math::MathDialect>(op->getDialect()) ||
                  isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::NegFOp, arith::RemFOp,
                      arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp, arith::CmpFOp,
                      arith::SIToFPOp, arith::UIToFPOp, arith::FPToSIOp, arith::FPToUIOp>(op);
  return computes &&
         (llvm::any_of(op->getOperandTypes(), isNarrowFloat) || llvm::any_of(op->getResultTypes(), isNarrowFloat));
}

/// Such operations are computed in float32, and the result rounded.
static void computeInSinglePrecision(Operation *op) {
  Emitter builder(op->getLoc(), op);
  for (OpOperand &operand : op->getOpOperands())
    if (isNarrowFloat(operand.get().getType()))
      operand.set(convertFloat(builder, operand.get(), builder.getF32Type()));
  Value result = op->getResult(0);
  Type type = result.getType();
  if (!isNarrowFloat(type))
    return;
  result.setType(toSingle(type));
  builder.setInsertionPointAfter(op);
  Value rounded = convertFloat(builder, result, getElementTypeOrSelf(type));
  result.replaceAllUsesExcept(rounded, rounded.getDefiningOp());
}

/// Conversions to integers, once: what they expand to contains one.
static void saturateConversions(Operation *root) {
  SmallVector<Operation *> conversions;
  root->walk([&](Operation *op) {
    if (isa<arith::FPToSIOp, arith::FPToUIOp>(op))
      conversions.push_back(op);
  });
  for (Operation *op : conversions) {
    Emitter builder(op->getLoc(), op);
    op->getResult(0).replaceAllUsesWith(
        emitSaturatingConversion(builder, op->getOperand(0), elementOf(op), isa<arith::FPToSIOp>(op)));
    op->erase();
  }
}

void ExpandMath::runOnOperation() {
  SmallVector<Operation *> narrow;
  getOperation()->walk([&](Operation *op) {
    if (computesNarrow(op))
      narrow.push_back(op);
  });
  for (Operation *op : narrow)
    computeInSinglePrecision(op);
  saturateConversions(getOperation());
  // Expansions contain roundings and conversions, which may need expansion themselves.
  while (true) {
    FailureOr<bool> changed = expandOnce();
    if (failed(changed))
      return signalPassFailure();
    if (!*changed)
      return;
  }
}

FailureOr<bool> ExpandMath::expandOnce() {
  SmallVector<Operation *> work;
  getOperation()->walk([&](Operation *op) {
    if (isa<arith::ExtFOp, arith::TruncFOp, arith::RemFOp>(op) ||
        (isa<math::MathDialect>(op->getDialect()) && !isNative(op)))
      work.push_back(op);
  });
  bool changed = false;
  for (Operation *op : work) {
    Emitter builder(op->getLoc(), op);
    FailureOr<Value> value = expand(builder, op);
    if (failed(value))
      return failure();
    if (*value == op->getResult(0))
      continue;
    changed = true;
    op->getResult(0).replaceAllUsesWith(*value);
    op->erase();
  }
  return changed;
}
