// Registers the dialects that a compile pipeline needs: ours, and the upstream ones with their interfaces.
#pragma once

#include "mlir/IR/DialectRegistry.h"

namespace ingot {

/// `ingot`, `tile`, `task`; func, arith, math, tensor, scf, affine, memref, bufferization, and their
/// bufferization and subset models. LLVM and vector belong to Target/CPU.
void registerDialects(mlir::DialectRegistry &registry);

} // namespace ingot
