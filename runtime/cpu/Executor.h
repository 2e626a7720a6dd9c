// Persistent workers.
#pragma once

#include "runtime/cpu/Counter.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <vector>

namespace ingot::runtime {

/// Something that every worker takes part in.
class WorkerJob {
public:
  virtual ~WorkerJob() = default;
  /// Called once per worker, 0 <= worker < workers, all at the same time.
  virtual void work(uint32_t worker, WaitPolicy policy) = 0;
};

struct ExecutorOptions {
  uint32_t workers = 0;       // 0: one per available core
  std::vector<uint32_t> cpus; // worker i > 0 is bound to cpus[i % size]; empty: the system decides
};

/// A fixed set of workers that live as long as the executor. Worker 0 is the thread that calls `run`; it is not bound to
/// a CPU. Workers spin briefly between jobs and then sleep. Workers run with the default floating-point environment
/// and all signals blocked; the caller's environment is restored.
class Executor {
public:
  static constexpr uint32_t kMaxWorkers = 1024;

  /// Fails with `invalidArgument` on too many workers and with `outOfMemory` if a thread cannot be made.
  static Result<std::unique_ptr<Executor>> create(const ExecutorOptions &options);
  Executor(const Executor &) = delete;
  Executor &operator=(const Executor &) = delete;
  /// Expects that no job is running.
  ~Executor();

  uint32_t workers() const { return count; }

  /// Runs `job` on all workers and returns when all of them have finished. Calls from several threads take turns.
  /// Allocates nothing.
  void run(WorkerJob &job);

private:
  struct Worker {
    Executor *executor;
    uint32_t number;
    pthread_t thread;
  };
  explicit Executor(uint32_t count) : count(count) {}
  Status start(const std::vector<uint32_t> &cpus);
  static void *threadMain(void *worker);
  void serve(uint32_t worker);

  const uint32_t count;
  WaitPolicy policy;
  std::mutex turn;
  std::vector<Worker> threads; // workers 1, 2, ...
  WorkerJob *job = nullptr;    // null tells the workers to end
  uint32_t round = 0;          // jobs so far
  Counter started;             // rounds begun
  Counter finished;            // workers 1.. that have finished, over all rounds
};

} // namespace ingot::runtime
