#include "runtime/cpu/Calibrate.h"

#include "runtime/cpu/Cores.h"
#include "runtime/cpu/Step.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

namespace ingot::runtime {

namespace {

#if defined(__x86_64__) && defined(__clang__)
#define INGOT_EVERY_LEVEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define INGOT_EVERY_LEVEL
#endif

constexpr int kRounds = 15;                         // the best of them: others may be busy
constexpr uint64_t kReadBytes = uint64_t(64) << 20; // per worker

using Clock = std::chrono::steady_clock;
double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Multiplies and adds in as many independent chains as hide the latency.
constexpr size_t kChains = 256;
constexpr uint64_t kRepetitions = 200'000;
INGOT_EVERY_LEVEL float multiplyAndAdd(float factor) {
  float sums[kChains];
  for (size_t i = 0; i < kChains; ++i)
    sums[i] = static_cast<float>(i);
  for (uint64_t r = 0; r < kRepetitions; ++r)
    for (size_t i = 0; i < kChains; ++i)
      sums[i] = sums[i] * factor + 0.5f;
  float total = 0;
  for (float sum : sums)
    total += sum;
  return total;
}

INGOT_EVERY_LEVEL uint64_t readAll(const uint64_t *data, size_t count) {
  uint64_t sums[32] = {};
  for (size_t i = 0; i + 32 <= count; i += 32)
    for (size_t k = 0; k < 32; ++k)
      sums[k] ^= data[i + k];
  for (size_t k = 1; k < 32; ++k)
    sums[0] ^= sums[k];
  return sums[0];
}

/// Runs a function on all workers at once and takes the slowest worker's time; of several rounds the best.
template <typename Function> class TimedJob : public WorkerJob {
public:
  TimedJob(Executor &executor, Function function) : function(function), times(executor.workers()) {
    for (int round = 0; round < kRounds; ++round) {
      executor.run(*this);
      best = std::min(best, *std::max_element(times.begin(), times.end()));
    }
  }
  void work(uint32_t worker, WaitPolicy policy) override {
    Clock::time_point begin = Clock::now();
    function(worker, policy);
    times[worker] = since(begin);
  }
  double best = std::numeric_limits<double>::infinity();

private:
  Function function;
  std::vector<double> times;
};

double measureFlops(Executor &executor) {
  std::vector<float> results(executor.workers() * 32); // of workers, a cache line and more apart
  // The factor comes from memory, so that nothing is computed by the compiler.
  volatile float factor = 0.999f;
  TimedJob job(executor, [&](uint32_t worker, WaitPolicy) { results[worker * 32] = multiplyAndAdd(factor); });
  return static_cast<double>(2 * kChains * kRepetitions) / job.best;
}

Result<double> measureBytes(Executor &executor) {
  uint64_t total = kReadBytes * executor.workers();
  std::unique_ptr<uint64_t[]> data;
  if (total <= availableMemory())
    data.reset(new (std::nothrow) uint64_t[total / sizeof(uint64_t)]);
  if (!data)
    return Status::outOfMemory("measuring memory needs " + std::to_string(total) + " bytes");
  constexpr size_t kCount = kReadBytes / sizeof(uint64_t);
  std::vector<uint64_t> results(executor.workers() * 16);
  // Whoever reads a page wrote it.
  TimedJob fill(executor,
                [&](uint32_t worker, WaitPolicy) { std::memset(data.get() + worker * kCount, 1, kReadBytes); });
  TimedJob job(executor, [&](uint32_t worker, WaitPolicy) {
    results[worker * 16] = readAll(data.get() + worker * kCount, kCount);
  });
  return static_cast<double>(kReadBytes) / job.best;
}

double measureSync(Executor &executor) {
  constexpr uint32_t kTurns = 200;
  Counter there, back;
  uint32_t played = 0; // by rounds before
  TimedJob job(executor, [&](uint32_t worker, WaitPolicy policy) {
    const uint32_t first = played; // read before the last turn, after which worker 0 counts on
    for (uint32_t i = first + 1; i <= first + kTurns && worker < 2; ++i) {
      if (worker == 0) {
        there.signal(1, i);
        back.await(i, policy, nullptr);
      } else {
        there.await(i, policy, nullptr);
        back.signal(1, i);
      }
    }
    if (worker == 0)
      played += kTurns;
  });
  return job.best / (2 * kTurns);
}

void doNothing(const int64_t *, void *const *, const int64_t *, void *) {}

constexpr int64_t kTasks = 100'000;

/// Seconds that worker 0 takes for each of kTasks tasks without a body. With `counters` the first half of them signals
/// and the second half waits, each for a counter that ten tasks share.
double measureTask(Executor &executor, bool counters) {
  program::Program empty;
  empty.bodies.push_back({"nothing", 0});
  program::Launch launch;
  launch.grid = {kTasks / 2};
  empty.launches = {launch, launch};
  if (counters) {
    constexpr uint32_t kShared = 10;
    empty.events.push_back({"counters", static_cast<uint32_t>(kTasks / 2) / kShared, kShared});
    const program::EventRef ref = {0, {0, {1, 0, 0}, kShared}};
    empty.launches[0].signals = {ref};
    empty.launches[1].waits = {ref};
  }
  empty.schedule.queues.resize(executor.workers());
  empty.schedule.queues[0] = {{0, 0, kTasks / 2}, {1, 0, kTasks / 2}};
  Step step(std::make_shared<const program::Program>(std::move(empty)), {doNothing}, {});
  std::atomic<bool> cancel{false};
  double best = std::numeric_limits<double>::infinity();
  for (int round = 0; round < kRounds; ++round) {
    Clock::time_point begin = Clock::now();
    if (!step.run(executor, cancel).ok())
      break; // nobody cancels
    best = std::min(best, since(begin));
  }
  return best / static_cast<double>(kTasks);
}

} // namespace

Result<program::CostModel> calibrate(Executor &executor) {
  program::CostModel costs;
  Result<double> bytes = measureBytes(executor);
  if (!bytes)
    return bytes.status();
  costs.bytesPerSecond = *bytes;
  costs.flopsPerSecond = measureFlops(executor);
  costs.taskSeconds = measureTask(executor, false);
  // Not 0, however little it is.
  costs.counterSeconds = std::max(measureTask(executor, true) - costs.taskSeconds, 1e-10);
  if (executor.workers() > 1)
    costs.syncSeconds = measureSync(executor);
  return costs;
}

} // namespace ingot::runtime
