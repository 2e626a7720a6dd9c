#include "runtime/program/Schedule.h"

#include <algorithm>
#include <cassert>
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
    return shares;
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
