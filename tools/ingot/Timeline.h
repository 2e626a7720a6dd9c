// Recorded steps of an entry beside the step that its planner expected, as text for other programs and for people.
#pragma once

#include "runtime/cpu/Step.h"
#include "runtime/program/Costs.h"
#include "runtime/program/Program.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot::tool {

struct RecordedStep {
  uint64_t begin = 0, end = 0; // nanoseconds of the steady clock
  std::vector<runtime::TaskTime> tasks;
};

struct Timeline {
  std::string model, launch; // "stories260K", "megakernel"
  const program::Program *program = nullptr;
  std::vector<RecordedStep> steps; // at least one
  std::vector<program::PlannedTask> planned;
};

/// Something that a worker did, in nanoseconds since the step began: a task, or waiting.
struct Slice {
  static constexpr uint64_t kWait = ~uint64_t(0);
  uint64_t task = kWait; // launch after launch in linear order
  uint64_t begin = 0, end = 0;
  bool isWait() const { return task == kWait; }
};

/// What each worker did in a step, in order. Gaps below 50 ns are the clock and the executor, longer ones are waiting.
std::vector<std::vector<Slice>> slicesOf(const RecordedStep &step, uint32_t workers);
/// The same of the step that the planner expected.
std::vector<std::vector<Slice>> slicesOf(const std::vector<program::PlannedTask> &planned, uint32_t workers);

/// Where all tasks of a body spent their time in one step.
struct BodyTime {
  uint64_t tasks = 0;
  uint64_t measured = 0, planned = 0; // nanoseconds, all workers together
};
/// By body of the program.
std::vector<BodyTime> bodyTimes(const Timeline &timeline, const RecordedStep &step);

/// The step of median length.
const RecordedStep &medianStep(const Timeline &timeline);
uint64_t plannedLength(const Timeline &timeline);

/// Trace events as Perfetto and Chrome read them: process "measured" with all steps, process "planned" with the
/// expected step; a thread per worker; `args` say launch, task, step, waits and signals.
std::string printTrace(const Timeline &timeline);

/// A picture of the median step: workers over time, bodies by colour, waiting in grey, what the planner expected below,
/// a legend with times by body. Self-contained; hovering names the task.
std::string printPicture(const Timeline &timeline);

/// A few lines for the terminal.
std::string printSummary(const Timeline &timeline);

} // namespace ingot::tool
