// All executions of a small program, one by one: what the verifier's verdicts are tested against.
#pragma once

#include "runtime/program/Verify.h"

#include <cstdint>
#include <set>

namespace ingot::program::testing {

struct Exploration {
  std::set<Rule> broken; // empty: every execution is fine
  bool complete = true;  // false when the limit of states was hit
  uint64_t states = 0;
};

/// Walks every reachable state of one step. It shares no idea with the verifier: no clocks, no regions, no order.
///   - A task starts when it heads its queue and its counters have reached their targets, is in flight, and ends; only
///     then do its signals count and its writes stand. Any number of queues can be in flight.
///   - Race: two tasks are in flight in the same state, and both touch a cell, one of them writing.
///   - UndefinedRead: a task starts in a state where a cell that it reads holds no data of the buffer that it means. A
///     must-write puts its buffer's data there; a may-write of another buffer destroys what is there.
///   - Deadlock: nothing can start or end, and something has not run.
///   - Signals: the step ends and a counter differs from its target (the next step would begin wrongly).
///   - OutputWritten: the step ends and an output cell holds nothing.
/// ReadOnly, Stream and MustInMay are contracts, not behaviour; they are read off the cells.
/// Expects a program that checkStructure and checkSchedule accept, with at most 255 buffers and few cells.
Exploration explore(const Program &program, uint64_t maxStates = 1000000);

} // namespace ingot::program::testing
