// Random legal executions of a task program, one task at a time.
#pragma once

#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <vector>

namespace ingot::program {

/// A legal order of all tasks, chosen by `seed`: the same seed gives the same order everywhere. The seed also picks the
/// kind of randomness, because uniform choices alone rarely delay one worker for long:
///   seed % 4 = 0  uniform among the queues that are ready
///            1  random priorities of queues that change a few times (as in probabilistic concurrency testing)
///            2  one queue after the other as far as each gets
///            3  a few victims run only when nothing else can
/// Fails with `corrupt` when the program is malformed or deadlocks; the message names what is stuck and on what.
runtime::Result<std::vector<TaskRef>> randomInterleaving(const Program &program, uint64_t seed);

} // namespace ingot::program
