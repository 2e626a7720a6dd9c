// Index expressions of task programs: of the program library, and of MLIR.
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "runtime/program/Program.h"

#include <optional>

namespace ingot {

/// The same function of the task's index d0, d1, d2. MLIR simplifies it: `(d0 * 4 + d1) floordiv 4` becomes
/// `d0 + d1 floordiv 4`.
mlir::AffineExpr toAffineExpr(const program::Affine &affine, mlir::MLIRContext *context);

/// The same function as a linear one divided by a constant: reads what toAffineExpr makes, and every sum of a linear
/// expression and such a quotient. None for others (`d0 mod 4`, `d0 floordiv 2 * 8`, two quotients), for symbols, for
/// dimensions beyond d2 and where a coefficient does not fit 64 bits.
std::optional<program::Affine> toProgramAffine(mlir::AffineExpr expr);

} // namespace ingot
