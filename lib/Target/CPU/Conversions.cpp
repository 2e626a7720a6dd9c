#include "lib/Target/CPU/Conversions.h"

#include "lib/Target/CPU/ValueMath.h"

#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

using I = ValueMath::I;

/// The 16 bits of a half, in the low bits of an i32.
static Value halfBits(ValueMath &m, Value x) {
  return arith::ExtUIOp::create(m.b, m.typeOf(m.b.getI32Type()), m.bits(x, m.b.getI16Type()));
}

static Value halfFromBits(ValueMath &m, Value bits, Type half) {
  Value narrow = arith::TruncIOp::create(m.b, m.typeOf(m.b.getI16Type()), bits);
  return m.bits(narrow, half);
}

Value cpu::emitExtendBF16(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  return m.asF32(m.shl(halfBits(m, x), m.i32(16)));
}

Value cpu::emitTruncateBF16(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  Value bits = m.bits32(x), high = m.shru(bits, m.i32(16));
  // Half of what is cut off, less one where the kept bit is even: ties go to even.
  Value rounding = m.addi(m.andi(high, m.i32(1)), m.i32(0x7fff));
  Value rounded = m.shru(m.addi(bits, rounding), m.i32(16));
  Value quiet = m.ori(high, m.i32(0x40));
  return halfFromBits(m, m.select(m.isNaN(x), quiet, rounded), builder.getBF16Type());
}

Value cpu::emitExtendF16(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  Value bits = halfBits(m, x), magnitude = m.andi(bits, m.i32(0x7fff));
  // The exponent's bias differs by 112; the product also makes denormals normal.
  Value scaled = m.bits32(m.mul(m.asF32(m.shl(magnitude, m.i32(13))), m.f32(0x1p112)));
  Value special = m.compare(I::uge, magnitude, m.i32(0x7c00));
  scaled = m.select(special, m.ori(scaled, m.i32(0x7f800000)), scaled);
  return m.asF32(m.ori(scaled, m.shl(m.andi(bits, m.i32(0x8000)), m.i32(16))));
}

Value cpu::emitTruncateF16(Emitter &builder, Value x) {
  ValueMath m(builder, x);
  Value bits = m.bits32(x), magnitude = m.andi(bits, m.i32(0x7fffffff));
  Value sign = m.andi(m.shru(bits, m.i32(16)), m.i32(0x8000));
  Value odd = m.andi(m.shru(magnitude, m.i32(13)), m.i32(1));
  Value normal = m.shru(m.addi(m.addi(magnitude, odd), m.i32(0xc8000fff)), m.i32(13));
  // The last bit of a float in [1/2, 1) is that of denormal halves: the addition rounds.
  Value denormal = m.subi(m.bits32(m.add(m.asF32(magnitude), m.f32(0.5))), m.i32(0x3f000000));
  Value result = m.select(m.compare(I::ult, magnitude, m.i32(0x38800000)), denormal, normal);
  result = m.select(m.compare(I::uge, magnitude, m.i32(0x47800000)), m.i32(0x7c00), result);
  Value quiet = m.ori(m.andi(m.shru(magnitude, m.i32(13)), m.i32(0x1ff)), m.i32(0x7e00));
  result = m.select(m.compare(I::ugt, magnitude, m.i32(0x7f800000)), quiet, result);
  return halfFromBits(m, m.ori(result, sign), builder.getF16Type());
}

Value cpu::emitSaturatingConversion(Emitter &builder, Value x, Type element, bool isSigned) {
  ValueMath m(builder, x);
  using F = ValueMath::F;
  auto constant = [&](double value) { return floatConstant(builder, x.getType(), value); };
  int width = static_cast<int>(element.getIntOrFloatBitWidth()), bits = isSigned ? width - 1 : width;
  double limit = std::ldexp(1.0, bits), least = isSigned ? -limit : 0.0;
  // The largest integer that fits, or the largest float below the limit where that is no float.
  bool isDouble = getElementTypeOrSelf(x.getType()).isF64();
  double below = isDouble ? std::nextafter(limit, 0.0) : std::nextafter(static_cast<float>(limit), 0.0f);
  double most = bits <= (isDouble ? 53 : 24) ? limit - 1 : below;
  Value clamped = m.select(m.compare(F::OGT, x, constant(least)), x, constant(least));
  clamped = m.select(m.compare(F::OLT, clamped, constant(most)), clamped, constant(most));
  clamped = m.select(m.isNaN(x), constant(0.0), clamped);
  Type type = m.typeOf(element);
  Value converted = isSigned ? arith::FPToSIOp::create(builder, type, clamped).getResult()
                             : arith::FPToUIOp::create(builder, type, clamped).getResult();
  APInt maximum = isSigned ? APInt::getSignedMaxValue(width) : APInt::getMaxValue(width);
  TypedAttr attribute = builder.getIntegerAttr(element, maximum);
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  Value saturated = arith::ConstantOp::create(builder, attribute);
  return m.select(m.compare(F::OGE, x, constant(limit)), saturated, converted);
}
