#include "runtime/program/Costs.h"

#include "runtime/program/TaskGraph.h"

#include <algorithm>
#include <cmath>

namespace ingot::program {

namespace {

PlannedTime toTime(double seconds) {
  if (!(seconds > 0))
    return 0; // NaN included
  // An hour bounds what forged costs can do; a step of 2^28 such tasks still fits.
  return static_cast<PlannedTime>(std::llround(std::min(seconds, 3600.0) * 1e12));
}

constexpr uint32_t kNobody = ~uint32_t(0);
constexpr uint32_t kSeveral = kNobody - 1;

} // namespace

PlannedClock::PlannedClock(const Program &program, uint32_t workers, const CostModel &costs)
    : costs(costs), sync(toTime(costs.syncSeconds)), free(workers, 0) {
  uint64_t counters = 0;
  for (const Event &event : program.events) {
    firstCounter.push_back(counters);
    counters += event.count;
  }
  arrivals.resize(counters, {0, kNobody});
}

PlannedTime PlannedClock::costOf(const Launch &launch) const {
  double work = std::max(static_cast<double>(launch.flops) / costs.flopsPerSecond,
                         static_cast<double>(launch.bytes) / costs.bytesPerSecond);
  // Waits and signals for whole launches are made once per range of tasks, which is next to nothing.
  auto perTask = [](const EventRef &ref) { return !ref.index.isConstant(); };
  auto counters = std::count_if(launch.waits.begin(), launch.waits.end(), perTask) +
                  std::count_if(launch.signals.begin(), launch.signals.end(), perTask);
  work += costs.taskSeconds + costs.counterSeconds * static_cast<double>(counters);
  // Not 0: free tasks would all go to one worker.
  return std::max<PlannedTime>(toTime(work), 1);
}

PlannedTime PlannedClock::readyOn(uint32_t worker, const Launch &launch, const TaskIndex &index) const {
  PlannedTime ready = 0;
  for (const EventRef &wait : launch.waits) {
    const Arrival &arrival = arrivals[counterOf(wait, index)];
    if (arrival.worker != kNobody)
      ready = std::max(ready, arrival.time + (arrival.worker == worker ? 0 : sync));
  }
  return ready;
}

PlannedTime PlannedClock::run(uint32_t worker, const Launch &launch, const TaskIndex &index, PlannedTime cost) {
  PlannedTime begin = std::max(free[worker], readyOn(worker, launch, index));
  free[worker] = begin + cost;
  for (const EventRef &signal : launch.signals) {
    Arrival &arrival = arrivals[counterOf(signal, index)];
    arrival.time = std::max(arrival.time, free[worker]);
    arrival.worker = arrival.worker == kNobody || arrival.worker == worker ? worker : kSeveral;
  }
  return begin;
}

std::vector<PlannedTask> predict(const Program &program, const CostModel &costs) {
  TaskGraph graph(program);
  StepRun run(graph);
  PlannedClock clock(program, graph.numQueues(), costs);
  std::vector<PlannedTask> tasks(graph.numTasks());
  // Any legal order gives the same times: a task's begin depends only on what must come before it.
  while (!run.readyQueues().empty()) {
    uint32_t worker = run.readyQueues().back();
    uint32_t task = run.advance(worker);
    const Launch &launch = graph.launchOf(task);
    PlannedTime begin = clock.run(worker, launch, graph.indexOf(task), clock.costOf(launch));
    tasks[task] = {worker, begin, clock.freeAt(worker)};
  }
  return tasks;
}

} // namespace ingot::program
