// Which tasks of two launches conflict, and how counters can order them: what the choice of events goes by.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>
#include <vector>

namespace ingot::program {

/// How the tasks of a launch wait for parts of an earlier one: `count` counters, each signalled by `signals` tasks.
struct Partition {
  uint32_t count = 0, signals = 0;
  Affine signal;             // the counter of a task of the earlier launch
  std::vector<Affine> waits; // the counters that a task of the later launch waits for, at least one
  bool complete = false;     // every counter is waited for by some task

  bool operator==(const Partition &other) const;
};

/// Whether a task of `later` touches, or shares bytes with, what a task of `earlier` touches, and one of them writes.
bool conflict(const Program &program, const Launch &earlier, const Launch &later);

/// Partitions that order each task of `later` behind all tasks of `earlier` that it conflicts with; the one
/// that waits for fewest tasks first, at most kMaxPartitions. None where only a wait for the whole launch is known to
/// do: tasks that need all others, buffers that share bytes, counters that no expression of a task's index gives, more
/// than 2^20 pairs of tasks. Expects programs that checkStructure accepts.
std::vector<Partition> partitions(const Program &program, const Launch &earlier, const Launch &later);

inline constexpr size_t kMaxPartitions = 4;

} // namespace ingot::program
