// The same program with a barrier after every launch: what launching kernel by kernel costs.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>

namespace ingot::runtime {

/// A copy of `program` for `workers` workers whose launches run one after another in program order: each waits until
/// the one before has finished, and its grid is split evenly over the workers. Bodies, buffers and accesses are the
/// same, so results are too. The verifier accepts the copy unless the order of launches breaks a dependence (a launch
/// that waits for a later one).
program::Program makeEager(const program::Program &program, uint32_t workers);

} // namespace ingot::runtime
