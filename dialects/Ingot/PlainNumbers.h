// Assembly-format helpers: numbers printed without a type.
#pragma once

#include "mlir/IR/OpImplementation.h"

namespace ingot {

inline mlir::ParseResult parsePlainFloat(mlir::OpAsmParser &parser, mlir::FloatAttr &attr) {
  double value;
  if (parser.parseFloat(value))
    return mlir::failure();
  attr = parser.getBuilder().getF64FloatAttr(value);
  return mlir::success();
}

/// Prints the shortest text that reads back as the same double.
inline void printPlainFloat(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::FloatAttr attr) {
  printer.printAttributeWithoutType(attr);
}

inline mlir::ParseResult parsePlainInt(mlir::OpAsmParser &parser, mlir::IntegerAttr &attr) {
  int64_t value;
  if (parser.parseInteger(value))
    return mlir::failure();
  attr = parser.getBuilder().getI64IntegerAttr(value);
  return mlir::success();
}

inline void printPlainInt(mlir::OpAsmPrinter &printer, mlir::Operation *, mlir::IntegerAttr attr) {
  printer << attr.getInt();
}

} // namespace ingot
