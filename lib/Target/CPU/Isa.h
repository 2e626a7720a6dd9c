// ISA levels of the CPU target.
#pragma once

#include "ingot/Target/CPU/Passes.h"
#include "llvm/ADT/StringRef.h"

namespace ingot::cpu {

/// A level: what LLVM is told, and what our own lowering makes of it.
struct IsaLevel {
  llvm::StringRef name;
  llvm::StringRef architecture; // of the triple: "x86_64", "aarch64"
  llvm::StringRef cpu;
  llvm::StringRef features;
  CpuPipelineOptions options;
};

/// The level of that name, or null.
const IsaLevel *findIsaLevel(llvm::StringRef name);

} // namespace ingot::cpu
