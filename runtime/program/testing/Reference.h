// A slow verifier for programs of some hundred tasks that are too large to explore.
#pragma once

#include "runtime/program/Verify.h"

#include <set>

namespace ingot::program::testing {

/// The rules that a program breaks, found without clocks and regions: an explicit graph of "must end before", its
/// transitive closure by bit sets, and all pairs of tasks on every byte. Time and memory grow with the square of tasks.
/// Expects a program that checkStructure and checkSchedule accept. Like the verifier it looks at order only when
/// signals and progress are fine.
std::set<Rule> checkByPairs(const Program &program);

} // namespace ingot::program::testing
