// What makes a task program well formed, before any question of order is asked.
#pragma once

#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

namespace ingot::program {

// Bounds that keep every later computation free of overflow and of absurd memory needs.
inline constexpr int64_t kMaxTasks = int64_t(1) << 28;
inline constexpr uint64_t kMaxCounters = uint64_t(1) << 24;
inline constexpr uint64_t kMaxUnsignalled = uint64_t(1) << 16; // counters beyond the signals of a step
inline constexpr uint32_t kMaxSignals = uint32_t(1) << 30;     // counters are u32, compared wrap-safe
inline constexpr size_t kMaxRank = 16;
inline constexpr size_t kMaxWorkers = 4096;
inline constexpr uint64_t kMaxBytes = uint64_t(1) << 48; // of a buffer, the arena, or a body's private memory
inline constexpr int64_t kMaxAffine = int64_t(1) << 60;  // of every term and of the divisor
inline constexpr size_t kMaxNameLength = 4096;

/// Checks everything about `program` except its schedule:
/// names (not empty, printable, unique symbols; one state or output buffer per model name), enum values, shapes (rank
/// <= kMaxRank, extents >= 0, no overflow), scratch inside the arena and aligned to its element, grids of rank 1 to
/// kMaxGridRank with extents >= 1, indices of bodies, buffers and events, leading indices of arguments, event
/// references within the event's count and accesses inside their buffer for every task, accesses only to buffers that
/// the launch passes to its body (must-writes within what the body can see of them), counters at most kMaxUnsignalled
/// more than signals.
/// Fails with `corrupt`; the message names the launch, buffer or event.
runtime::Status checkStructure(const Program &program);

/// Checks that the queues hold every task exactly once: 1 to kMaxWorkers queues, ranges not empty and inside their
/// launch. Expects a program that checkStructure accepts.
runtime::Status checkSchedule(const Program &program);

/// Smallest and largest value over all tasks of a grid. Expects bounded terms (see kMaxAffine).
struct AffineBounds {
  int64_t min = 0;
  int64_t max = 0;
};
AffineBounds boundsOf(const Affine &affine, const std::vector<int64_t> &grid);

} // namespace ingot::program
