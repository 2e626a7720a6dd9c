#include "runtime/program/Schedule.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <queue>

namespace ingot::program {

namespace {

class Scheduler {
public:
  Scheduler(const Program &program, uint32_t workers, const CostModel &costs)
      : program(program), clock(program, workers, costs) {
    result.queues.resize(workers);
  }

  Schedule run() {
    for (uint32_t l = 0; l < program.launches.size(); ++l)
      place(l);
    return std::move(result);
  }

private:
  /// How many of the launch's tasks each worker gets: one by one to whoever finishes the next task first.
  std::vector<int64_t> share(const Launch &launch, PlannedTime cost) {
    uint32_t workers = clock.workers();
    std::vector<int64_t> shares(workers, 0);
    using Candidate = std::pair<PlannedTime, uint32_t>; // finish of the next task, worker
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
    int64_t tasks = launch.numTasks();
    for (uint32_t w = 0; w < workers; ++w) {
      // The waits that an even split would give this worker's first task; exact when all tasks wait for the same.
      int64_t first = static_cast<int64_t>(static_cast<__int128>(tasks) * w / workers);
      PlannedTime ready = clock.readyOn(w, launch, launch.indexOf(first));
      candidates.emplace(std::max(clock.freeAt(w), ready) + cost, w);
    }
    for (int64_t i = 0; i < tasks; ++i) {
      auto [finish, worker] = candidates.top();
      candidates.pop();
      ++shares[worker];
      candidates.emplace(finish + cost, worker);
    }
    if (std::any_of(launch.waits.begin(), launch.waits.end(),
                    [](const EventRef &wait) { return !wait.index.isConstant(); }))
      improve(launch, cost, shares);
    return shares;
  }

  /// Shares of a launch whose tasks wait for different counters, when it should end by `end`: each worker in turn takes
  /// as many as it can. They have fewer tasks in total if that is too early.
  std::vector<int64_t> shareUntil(const Launch &launch, PlannedTime cost, PlannedTime end) {
    std::vector<int64_t> shares(clock.workers(), 0);
    int64_t next = 0;
    for (uint32_t w = 0; w < shares.size(); ++w)
      for (PlannedTime free = clock.freeAt(w); next < launch.numTasks(); ++next, ++shares[w]) {
        free = std::max(free, clock.readyOn(w, launch, launch.indexOf(next))) + cost;
        if (free > end)
          break;
      }
    return shares;
  }

  /// When a launch ends that is shared out like this.
  PlannedTime endOf(const Launch &launch, PlannedTime cost, const std::vector<int64_t> &shares) {
    PlannedTime end = 0;
    int64_t next = 0;
    for (uint32_t w = 0; w < shares.size(); ++w) {
      PlannedTime free = clock.freeAt(w);
      for (int64_t last = next + shares[w]; next < last; ++next)
        free = std::max(free, clock.readyOn(w, launch, launch.indexOf(next))) + cost;
      end = std::max(end, shares[w] ? free : 0);
    }
    return end;
  }

  /// Takes other shares if the launch ends earlier with them, to about a thousandth of what it takes.
  void improve(const Launch &launch, PlannedTime cost, std::vector<int64_t> &shares) {
    PlannedTime high = endOf(launch, cost, shares), low = high;
    for (uint32_t w = 0; w < clock.workers(); ++w)
      low = std::min(low, clock.freeAt(w)); // when nobody has ended a task yet
    const PlannedTime step = std::max<PlannedTime>((high - low) / 1024, 1);
    while (high - low > step) {
      const PlannedTime middle = low + (high - low) / 2;
      std::vector<int64_t> other = shareUntil(launch, cost, middle);
      if (std::accumulate(other.begin(), other.end(), int64_t(0)) == launch.numTasks()) {
        shares = std::move(other);
        high = middle;
      } else {
        low = middle;
      }
    }
  }

  void place(uint32_t number) {
    const Launch &launch = program.launches[number];
    PlannedTime cost = clock.costOf(launch);
    std::vector<int64_t> shares = share(launch, cost);
    int64_t next = 0;
    for (uint32_t w = 0; w < shares.size(); ++w) {
      if (shares[w] == 0)
        continue;
      result.queues[w].push_back({number, next, next + shares[w]});
      for (int64_t end = next + shares[w]; next < end; ++next)
        clock.run(w, launch, launch.indexOf(next), cost);
    }
  }

  const Program &program;
  PlannedClock clock;
  Schedule result;
};

} // namespace

Schedule schedule(const Program &program, uint32_t workers, const CostModel &costs) {
  assert(workers >= 1 && "a schedule needs a worker");
  return Scheduler(program, workers, costs).run();
}

} // namespace ingot::program
