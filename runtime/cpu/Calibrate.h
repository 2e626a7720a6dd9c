// Measures what the cost model of the scheduler needs to know about this machine.
#pragma once

#include "runtime/cpu/Executor.h"
#include "runtime/program/Costs.h"
#include "runtime/support/Status.h"

namespace ingot::runtime {

/// The cost model of one of `executor`'s workers while all of them work: float32 operations in registers, memory that
/// is read once (more than caches hold), a signal from one worker to another (the default's with one worker), and a
/// task that does nothing. Takes about a second and 64 MiB per worker; the machine should be idle.
Result<program::CostModel> calibrate(Executor &executor);

} // namespace ingot::runtime
