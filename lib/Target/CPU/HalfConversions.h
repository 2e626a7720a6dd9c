// 16-bit floats in integer arithmetic, for levels without instructions for them. Scalars and vectors.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace ingot::cpu {

/// To float32: exact.
mlir::Value emitExtendBF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitExtendF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
/// From float32: to nearest even; NaN stays NaN.
mlir::Value emitTruncateBF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitTruncateF16(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);

} // namespace ingot::cpu
