// Static list scheduling of a task program onto in-order worker queues.
#pragma once

#include "runtime/program/Costs.h"
#include "runtime/program/Program.h"

namespace ingot::program {

/// Assigns every task to one of `workers` >= 1 queues. Deterministic: integers only after pricing a task, ties go to
/// the lowest worker.
///
/// Launches are placed in launch order and every queue follows it, so a program whose waits are all on earlier
/// launches (or earlier tasks of the same launch) cannot deadlock. A launch's tasks go where they finish first; each
/// worker gets one contiguous range, and lower workers lower ranges. Where workers are equally free, which is the case
/// after every wait for a whole launch, equal grids are split equally: the same index meets the same worker (and its
/// cache) in every layer. A chain of small tasks stays on one worker as long as a signal to another would cost more.
/// Expects a program that checkStructure accepts (its schedule is not looked at).
Schedule schedule(const Program &program, uint32_t workers, const CostModel &costs = {});

} // namespace ingot::program
