// Measures what the cost model of the scheduler needs to know about this machine.
#pragma once

#include "runtime/cpu/Executor.h"
#include "runtime/program/Costs.h"
#include "runtime/support/Status.h"

#include <string>
#include <vector>

namespace ingot::runtime {

struct Calibration {
  program::CostModel costs;
  std::vector<std::string> unsteady; // fields of `costs` whose rounds differed implausibly: somebody else ran
};

/// The cost model of one of `executor`'s workers while all of them work: float32 operations in registers, memory that
/// is read once (more than caches hold), a signal from one worker to another (the default's with one worker), and a
/// task that does nothing. Each is the best of many short rounds. Takes about a second and 64 MiB per worker; the
/// machine should be idle.
Result<Calibration> calibrate(Executor &executor);

/// Whether the median is more than ten times the smallest of `seconds`, of which there is at least one.
bool differImplausibly(std::vector<double> seconds);

} // namespace ingot::runtime
