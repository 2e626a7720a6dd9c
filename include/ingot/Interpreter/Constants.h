// Constant attributes as values of the interpreter.
#pragma once

#include "ingot/Interpreter/Frame.h"

#include "mlir/IR/BuiltinAttributeInterfaces.h"

namespace ingot::interpreter {

/// The elements of a dense, splat or resource attribute; nothing for other kinds and element types.
std::optional<Array> arrayOf(mlir::ElementsAttr attribute);

/// The value of an integer, float or elements attribute; nothing for others.
std::optional<Datum> datumOf(mlir::TypedAttr attribute);

} // namespace ingot::interpreter
