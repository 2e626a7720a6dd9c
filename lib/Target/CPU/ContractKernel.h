// Contractions by micro-kernel (kernels/Contract.cpp): how one is cut into blocks of registers.
#pragma once

#include "lib/Target/CPU/LoopNest.h"

namespace ingot::cpu {

/// Emits calls of micro-kernels for the contraction that `nest` describes: two inputs, the result, one chain of
/// multiply-adds per element. Returns false, with nothing emitted, when no kernel fits: columns that are not contiguous
/// in one input and the result, or element types without a kernel.
bool emitContractKernel(Emitter &builder, const LoopNest &nest, VectorShape machine, llvm::StringRef isa);

} // namespace ingot::cpu
