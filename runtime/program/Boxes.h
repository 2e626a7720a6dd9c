// Whether what a launch promises to write lies inside what it may write.
#pragma once

#include "runtime/program/Program.h"

#include <optional>

namespace ingot::program {

struct MustOutsideMay {
  int64_t task;    // linear index in the launch
  uint32_t buffer; // the must-write's
};

/// The first task with a must-write that the union of its may-writes does not cover, if there is one.
/// Expects a launch that checkStructure accepts.
std::optional<MustOutsideMay> findMustOutsideMay(const Launch &launch);

/// Whether two accesses name the same box of the same buffer by the same formulas.
bool sameBox(const Access &a, const Access &b);

} // namespace ingot::program
