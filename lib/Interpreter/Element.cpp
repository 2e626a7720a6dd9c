#include "ingot/Interpreter/Element.h"

#include "mlir/IR/BuiltinTypes.h"

#include <cmath>
#include <cstring>

using namespace ingot::interpreter;

unsigned ingot::interpreter::bitWidth(Element element) {
  static constexpr unsigned widths[] = {1, 8, 16, 32, 64, 64, 16, 16, 32, 64};
  return widths[static_cast<unsigned>(element)];
}

unsigned ingot::interpreter::byteSize(Element element) { return (bitWidth(element) + 7) / 8; }

const char *ingot::interpreter::toString(Element element) {
  static constexpr const char *names[] = {"i1", "i8", "i16", "i32", "i64", "index", "f16", "bf16", "f32", "f64"};
  return names[static_cast<unsigned>(element)];
}

std::optional<Element> ingot::interpreter::elementOf(mlir::Type type) {
  if (type.isIndex())
    return Element::index;
  if (auto integer = mlir::dyn_cast<mlir::IntegerType>(type)) {
    switch (integer.getWidth()) {
    case 1:
      return Element::i1;
    case 8:
      return Element::i8;
    case 16:
      return Element::i16;
    case 32:
      return Element::i32;
    case 64:
      return Element::i64;
    default:
      return std::nullopt;
    }
  }
  if (type.isF16())
    return Element::f16;
  if (type.isBF16())
    return Element::bf16;
  if (type.isF32())
    return Element::f32;
  if (type.isF64())
    return Element::f64;
  return std::nullopt;
}

/// Nearest value with `mantissa` fraction bits and exponents from `minExponent` (then subnormal); beyond `largest` inf.
/// Works on the double directly: going through float first would round twice.
static double roundShort(double value, int mantissa, int minExponent, double largest) {
  if (!std::isfinite(value) || value == 0.0)
    return value;
  int unit = std::max(std::ilogb(value), minExponent) - mantissa;
  double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -unit)), unit);
  return std::fabs(rounded) > largest ? std::copysign(HUGE_VAL, value) : rounded;
}

double ingot::interpreter::roundTo(Element element, double value) {
  switch (element) {
  case Element::f32:
    return static_cast<float>(value);
  case Element::f16:
    return roundShort(value, 10, -14, 65504.0);
  case Element::bf16:
    return roundShort(value, 7, -126, 0x1.fep127);
  default:
    return value;
  }
}

int64_t ingot::interpreter::wrapTo(Element element, int64_t value) {
  switch (element) {
  case Element::i1:
    return value & 1;
  case Element::i8:
    return static_cast<int8_t>(value);
  case Element::i16:
    return static_cast<int16_t>(value);
  case Element::i32:
    return static_cast<int32_t>(value);
  default:
    return value;
  }
}

uint64_t ingot::interpreter::zeroExtend(Element element, int64_t value) {
  unsigned width = bitWidth(element);
  return width >= 64 ? static_cast<uint64_t>(value) : static_cast<uint64_t>(value) & ((uint64_t(1) << width) - 1);
}

template <typename T> static T readAs(const void *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

static double halfToDouble(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = exponent == 31  ? (fraction ? std::nan("") : HUGE_VAL)
                     : exponent == 0 ? std::ldexp(fraction, -24)
                                     : std::ldexp(fraction + 1024, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

/// Bits of a value that roundTo has already made representable.
static uint16_t doubleToHalf(double value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  double magnitude = std::fabs(value);
  if (std::isnan(value))
    return sign | 0x7e00;
  if (std::isinf(value))
    return sign | 0x7c00;
  if (magnitude < 0x1p-14)
    return sign | static_cast<uint16_t>(std::ldexp(magnitude, 24));
  int exponent = std::ilogb(magnitude);
  auto fraction = static_cast<uint16_t>(std::ldexp(magnitude, 10 - exponent)) & 1023;
  return static_cast<uint16_t>(sign | (exponent + 15) << 10 | fraction);
}

Cell ingot::interpreter::loadBytes(Element element, const void *bytes) {
  Cell cell;
  switch (element) {
  case Element::i1:
    cell.i = readAs<uint8_t>(bytes) != 0;
    break;
  case Element::i8:
    cell.i = wrapTo(element, readAs<uint8_t>(bytes));
    break;
  case Element::i16:
    cell.i = readAs<int16_t>(bytes);
    break;
  case Element::i32:
    cell.i = readAs<int32_t>(bytes);
    break;
  case Element::i64:
  case Element::index:
    cell.i = readAs<int64_t>(bytes);
    break;
  case Element::f16:
    cell.f = halfToDouble(readAs<uint16_t>(bytes));
    break;
  case Element::bf16: {
    uint32_t wide = static_cast<uint32_t>(readAs<uint16_t>(bytes)) << 16;
    cell.f = readAs<float>(&wide);
    break;
  }
  case Element::f32:
    cell.f = readAs<float>(bytes);
    break;
  case Element::f64:
    cell.f = readAs<double>(bytes);
    break;
  }
  return cell;
}

void ingot::interpreter::storeBytes(Element element, Cell cell, void *bytes) {
  switch (element) {
  case Element::f16: {
    uint16_t bits = doubleToHalf(roundTo(element, cell.f));
    std::memcpy(bytes, &bits, 2);
    return;
  }
  case Element::bf16: {
    auto wide = static_cast<float>(roundTo(element, cell.f));
    uint16_t bits = static_cast<uint16_t>(readAs<uint32_t>(&wide) >> 16);
    // A NaN whose payload lies in the dropped half would turn into infinity.
    if (std::isnan(wide))
      bits |= 0x40;
    std::memcpy(bytes, &bits, 2);
    return;
  }
  case Element::f32: {
    auto value = static_cast<float>(cell.f);
    std::memcpy(bytes, &value, 4);
    return;
  }
  case Element::f64:
    std::memcpy(bytes, &cell.f, 8);
    return;
  default: {
    int64_t value = wrapTo(element, cell.i);
    std::memcpy(bytes, &value, byteSize(element));
  }
  }
}
