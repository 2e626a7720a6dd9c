#include "lib/Target/CPU/MathFunctions.h"

#include "lib/Target/CPU/ValueMath.h"

#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

using F = ValueMath::F;
using I = ValueMath::I;

// Coefficients: scripts/fit-polynomials. The comment of each says what the polynomial p stands for.

// e^r = 1 + r + r^2 p(r), |r| <= ln(2) / 2
static const float kExp[] = {0.49999994f, 0.166665211f, 0.041668389f, 0.00836871658f, 0.00138145988f};
// e^r - 1 = r + r^2 p(r), |r| <= ln(2) / 2
static const float kExpM1[] = {0.5f, 0.166666657f, 0.0416663624f, 0.00833338965f, 0.00139406277f, 0.000198458787f};
// log(1 + f) = f - f^2 / 2 + f^3 p(f), sqrt(1/2) <= 1 + f <= sqrt(2)
static const float kLog[] = {0.333333135f,  -0.250000089f, 0.200021192f,  -0.166679963f, 0.142195523f,
                             -0.124055892f, 0.11888162f,   -0.116756521f, 0.067466408f};
// tanh(x) = x + x^3 p(x^2), |x| <= 5/8
static const float kTanh[] = {-0.333332777f, 0.133313313f, -0.0537300073f, 0.0206061769f, -0.00566697726f};
// erf(x) = x + x p(x^2), |x| <= 15/16
static const float kErf[] = {0.128379166f,   -0.376126319f,    0.112836763f,   -0.0268583447f,
                             0.00519846333f, -0.000811405247f, 8.25101815e-05f};
// log(1 - erf(x)) = -x + x p(x), 15/16 <= x <= 3.93
static const float kErfTail[] = {-0.12864849f,    -0.635151327f,   -0.106236875f,   0.0237620603f,
                                 -0.00364245754f, 0.000322803447f, -1.12312619e-05f};
// sin(r) = r + r^3 p(r^2), |r| <= pi / 4
static const float kSin[] = {-0.166666672f, 0.00833332911f, -0.000198393114f, 2.71811405e-06f};
// cos(r) = 1 - r^2 / 2 + r^4 p(r^2), |r| <= pi / 4
static const float kCos[] = {0.0416666456f, -0.00138873153f, 2.44330822e-05f};

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
/// Adding 1.5 * 2^23 leaves a float's nearest integer in its low bits, without a conversion that NaN would break.
static constexpr double kRound32 = 12582912.0;
static constexpr int64_t kRoundBits32 = 0x4b400000;
/// ln(2) in two parts; the product of the first with integers below 2^15 is exact.
static constexpr double kLn2High = 0.693359375, kLn2Low = -2.12194440e-4;

/// x into [low, high]; NaN stays.
static Value clamp(ValueMath &m, Value x, Value low, Value high) {
  x = m.select(m.compare(F::OLT, high, x), high, x);
  return m.select(m.compare(F::OGT, low, x), low, x);
}

/// y * 2^n for integers n in [-150, 128], with one rounding: two factors, so that neither leaves the normal numbers.
static Value scaleByPowerOf2(ValueMath &m, Value y, Value n) {
  Value half = m.shrs(n, m.i32(1)), rest = m.subi(n, half);
  auto power = [&](Value exponent) { return m.asF32(m.shl(m.addi(exponent, m.i32(127)), m.i32(23))); };
  return m.mul(m.mul(y, power(half)), power(rest));
}

namespace {
/// x = n * step + a remainder.
struct Split {
  Value integer; // n as i32
  Value rounded; // n as a float
};
} // namespace

static Split roundToInteger(ValueMath &m, Value scaled, Value factor) {
  Value shifted = factor ? m.fma(scaled, factor, m.f32(kRound32)) : m.add(scaled, m.f32(kRound32));
  return {m.subi(m.bits32(shifted), m.i32(kRoundBits32)), m.sub(shifted, m.f32(kRound32))};
}

static Value reduceByLn2(ValueMath &m, Value x, Value n) {
  return m.fma(n, m.f32(-kLn2Low), m.fma(n, m.f32(-kLn2High), x));
}

Value cpu::emitExp(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  x = clamp(m, x, m.f32(-104.0), m.f32(89.0));
  Split n = roundToInteger(m, x, m.f32(1.44269504088896341));
  Value r = reduceByLn2(m, x, n.rounded);
  Value y = m.add(m.fma(m.mul(r, r), m.polynomial<float>(r, kExp), r), m.f32(1.0));
  return scaleByPowerOf2(m, y, n.integer);
}

Value cpu::emitExpOfNonPositive(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  // From ln(2^-126) on one power of 2 is enough.
  Value least = m.f32(-87.336544), isTiny = m.compare(F::OLT, x, least);
  Value clamped = m.select(isTiny, least, x);
  Value shifted = m.fma(clamped, m.f32(1.44269504088896341), m.f32(kRound32));
  Value r = reduceByLn2(m, clamped, m.sub(shifted, m.f32(kRound32)));
  Value y = m.add(m.fma(m.mul(r, r), m.polynomial<float>(r, kExp), r), m.f32(1.0));
  // The integer's low bits go straight into the exponent; the bits above them are shifted out.
  Value power = m.asF32(m.addi(m.shl(m.bits32(shifted), m.i32(23)), m.i32(127 << 23)));
  return m.select(isTiny, m.f32(0.0), m.mul(y, power));
}

Value cpu::emitExp2(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  x = clamp(m, x, m.f32(-150.0), m.f32(128.0));
  Split n = roundToInteger(m, x, nullptr);
  Value r = m.mul(m.sub(x, n.rounded), m.f32(0.693147180559945309));
  Value y = m.add(m.fma(m.mul(r, r), m.polynomial<float>(r, kExp), r), m.f32(1.0));
  return scaleByPowerOf2(m, y, n.integer);
}

Value cpu::emitExpM1(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  Value clamped = clamp(m, x, m.f32(-30.0), m.f32(89.0));
  Split n = roundToInteger(m, clamped, m.f32(1.44269504088896341));
  Value r = reduceByLn2(m, clamped, n.rounded);
  Value y = m.fma(m.mul(r, r), m.polynomial<float>(r, kExpM1), r);
  // 2^n (1 + y) - 1 = 2 (2^(n-1) y + (2^(n-1) - 1/2)): 2^128 would be no float.
  Value half = m.asF32(m.shl(m.addi(n.integer, m.i32(126)), m.i32(23)));
  Value result = m.mul(m.fma(half, y, m.sub(half, m.f32(0.5))), m.f32(2.0));
  // The zeros keep their sign, and tiny arguments their bits.
  return m.select(m.compare(F::OLT, m.abs(x), m.f32(1e-8)), x, result);
}

namespace {
/// x = 2^exponent * (1 + fraction), 1 + fraction in [sqrt(1/2), sqrt(2)].
struct Logarithm {
  Value exponent; // as a float
  Value fraction;
  Value tail; // -f^2 / 2 + f^3 p(f)
};
} // namespace

static Logarithm splitLogarithm(ValueMath &m, Value x) {
  Value denormal = m.compare(F::OLT, x, m.f32(std::numeric_limits<float>::min()));
  Value scaled = m.select(denormal, m.mul(x, m.f32(8388608.0)), x);
  // The offset moves the step of the exponent from 1 to sqrt(1/2).
  Value bits = m.subi(m.bits32(scaled), m.i32(0x3f3504f3));
  Value exponent = m.shrs(bits, m.i32(23));
  Value mantissa = m.asF32(m.subi(m.bits32(scaled), m.shl(exponent, m.i32(23))));
  Value exponentFloat = arith::SIToFPOp::create(m.b, m.typeOf(m.b.getF32Type()), exponent);
  exponentFloat = m.sub(exponentFloat, m.select(denormal, m.f32(23.0), m.f32(0.0)));
  Value f = m.sub(mantissa, m.f32(1.0)), square = m.mul(f, f);
  Value tail = m.fma(m.mul(square, f), m.polynomial<float>(f, kLog), m.mul(square, m.f32(-0.5)));
  return {exponentFloat, f, tail};
}

/// What all logarithms have in common outside the positive numbers.
static Value fixLogarithm(ValueMath &m, Value x, Value result) {
  result = m.select(m.compare(F::OEQ, x, m.f32(kInfinity)), x, result);
  result = m.select(m.compare(F::OEQ, x, m.f32(0.0)), m.f32(-kInfinity), result);
  return m.select(m.compare(F::ULT, x, m.f32(0.0)), m.f32(kNaN), result);
}

Value cpu::emitLog(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  Logarithm parts = splitLogarithm(m, x);
  Value low = m.fma(parts.exponent, m.f32(kLn2Low), parts.tail);
  return fixLogarithm(m, x, m.fma(parts.exponent, m.f32(kLn2High), m.add(low, parts.fraction)));
}

/// log(x) * scale with exponents that count `unit` each; scale in two parts, the first of few bits.
static Value scaledLogarithm(ValueMath &m, Value x, double scaleHigh, double scaleLow, double unitHigh,
                             double unitLow) {
  Logarithm parts = splitLogarithm(m, x);
  // The leading 12 bits of the fraction times the leading bits of the scale are exact.
  Value high = m.asF32(m.andi(m.bits32(parts.fraction), m.i32(-4096)));
  Value low = m.add(m.sub(parts.fraction, high), parts.tail);
  Value sum = m.fma(low, m.f32(scaleHigh + scaleLow), m.mul(high, m.f32(scaleLow)));
  sum = m.fma(parts.exponent, m.f32(unitLow), sum);
  sum = m.fma(high, m.f32(scaleHigh), sum);
  return fixLogarithm(m, x, m.fma(parts.exponent, m.f32(unitHigh), sum));
}

Value cpu::emitLog2(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  return scaledLogarithm(m, x, 1.4426269531250, 1.44269504088896341 - 1.4426269531250, 1.0, 0.0);
}

Value cpu::emitLog10(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  return scaledLogarithm(m, x, 0.43426513671875, 0.434294481903251828 - 0.43426513671875, 0.301025390625,
                         0.301029995663981195 - 0.301025390625);
}

Value cpu::emitLog1p(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  Value u = arith::AddFOp::create(builder, x, m.f32(1.0));
  // What rounding 1 + x lost, to first order.
  Value lost = m.div(m.sub(m.sub(u, m.f32(1.0)), x), u);
  Value logarithm = emitLog(builder, u);
  Value result = m.sub(logarithm, lost);
  Value plain = m.ori(m.compare(F::OEQ, u, m.f32(0.0)), m.compare(F::OEQ, u, m.f32(kInfinity)));
  result = m.select(plain, logarithm, result);
  // Below the rounding of 1 + x; also keeps the sign of zeros.
  return m.select(m.compare(F::OLT, m.abs(x), m.f32(1e-8)), x, result);
}

Value cpu::emitTanh(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  Value absolute = m.abs(x), square = m.mul(x, x);
  Value small = m.fma(m.mul(square, x), m.polynomial<float>(square, kTanh), x);
  Value power = emitExp(builder, m.add(absolute, absolute));
  Value large = m.sub(m.f32(1.0), m.div(m.f32(2.0), m.add(power, m.f32(1.0))));
  return m.select(m.compare(F::OLT, absolute, m.f32(0.625)), small, m.copySign(large, x));
}

Value cpu::emitErf(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  Value absolute = m.abs(x), square = m.mul(x, x);
  Value small = m.fma(m.polynomial<float>(square, kErf), x, x);
  // Beyond 3.93 the result is 1 to the last bit; the polynomial is not asked there.
  Value t = clamp(m, absolute, m.f32(0.0), m.f32(3.93));
  Value exponent = m.sub(m.mul(m.polynomial<float>(t, kErfTail), t), t);
  Value large = m.sub(m.f32(1.0), emitExp(builder, exponent));
  return m.select(m.compare(F::OLT, absolute, m.f32(0.9375)), small, m.copySign(large, x));
}

//===----------------------------------------------------------------------===//
// Through float64: sine, cosine, powers
//===----------------------------------------------------------------------===//

static constexpr double kRound64 = 6755399441055744.0; // 1.5 * 2^52, as kRound32
static constexpr int64_t kRoundBits64 = 0x4338000000000000;

/// sin(x + quarters * pi / 2)
static Value emitSine(Emitter &builder, Value x, int64_t quarters) {
  ValueMath m(builder, x);
  Value wide = m.extend(x, builder.getF64Type());
  Value shifted = m.fma(wide, m.f64(0.636619772367581343), m.f64(kRound64)); // 2 / pi
  Value n = m.sub(shifted, m.f64(kRound64));
  // pi / 2 in parts of 33 bits: products with n < 2^20 are exact, and good to 2^28.
  Value r = m.fma(n, m.f64(-1.57079632673412561417e+00), wide);
  r = m.fma(n, m.f64(-6.07710050630396597660e-11), r);
  r = m.fma(n, m.f64(-2.02226624879595063154e-21), r);
  Value f = m.extend(r, builder.getF32Type());
  Value quadrant64 = m.addi(m.bits64(shifted), m.i64(quarters - kRoundBits64));
  Value quadrant = arith::TruncIOp::create(builder, m.typeOf(builder.getI32Type()), quadrant64);

  Value square = m.mul(f, f);
  Value sine = m.fma(m.mul(square, f), m.polynomial<float>(square, kSin), f);
  Value cosine =
      m.fma(m.mul(square, square), m.polynomial<float>(square, kCos), m.fma(square, m.f32(-0.5), m.f32(1.0)));
  Value odd = m.compare(I::ne, m.andi(quadrant, m.i32(1)), m.i32(0));
  Value sign = m.shl(m.andi(quadrant, m.i32(2)), m.i32(30));
  Value result = m.asF32(m.xori(m.bits32(m.select(odd, cosine, sine)), sign));
  return m.select(m.compare(F::OLE, m.abs(x), m.f32(268435456.0)), result, m.f32(kNaN));
}

Value cpu::emitSin(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  // Rounding to integers loses the sign of zero.
  return m.select(m.compare(F::OEQ, x, m.f32(0.0)), x, emitSine(builder, x, 0));
}

Value cpu::emitCos(Emitter &builder, Value x) { return emitSine(builder, x, 1); }

/// log2 of a float64 > 0 that is a float32, to about 2^-45.
static Value log2Wide(ValueMath &m, Value x) {
  Value bits = m.subi(m.bits64(x), m.i64(0x3fe6a09e667f3bcd)); // sqrt(1/2)
  Value exponent = m.shrs(bits, m.i64(52));
  Value mantissa = m.asF64(m.subi(m.bits64(x), m.shl(exponent, m.i64(52))));
  // The exponent fits 32 bits, which every level converts in vectors.
  Value narrow = arith::TruncIOp::create(m.b, m.typeOf(m.b.getI32Type()), exponent);
  Value exponentFloat = arith::SIToFPOp::create(m.b, m.typeOf(m.b.getF64Type()), narrow);
  // log(m) = 2 atanh(s), s = (m - 1) / (m + 1), |s| <= 0.1716
  Value s = m.div(m.sub(mantissa, m.f64(1.0)), m.add(mantissa, m.f64(1.0))), square = m.mul(s, s);
  static const double kAtanh[] = {1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15};
  Value series = m.polynomial<double>(square, kAtanh);
  return m.fma(m.mul(s, m.f64(2 * 1.44269504088896341)), series, exponentFloat);
}

/// 2^t of a float64 in [-200, 200].
static Value exp2Wide(ValueMath &m, Value t) {
  Value shifted = m.add(t, m.f64(kRound64));
  Value r = m.mul(m.sub(t, m.sub(shifted, m.f64(kRound64))), m.f64(0.693147180559945309));
  static const double kTaylor[] = {1.0,       1.0,        1.0 / 2,     1.0 / 6,      1.0 / 24,     1.0 / 120,
                                   1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800};
  Value y = m.polynomial<double>(r, kTaylor);
  Value n = m.addi(m.bits64(shifted), m.i64(1023 - kRoundBits64));
  return m.mul(y, m.asF64(m.shl(n, m.i64(52))));
}

Value cpu::emitPow(Emitter &builder, Value base, Value exponent) {
  ValueMath m(builder, base);
  Value x = m.abs(base), wide = m.extend(x, builder.getF64Type()), y = m.extend(exponent, builder.getF64Type());
  Value logarithm = log2Wide(m, wide);
  logarithm = m.select(m.compare(F::OEQ, x, m.f32(0.0)), m.f64(-kInfinity), logarithm);
  logarithm = m.select(m.compare(F::OEQ, x, m.f32(kInfinity)), m.f64(kInfinity), logarithm);
  Value power = exp2Wide(m, clamp(m, m.mul(y, logarithm), m.f64(-200.0), m.f64(200.0)));
  Value result = m.extend(power, builder.getF32Type());
  result = m.select(m.isNaN(base), base, result);

  // A negative base takes integers alone, and the sign of odd ones.
  Value truncated = math::TruncOp::create(builder, exponent);
  Value isInteger = m.compare(F::OEQ, truncated, exponent);
  Value half = m.mul(exponent, m.f32(0.5));
  Value isOdd = m.andi(isInteger, m.compare(F::UNE, math::TruncOp::create(builder, half), half));
  Value negativeSign = m.compare(I::slt, m.bits32(base), m.i32(0));
  Value finiteNegative = m.andi(m.compare(F::OLT, base, m.f32(0.0)), m.compare(F::OGT, base, m.f32(-kInfinity)));
  result = m.select(m.andi(isOdd, negativeSign), m.sub(m.f32(-0.0), result), result);
  Value fractional = m.compare(F::ONE, truncated, exponent);
  result = m.select(m.andi(finiteNegative, fractional), m.f32(kNaN), result);
  // 1^y = x^0 = 1, also for NaN; (-1)^inf = 1.
  Value one = m.ori(m.compare(F::OEQ, base, m.f32(1.0)), m.compare(F::OEQ, exponent, m.f32(0.0)));
  Value unit = m.andi(m.compare(F::OEQ, x, m.f32(1.0)), m.compare(F::OEQ, m.abs(exponent), m.f32(kInfinity)));
  return m.select(m.ori(one, unit), m.f32(1.0), result);
}
