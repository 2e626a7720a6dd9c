// Persistent workers.
#pragma once

#include "runtime/cpu/Counter.h"
#include "runtime/support/Status.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <vector>

namespace ingot::runtime {

/// Something that every worker takes part in.
class WorkerJob {
public:
  virtual ~WorkerJob() = default;
  /// Called once per worker that has work, 0 <= worker < workers, all at the same time.
  virtual void work(uint32_t worker, WaitPolicy policy) = 0;
  /// Workers without work sleep on: waking one only to hear that it is done can cost more than a small step.
  virtual bool hasWork(uint32_t) const { return true; }
};

struct ExecutorOptions {
  uint32_t workers = 0;       // 0: one per available core
  std::vector<uint32_t> cpus; // worker i > 0 is bound to cpus[i % size]; empty: the system decides
};

/// A fixed set of workers that live as long as the executor. Worker 0 is the thread that calls `run`; it is not bound
/// to a CPU. Workers spin briefly between jobs and then sleep. Workers run with the default floating-point environment
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

  /// Whether there is a core for each worker.
  bool hasOwnCores() const { return ownCores; }

  /// What a job took, in nanoseconds, without waiting for its turn; `slept` of all workers together.
  struct Usage {
    uint64_t wall = 0, slept = 0;
  };

  /// Runs `job` on all workers and returns when all of them have finished. Calls from several threads take turns.
  /// Waits spin first if `spin` is true and each worker has a core. Allocates nothing.
  Usage run(WorkerJob &job, bool spin = true);

private:
  struct Worker {
    Executor *executor;
    uint32_t number;
    pthread_t thread;
    uint32_t jobs = 0;                     // that it has been given
    WorkerJob *job = nullptr;              // null tells it to end
    uint32_t finishedTarget = 0;           // what `finished` is when all workers of this job are done
    WaitPolicy policy;                     // of the job, and of waiting for the next one
    uint64_t slept = 0;                    // during the job
    std::atomic<uint32_t> cpu{UINT32_MAX}; // where it last began a job
    Counter started;                       // jobs that it may begin
  };
  explicit Executor(uint32_t count) : count(count) {}
  Status start(const std::vector<uint32_t> &cpus);
  static void *threadMain(void *worker);
  void give(Worker &worker, WorkerJob *job, uint32_t spins);
  void serve(Worker &worker);
  void leaveSharedCpu(Worker &worker);

  const uint32_t count;
  bool ownCores = true;
  bool bound = false;     // workers are bound to CPUs
  uint32_t callerCpu = 0; // where worker 0 began the job
  std::mutex turn;
  std::deque<Worker> threads; // workers 1, 2, ...; they keep pointers into it
  uint32_t finishedTarget = 0;
  Counter finished; // jobs that workers 1, 2, ... have finished, all together
};

} // namespace ingot::runtime
