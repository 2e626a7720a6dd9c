// What tasks, signals and memory cost on a target, and the clocks of workers under that model.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>
#include <vector>

namespace ingot::program {

/// What one worker of the target can do. The defaults stand for one core of a desktop processor.
struct CostModel {
  double flopsPerSecond = 5e10; // of one worker
  double bytesPerSecond = 1e10; // of one worker, while the others work as well
  double syncSeconds = 1e-6;    // from a signal to a wait on another worker
  double taskSeconds = 1e-7;    // fixed cost of one task
  double counterSeconds = 1e-8; // of one signal, or of one wait that is met already
};

/// Picoseconds since the step began: integers make equal costs exactly equal.
using PlannedTime = uint64_t;

/// A step as the model sees it, task by task: when each worker is free, and when each counter has got its signals.
/// Costs that make no sense are clamped, so that no sum of them overflows.
class PlannedClock {
public:
  PlannedClock(const Program &program, uint32_t workers, const CostModel &costs);

  uint32_t workers() const { return static_cast<uint32_t>(free.size()); }
  /// Of one task, at least 1.
  PlannedTime costOf(const Launch &launch) const;
  /// When `worker` has finished what it has run so far.
  PlannedTime freeAt(uint32_t worker) const { return free[worker]; }
  /// When a task can start on `worker` as far as its waits go, given the signals so far.
  PlannedTime readyOn(uint32_t worker, const Launch &launch, const TaskIndex &index) const;
  /// Runs a task on `worker` after all that it has, signals included, and returns when it began.
  PlannedTime run(uint32_t worker, const Launch &launch, const TaskIndex &index, PlannedTime cost);

private:
  /// When a counter has got the signals placed so far, and from whom.
  struct Arrival {
    PlannedTime time = 0;
    uint32_t worker;
  };
  uint64_t counterOf(const EventRef &ref, const TaskIndex &index) const {
    return firstCounter[ref.event] + static_cast<uint64_t>(ref.index.at(index));
  }

  CostModel costs;
  PlannedTime sync;
  std::vector<PlannedTime> free;      // per worker
  std::vector<uint64_t> firstCounter; // per event
  std::vector<Arrival> arrivals;      // per counter
};

/// Where and when a task runs.
struct PlannedTask {
  uint32_t worker = 0;
  PlannedTime begin = 0, end = 0;
};

/// The step that the model expects of a program and its schedule: its tasks, launch after launch in linear order.
/// Expects a program that the verifier accepts.
std::vector<PlannedTask> predict(const Program &program, const CostModel &costs = {});

} // namespace ingot::program
