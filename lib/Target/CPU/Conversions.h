// Conversions that LLVM would leave to a library or to chance. Scalars and vectors.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace ingot::cpu {

/// To float32: exact.
mlir::Value emitExtendBF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitExtendF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
/// From float32: to nearest even; NaN stays NaN.
mlir::Value emitTruncateBF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitTruncateF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);

/// float32 or float64 to integers, towards zero; what does not fit saturates, and NaN gives 0, as in the interpreter.
/// (The instructions, and MLIR, leave both undefined.)
mlir::Value emitSaturatingConversion(mlir::ImplicitLocOpBuilder &builder, mlir::Value x, mlir::Type element,
                                     bool isSigned);

} // namespace ingot::cpu
