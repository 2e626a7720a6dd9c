// math: computed in float64 and rounded once in typed mode.
#include "lib/Interpreter/Models/Models.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace mlir;
using namespace ingot::interpreter;

namespace {

double rsqrt(double x) { return 1.0 / std::sqrt(x); }
double roundEven(double x) { return std::nearbyint(x); }

/// float fma in typed f32: the exact product and one rounding, which a rounded float64 result would not be.
LogicalResult fma(math::FmaOp op, Frame &frame) {
  bool single = frame.isTyped() && getElementTypeOrSelf(op.getType()).isF32();
  return elementwise<3>(op, frame, [=](Cell a, Cell b, Cell c) {
    if (single)
      return Cell{std::fma(static_cast<float>(a.f), static_cast<float>(b.f), static_cast<float>(c.f))};
    return Cell{std::fma(a.f, b.f, c.f)};
  });
}

template <typename Op, bool (*fn)(double)> LogicalResult classify(Op op, Frame &frame) {
  return elementwise<1>(op, frame, [](Cell a) { return intCell(fn(a.f)); });
}
bool isNan(double x) { return std::isnan(x); }
bool isInf(double x) { return std::isinf(x); }
bool isFinite(double x) { return std::isfinite(x); }
bool isNormal(double x) { return std::isnormal(x); }

LogicalResult absi(math::AbsIOp op, Frame &frame) {
  // The least number has no positive counterpart and wraps to itself.
  return elementwise<1>(
      op, frame, [](Cell a) { return intCell(a.i < 0 ? static_cast<int64_t>(-static_cast<uint64_t>(a.i)) : a.i); });
}

LogicalResult fpowi(math::FPowIOp op, Frame &frame) {
  return elementwise<2>(op, frame, [](Cell a, Cell b) { return Cell{std::pow(a.f, static_cast<double>(b.i))}; });
}

/// Wrapping integer power; a negative exponent gives the truncated quotient, as math.ipowi says.
int64_t integerPower(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  uint64_t result = 1, factor = static_cast<uint64_t>(base);
  for (auto bits = static_cast<uint64_t>(exponent); bits; bits >>= 1, factor *= factor)
    if (bits & 1)
      result *= factor;
  return static_cast<int64_t>(result);
}

LogicalResult ipowi(math::IPowIOp op, Frame &frame) {
  return elementwise<2>(op, frame, [](Cell a, Cell b) { return intCell(integerPower(a.i, b.i)); });
}

template <typename Op, int (*fn)(uint64_t, unsigned)> LogicalResult countBits(Op op, Frame &frame) {
  Element element = *elementOf(getElementTypeOrSelf(op.getType()));
  return elementwise<1>(op, frame, [=](Cell a) { return intCell(fn(zeroExtend(element, a.i), bitWidth(element))); });
}
int leadingZeros(uint64_t x, unsigned width) { return llvm::countl_zero(x) - (64 - static_cast<int>(width)); }
int trailingZeros(uint64_t x, unsigned width) { return x ? llvm::countr_zero(x) : static_cast<int>(width); }
int population(uint64_t x, unsigned) { return llvm::popcount(x); }

} // namespace

void ingot::interpreter::attachMathModels(MLIRContext *context) {
  using namespace math;
#define UNARY(OP, FN) attach<OP, unaryFloat<OP, FN>>(context)
  UNARY(AbsFOp, std::fabs);
  UNARY(AcosOp, std::acos);
  UNARY(AcoshOp, std::acosh);
  UNARY(AsinOp, std::asin);
  UNARY(AsinhOp, std::asinh);
  UNARY(AtanOp, std::atan);
  UNARY(AtanhOp, std::atanh);
  UNARY(CbrtOp, std::cbrt);
  UNARY(CeilOp, std::ceil);
  UNARY(CosOp, std::cos);
  UNARY(CoshOp, std::cosh);
  UNARY(ErfOp, std::erf);
  UNARY(ErfcOp, std::erfc);
  UNARY(ExpOp, std::exp);
  UNARY(Exp2Op, std::exp2);
  UNARY(ExpM1Op, std::expm1);
  UNARY(FloorOp, std::floor);
  UNARY(LogOp, std::log);
  UNARY(Log10Op, std::log10);
  UNARY(Log1pOp, std::log1p);
  UNARY(Log2Op, std::log2);
  UNARY(RoundOp, std::round);
  UNARY(RoundEvenOp, roundEven);
  UNARY(RsqrtOp, rsqrt);
  UNARY(SinOp, std::sin);
  UNARY(SinhOp, std::sinh);
  UNARY(SqrtOp, std::sqrt);
  UNARY(TanOp, std::tan);
  UNARY(TanhOp, std::tanh);
  UNARY(TruncOp, std::trunc);
#undef UNARY
  attach<Atan2Op, binaryFloat<Atan2Op, std::atan2>>(context);
  attach<CopySignOp, binaryFloat<CopySignOp, std::copysign>>(context);
  attach<PowFOp, binaryFloat<PowFOp, std::pow>>(context);
  attach<FPowIOp, fpowi>(context);
  attach<IPowIOp, ipowi>(context);
  attach<FmaOp, fma>(context);
  attach<AbsIOp, absi>(context);
  attach<IsNaNOp, classify<IsNaNOp, isNan>>(context);
  attach<IsInfOp, classify<IsInfOp, isInf>>(context);
  attach<IsFiniteOp, classify<IsFiniteOp, isFinite>>(context);
  attach<IsNormalOp, classify<IsNormalOp, isNormal>>(context);
  attach<CountLeadingZerosOp, countBits<CountLeadingZerosOp, leadingZeros>>(context);
  attach<CountTrailingZerosOp, countBits<CountTrailingZerosOp, trailingZeros>>(context);
  attach<CtPopOp, countBits<CtPopOp, population>>(context);
}
