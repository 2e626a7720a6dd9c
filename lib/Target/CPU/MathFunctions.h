// Elementary functions of float32 scalars and vectors, without a library.
//
// Largest errors, measured over dense samples of all arguments by test/unit/Target/MathTests.cpp on every ISA level, in
// units in the last place of the result (denormal results count as multiples of the smallest one):
//   exp 1.0, exp2 1.1, expm1 1.5, log 0.8, log2 2.0, log10 1.7, log1p 1.6, tanh 1.3, erf 1.2, sin and cos 1.5, pow 0.6
// sin and cos: to |x| = 2^20; from there to 2^28 within 1e-6, and NaN beyond. All follow C99 for infinities, NaN and
// signed zeros.
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace ingot::cpu {

mlir::Value emitExp(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
/// exp for arguments that are at most 0 or NaN, as the weights of a softmax: results below 2^-126 become 0, others as
/// exp.
mlir::Value emitExpOfNonPositive(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitExp2(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitExpM1(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitLog(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitLog2(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitLog10(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitLog1p(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitTanh(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitErf(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitSin(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitCos(mlir::ImplicitLocOpBuilder &builder, mlir::Value x);
mlir::Value emitPow(mlir::ImplicitLocOpBuilder &builder, mlir::Value base, mlir::Value exponent);

} // namespace ingot::cpu
