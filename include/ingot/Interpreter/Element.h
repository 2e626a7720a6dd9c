// Element types of the interpreter: how a number is rounded, wrapped and stored in bytes.
#pragma once

#include "mlir/IR/Types.h"

#include <cstdint>
#include <optional>

namespace ingot::interpreter {

/// Element types that the interpreter knows. Integers are signless: values are kept sign-extended, `i1` as 0 or 1.
enum class Element : uint8_t { i1, i8, i16, i32, i64, index, f16, bf16, f32, f64 };

inline bool isFloat(Element element) { return element >= Element::f16; }
/// Width in bits; 64 for `index`.
unsigned bitWidth(Element element);
/// Bytes of a stored element; 1 for `i1`.
unsigned byteSize(Element element);
/// "f32", "i1", ...
const char *toString(Element element);
/// Nothing for a type that is no element type of the interpreter.
std::optional<Element> elementOf(mlir::Type type);

/// Rounds to the nearest value of a float type, ties to even; overflow gives infinity, NaN stays NaN.
double roundTo(Element element, double value);
/// Wraps to the width of an integer type, sign-extended.
int64_t wrapTo(Element element, int64_t value);
/// The value's low bits without sign: what unsigned operations see.
uint64_t zeroExtend(Element element, int64_t value);

/// One element of either kind; the element type says which member is valid.
union Cell {
  double f;
  int64_t i;
};

/// What memory holds that nobody wrote: a NaN with a payload, and as an integer far outside every width but i64.
inline Cell poison() {
  Cell cell;
  cell.i = 0x7ff8dead00000000;
  return cell;
}

/// Whether a cell still holds what nobody wrote. Computed NaNs have other payloads; arithmetic on poison keeps it.
inline bool isPoison(Cell cell) { return cell.i == poison().i; }

/// Reads one little-endian element from memory, exactly.
Cell loadBytes(Element element, const void *bytes);
/// Writes one element, rounded or wrapped to its type.
void storeBytes(Element element, Cell cell, void *bytes);

} // namespace ingot::interpreter
