#include "lib/Target/CPU/Isa.h"

#include "ingot/Target/CPU/Target.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace ingot;
using namespace ingot::cpu;

// From the least to the most demanding of an architecture. Vector registers of x86-64 levels: 16 xmm, 16 ymm, 32 zmm.
static const IsaLevel kLevels[] = {
    {"generic", "x86_64", "x86-64", "", {4, 16, true}},
    {"avx2", "x86_64", "x86-64-v3", "", {8, 16, false, "avx2"}},
    {"avx512", "x86_64", "x86-64-v4", "", {16, 32, false, "avx512"}},
    {"avx512bf16", "x86_64", "x86-64-v4", "+avx512bf16,+avx512vnni", {16, 32, false, "avx512bf16"}},
    {"aarch64", "aarch64", "generic", "", {4, 32, false}},
};

const IsaLevel *cpu::findIsaLevel(llvm::StringRef name) {
  for (const IsaLevel &level : kLevels)
    if (level.name == name)
      return &level;
  return nullptr;
}

bool cpu::isCpuIsa(llvm::StringRef isa) { return findIsaLevel(isa) != nullptr; }

std::string cpu::hostCpuIsa() {
  if (llvm::Triple(llvm::sys::getProcessTriple()).isAArch64())
    return "aarch64";
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  auto has = [&](std::initializer_list<const char *> names) {
    return llvm::all_of(names, [&](const char *name) { return features.lookup(name); });
  };
  if (!has({"avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"}))
    return "generic";
  if (!has({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return "avx2";
  return has({"avx512bf16", "avx512vnni"}) ? "avx512bf16" : "avx512";
}
