// The CPU target as a library: task programs in, a shared object out.
#pragma once

#include "dialects/Task/Task.h"

#include <string>
#include <vector>

namespace ingot::cpu {

struct CpuTargetOptions {
  /// ISA level: "generic" (the architecture's baseline), "avx2" (x86-64-v3), "avx512" (x86-64-v4), "avx512bf16",
  /// "aarch64", or "host" for the best level of this machine. Empty: the level in the programs' `target`.
  std::string isa;
};

/// Compiled bodies.
struct CpuCode {
  std::string isa;                  // never "host"
  std::vector<char> sharedObject;   // an ELF image without undefined symbols; equal inputs give equal bytes
  std::vector<std::string> symbols; // its exports, each an `ingot::program::BodyFunction`, sorted
};

/// Name under which `body` of `entry` is exported: "<entry>__<body>" with all but letters, digits and '_' replaced by
/// '_'.
std::string exportedName(llvm::StringRef entry, llvm::StringRef body);

/// Bytes of scratch memory that the compiled body uses: its static `memref.alloca`s, each rounded up to 64 bytes.
int64_t privateBytes(task::BodyOp body);

/// Whether `isa` is a level that this compiler generates code for.
bool isCpuIsa(llvm::StringRef isa);
/// The best level that this machine can run.
std::string hostCpuIsa();

/// Compiles all bodies of `programs` into one shared object. The programs are left as they are. Fails with diagnostics:
/// an unknown level, operations that a body may not have, two bodies with one exported name.
mlir::FailureOr<CpuCode> compileForCpu(llvm::ArrayRef<task::ProgramOp> programs, const CpuTargetOptions &options);

/// The optimised LLVM IR of the same, as text.
mlir::FailureOr<std::string> emitLLVMForCpu(llvm::ArrayRef<task::ProgramOp> programs, const CpuTargetOptions &options);

} // namespace ingot::cpu
