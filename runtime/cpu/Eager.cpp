#include "runtime/cpu/Eager.h"

namespace ingot::runtime {

using namespace program;

Program makeEager(const Program &program, uint32_t workers) {
  Program eager = program;
  eager.events.clear();
  eager.schedule.queues.assign(workers, {});
  for (uint32_t i = 0; i < eager.launches.size(); ++i) {
    Launch &launch = eager.launches[i];
    launch.waits.clear();
    for (Access &read : launch.reads)
      read.stream = false; // who launches one at a time does not know what comes next
    launch.signals.clear();
    if (i > 0)
      launch.waits.push_back({i - 1, {}});
    int64_t tasks = launch.numTasks();
    if (i + 1 < eager.launches.size()) {
      eager.events.push_back({"barrier" + std::to_string(i), 1, static_cast<uint32_t>(tasks)});
      launch.signals.push_back({i, {}});
    }
    for (uint32_t worker = 0; worker < workers; ++worker) {
      int64_t begin = tasks * worker / workers, end = tasks * (worker + 1) / workers;
      if (begin < end)
        eager.schedule.queues[worker].push_back({i, begin, end});
    }
  }
  return eager;
}

} // namespace ingot::runtime
