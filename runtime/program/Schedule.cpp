#include "runtime/program/Schedule.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <queue>

namespace ingot::program {

namespace {

/// Time in picoseconds since the step began: integers make equal costs exactly equal.
using Time = uint64_t;

Time toTime(double seconds) {
  // An hour bounds what forged costs can do; a step of 2^28 such tasks still fits.
  return static_cast<Time>(std::llround(std::clamp(seconds, 0.0, 3600.0) * 1e12));
}

constexpr uint32_t kNobody = ~uint32_t(0);
constexpr uint32_t kSeveral = kNobody - 1;

/// When a counter has got the signals placed so far, and from whom.
struct Arrival {
  Time time = 0;
  uint32_t worker = kNobody;
};

class Scheduler {
public:
  Scheduler(const Program &program, uint32_t workers, const CostModel &costs)
      : program(program), costs(costs), sync(toTime(costs.syncSeconds)), free(workers, 0) {
    result.queues.resize(workers);
    uint64_t counters = 0;
    for (const Event &event : program.events) {
      firstCounter.push_back(counters);
      counters += event.count;
    }
    arrivals.resize(counters);
  }

  Schedule run() {
    for (uint32_t l = 0; l < program.launches.size(); ++l)
      place(l);
    return std::move(result);
  }

private:
  Time costOf(const Launch &launch) const {
    double work = std::max(static_cast<double>(launch.flops) / costs.flopsPerSecond,
                           static_cast<double>(launch.bytes) / costs.bytesPerSecond);
    // Not 0: free tasks would all go to one worker.
    return std::max<Time>(toTime(work + costs.taskSeconds), 1);
  }

  Arrival &arrivalOf(const EventRef &ref, const TaskIndex &index) {
    return arrivals[firstCounter[ref.event] + static_cast<uint64_t>(ref.index.at(index))];
  }

  /// When a task can start on `worker` as far as its waits go.
  Time readyOn(uint32_t worker, const Launch &launch, const TaskIndex &index) {
    Time ready = 0;
    for (const EventRef &wait : launch.waits) {
      const Arrival &arrival = arrivalOf(wait, index);
      if (arrival.worker != kNobody)
        ready = std::max(ready, arrival.time + (arrival.worker == worker ? 0 : sync));
    }
    return ready;
  }

  /// How many of the launch's tasks each worker gets: one by one to whoever finishes the next task first.
  std::vector<int64_t> share(const Launch &launch, Time cost) {
    uint32_t workers = static_cast<uint32_t>(free.size());
    std::vector<int64_t> shares(workers, 0);
    using Candidate = std::pair<Time, uint32_t>; // finish of the next task, worker
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    int64_t tasks = launch.numTasks();
    for (uint32_t w = 0; w < workers; ++w) {
      // The waits that an even split would give this worker's first task; exact when all tasks wait for the same.
      int64_t first = static_cast<int64_t>(static_cast<__int128>(tasks) * w / workers);
      candidates.emplace(std::max(free[w], readyOn(w, launch, launch.indexOf(first))) + cost, w);
    }
    for (int64_t i = 0; i < tasks; ++i) {
      auto [finish, worker] = candidates.top();
      candidates.pop();
      ++shares[worker];
      candidates.emplace(finish + cost, worker);
    }
    return shares;
  }

  void place(uint32_t number) {
    const Launch &launch = program.launches[number];
    Time cost = costOf(launch);
    std::vector<int64_t> shares = share(launch, cost);
    int64_t next = 0;
    for (uint32_t w = 0; w < shares.size(); ++w) {
      if (shares[w] == 0)
        continue;
      result.queues[w].push_back({number, next, next + shares[w]});
      for (int64_t end = next + shares[w]; next < end; ++next) {
        TaskIndex index = launch.indexOf(next);
        free[w] = std::max(free[w], readyOn(w, launch, index)) + cost;
        for (const EventRef &signal : launch.signals)
          arrive(arrivalOf(signal, index), w);
      }
    }
  }

  void arrive(Arrival &arrival, uint32_t worker) {
    arrival.time = std::max(arrival.time, free[worker]);
    arrival.worker = arrival.worker == kNobody || arrival.worker == worker ? worker : kSeveral;
  }

  const Program &program;
  const CostModel &costs;
  Time sync;
  std::vector<Time> free; // per worker: when it has finished what it has
  std::vector<uint64_t> firstCounter;
  std::vector<Arrival> arrivals; // per counter
  Schedule result;
};

} // namespace

Schedule schedule(const Program &program, uint32_t workers, const CostModel &costs) {
  assert(workers >= 1 && "a schedule needs a worker");
  return Scheduler(program, workers, costs).run();
}

} // namespace ingot::program
