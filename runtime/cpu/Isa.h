// Instruction set levels: what this CPU has, and which code of an artifact fits it.
#pragma once

#include "runtime/formats/Manifest.h"
#include "runtime/support/Status.h"

#include <string>
#include <string_view>
#include <vector>

namespace ingot::runtime {

/// Whether `isa` names a level of CPUs of any architecture ("generic", "avx2", "avx512", "avx512bf16", "aarch64").
bool isCpuIsa(std::string_view isa);

/// Whether this CPU, and the operating system for its registers, can run code of that level.
bool cpuSupports(std::string_view isa);

/// What this CPU has, for messages: "avx2".
std::string describeCpu();

/// The best of an artifact's CPU targets that this CPU supports; `wanted` restricts the choice to that one unless it is
/// empty. Fails with `unsupported`, naming what is needed and what is there.
Result<const ManifestTarget *> selectCpuTarget(const std::vector<ManifestTarget> &targets, std::string_view wanted);

} // namespace ingot::runtime
