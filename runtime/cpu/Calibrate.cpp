#include "runtime/cpu/Calibrate.h"

#include "runtime/cpu/Cores.h"
#include "runtime/cpu/Step.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

namespace ingot::runtime {

namespace {

#if defined(__x86_64__) && defined(__clang__)
#define INGOT_EVERY_LEVEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define INGOT_EVERY_LEVEL
#endif

constexpr int kRounds = 40;                         // the best of them: others may be busy
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

/// Seconds of rounds of the same work.
struct Rounds {
  std::vector<double> seconds;

  double best() const { return *std::min_element(seconds.begin(), seconds.end()); }
};

/// Runs a function on all workers at once and takes the slowest worker's time, several times.
template <typename Function> class TimedJob : public WorkerJob {
public:
  TimedJob(Executor &executor, int count, Function function) : function(function), times(executor.workers()) {
    for (int round = 0; round < count; ++round) {
      executor.run(*this);
      rounds.seconds.push_back(*std::max_element(times.begin(), times.end()));
    }
  }
  void work(uint32_t worker, WaitPolicy policy) override {
    Clock::time_point begin = Clock::now();
    function(worker, policy);
    times[worker] = since(begin);
  }
  Rounds rounds;

private:
  Function function;
  std::vector<double> times;
};

Rounds measureFlops(Executor &executor) {
  std::vector<float> results(executor.workers() * 32); // of workers, a cache line and more apart
  // The factor comes from memory, so that nothing is computed by the compiler.
  volatile float factor = 0.999f;
  TimedJob job(executor, kRounds, [&](uint32_t worker, WaitPolicy) { results[worker * 32] = multiplyAndAdd(factor); });
  return job.rounds;
}

Result<Rounds> measureBytes(Executor &executor) {
  uint64_t total = kReadBytes * executor.workers();
  std::unique_ptr<uint64_t[]> data;
  if (total <= availableMemory())
    data.reset(new (std::nothrow) uint64_t[total / sizeof(uint64_t)]);
  if (!data)
    return Status::outOfMemory("measuring memory needs " + std::to_string(total) + " bytes");
  constexpr size_t kCount = kReadBytes / sizeof(uint64_t);
  std::vector<uint64_t> results(executor.workers() * 16);
  // Whoever reads a page wrote it.
  TimedJob fill(executor, 1,
                [&](uint32_t worker, WaitPolicy) { std::memset(data.get() + worker * kCount, 1, kReadBytes); });
  TimedJob job(executor, kRounds, [&](uint32_t worker, WaitPolicy) {
    results[worker * 16] = readAll(data.get() + worker * kCount, kCount);
  });
  return job.rounds;
}

/// Rounds of kSignals signals that two workers send to and fro. They are timed inside one job, so that no round waits
/// for a worker to begin, and short, so that some are not interrupted on a busy machine.
constexpr uint32_t kSignals = 8, kMaxSyncRounds = 10000;
constexpr double kMaxSyncSeconds = 1; // on an idle machine it takes a few milliseconds
Rounds measureSync(Executor &executor) {
  Counter there, back;
  std::atomic<bool> ended{false};
  Rounds rounds;
  TimedJob job(executor, 1, [&](uint32_t worker, WaitPolicy policy) {
    if (worker == 1)
      for (uint32_t turn = 1;; ++turn) {
        there.await(turn, policy, nullptr);
        if (ended)
          return;
        back.signal(1, turn);
      }
    if (worker != 0)
      return;
    const Clock::time_point begin = Clock::now();
    uint32_t turn = 0;
    while (rounds.seconds.size() < kMaxSyncRounds && (rounds.seconds.empty() || since(begin) < kMaxSyncSeconds)) {
      const Clock::time_point round = Clock::now();
      for (uint32_t i = 0; i < kSignals / 2; ++i) {
        there.signal(1, ++turn);
        back.await(turn, policy, nullptr);
      }
      rounds.seconds.push_back(since(round));
    }
    ended = true;
    there.signal(1, ++turn);
  });
  return rounds;
}

void doNothing(const int64_t *, void *const *, const int64_t *, void *) {}

constexpr int64_t kTasks = 100'000;

/// Rounds in which worker 0 runs kTasks tasks without a body. With `counters` the first half of them signals
/// and the second half waits, each for a counter that ten tasks share.
Rounds measureTask(Executor &executor, bool counters) {
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
  Rounds rounds;
  for (int round = 0; round < kRounds; ++round) {
    Clock::time_point begin = Clock::now();
    (void)step.run(executor, cancel); // nobody cancels
    rounds.seconds.push_back(since(begin));
  }
  return rounds;
}

} // namespace

bool differImplausibly(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2] > 10 * seconds.front();
}

Result<Calibration> calibrate(Executor &executor) {
  Calibration result;
  auto best = [&](const char *name, const Rounds &rounds) {
    if (differImplausibly(rounds.seconds))
      result.unsteady.push_back(name);
    return rounds.best();
  };
  Result<Rounds> bytes = measureBytes(executor);
  if (!bytes)
    return bytes.status();
  program::CostModel &costs = result.costs;
  costs.bytesPerSecond = static_cast<double>(kReadBytes) / best("bytes_per_second", *bytes);
  costs.flopsPerSecond =
      static_cast<double>(2 * kChains * kRepetitions) / best("flops_per_second", measureFlops(executor));
  costs.taskSeconds = best("task_seconds", measureTask(executor, false)) / static_cast<double>(kTasks);
  const double withCounters = best("counter_seconds", measureTask(executor, true)) / static_cast<double>(kTasks);
  // Not 0, however little it is.
  costs.counterSeconds = std::max(withCounters - costs.taskSeconds, 1e-10);
  if (executor.workers() > 1)
    costs.syncSeconds = best("sync_seconds", measureSync(executor)) / kSignals;
  return result;
}

} // namespace ingot::runtime
