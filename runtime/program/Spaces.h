// Sorts a program's accesses into address spaces whose conflicts can be judged one by one.
#pragma once

#include "runtime/program/Sweep.h"

#include <functional>
#include <vector>

namespace ingot::program {

/// Groups of scratch buffers, ascending. Two buffers land in one group when their bytes overlap and not all uses of the
/// one happen before all uses of the other. What a placement by lifetimes makes has groups of one buffer only.
std::vector<std::vector<uint32_t>> groupSharedScratch(const TaskGraph &graph, const HappensBefore &order);

/// Calls `visit` with every space that can break a rule. Buffers that nobody writes and that hold data from the start
/// have none. A group of several scratch buffers becomes one space: in common coordinates when all have the same place,
/// shape and type, in bytes otherwise. Too many boxes to be checked are reported as Rule::Limit, and nothing is
/// visited. `tasks`: all tasks in one legal order.
void forEachSpace(const TaskGraph &graph, const std::vector<uint32_t> &tasks, const HappensBefore &order,
                  Report &report, const std::function<void(const AccessSpace &)> &visit);

} // namespace ingot::program
