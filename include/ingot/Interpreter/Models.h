// Registration of the interpreter's models.
#pragma once

#include "mlir/IR/DialectRegistry.h"

namespace ingot::interpreter {

/// Lets operations of ingot, tile, arith, math, tensor, memref, scf, func and affine be interpreted, in contexts that
/// load these dialects.
void registerInterpreterModels(mlir::DialectRegistry &registry);

} // namespace ingot::interpreter
