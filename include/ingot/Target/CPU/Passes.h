// Passes of the CPU target: from task bodies to LLVM.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
class OpPassManager;
class DialectRegistry;
namespace arith {
class ArithDialect;
}
namespace func {
class FuncDialect;
}
namespace LLVM {
class LLVMDialect;
}
namespace math {
class MathDialect;
}
namespace memref {
class MemRefDialect;
}
namespace scf {
class SCFDialect;
}
namespace vector {
class VectorDialect;
}
} // namespace mlir

namespace ingot::cpu {

#define GEN_PASS_DECL
#include "lib/Target/CPU/Passes.h.inc"

/// Makes the target's passes and pipelines known to `ingot-opt`.
void registerCpuPasses();

/// Dialects, interfaces and translations that the passes and the compilation of bodies need besides those of
/// `ingot::registerDialects`.
void registerCpuTarget(mlir::DialectRegistry &registry);

/// What generated code may use of a machine.
struct CpuPipelineOptions {
  int64_t lanes = 8;            // float32 elements of a vector register
  int64_t registers = 16;       // vector registers
  bool baseline = false;        // no instructions for float16 conversion, rounding and fused multiply-add
  llvm::StringRef kernels = ""; // ISA level of the micro-kernels; empty: none
};

/// Task programs to the `llvm` dialect: one exported function per body.
void buildCpuPipeline(mlir::OpPassManager &manager, const CpuPipelineOptions &options);

} // namespace ingot::cpu
