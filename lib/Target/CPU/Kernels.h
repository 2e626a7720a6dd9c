// Micro-kernels: C++ functions in lib/Target/CPU/kernels that generated bodies call and LLVM inlines.
//
// A kernel is compiled to bitcode for each ISA level when Ingot is built and embedded in this library. Lowering passes
// emit calls with constant shapes; after translation to LLVM the kernels that are called are linked in, made internal
// and inlined, so that their loops over registers unroll and no call is left.
#pragma once

#include "lib/Target/CPU/FlatView.h"
#include "llvm/Support/Error.h"

namespace llvm {
class Module;
}

namespace ingot::cpu {

/// Whether there are micro-kernels for that ISA level.
bool hasKernels(llvm::StringRef isa);

/// Address of element `index` of a flat memref, an `!llvm.ptr`.
mlir::Value pointerTo(Emitter &builder, mlir::Value memref, mlir::Value index);

/// Emits a call of the kernel `name`. Indices become 64-bit integers, other arguments are passed as they are.
/// The pass calls `declareKernels` when it is done.
void callKernel(Emitter &builder, llvm::StringRef name, mlir::ValueRange arguments);

/// Declares the kernels that are called below `root` in the module that holds it.
void declareKernels(mlir::Operation *root);

/// Links the kernels of level `isa` that `module` declares into it, as functions that are inlined wherever they are
/// called. Fails when an embedded file is not readable by this LLVM.
llvm::Error linkKernels(llvm::Module &module, llvm::StringRef isa);

} // namespace ingot::cpu
