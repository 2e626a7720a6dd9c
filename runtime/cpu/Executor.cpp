#include "runtime/cpu/Executor.h"

#include "runtime/cpu/Cores.h"

#include <cfenv>
#include <csignal>
#include <cstring>
#include <sched.h>

namespace ingot::runtime {

namespace {

/// Threads keep little on their stack: temporaries of bodies live in private arenas.
constexpr size_t kStackSize = size_t(2) << 20;

/// Makes the calling thread compute like every other worker (rounding, subnormals) as long as it lives.
class DefaultFloatingPoint {
public:
  DefaultFloatingPoint() {
    std::fegetenv(&saved);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultFloatingPoint() { std::fesetenv(&saved); }

private:
  std::fenv_t saved;
};

} // namespace

Result<std::unique_ptr<Executor>> Executor::create(const ExecutorOptions &options) {
  uint32_t cores = availableCores();
  uint32_t count = options.workers ? options.workers : std::min(cores, kMaxWorkers);
  if (count > kMaxWorkers)
    return Status::invalidArgument("at most " + std::to_string(kMaxWorkers) + " workers are possible, but got " +
                                   std::to_string(count));
  std::unique_ptr<Executor> executor(new Executor(count));
  // Who spins on a shared core keeps the one it waits for from running.
  if (count > cores)
    executor->policy.spins = 0;
  INGOT_RETURN_IF_ERROR(executor->start(options.cpus));
  return executor;
}

Status Executor::start(const std::vector<uint32_t> &cpus) {
  threads.reserve(count - 1); // workers keep pointers into it
  sigset_t all, old;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  // Threads inherit the mask: signals belong to the host's threads.
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int error = 0;
  for (uint32_t i = 1; i < count && error == 0; ++i) {
    if (!cpus.empty()) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(cpus[i % cpus.size()], &set);
      error = pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
    }
    threads.push_back({this, i, {}});
    if (error == 0)
      error = pthread_create(&threads.back().thread, &attributes, threadMain, &threads.back());
    if (error != 0)
      threads.pop_back();
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0)
    return Status::outOfMemory("cannot start " + std::to_string(count) + " workers: " + std::strerror(error));
  return Status::success();
}

Executor::~Executor() {
  job = nullptr;
  started.signal(1, round + 1);
  for (Worker &worker : threads)
    pthread_join(worker.thread, nullptr);
}

void *Executor::threadMain(void *argument) {
  Worker &worker = *static_cast<Worker *>(argument);
  std::fesetenv(FE_DFL_ENV);
  worker.executor->serve(worker.number);
  return nullptr;
}

void Executor::serve(uint32_t worker) {
  for (uint32_t seen = 1;; ++seen) {
    started.await(seen, policy, nullptr);
    if (!job)
      return;
    job->work(worker, policy);
    finished.signal(1, seen * (count - 1));
  }
}

void Executor::run(WorkerJob &work) {
  std::lock_guard<std::mutex> lock(turn);
  DefaultFloatingPoint environment;
  job = &work;
  ++round;
  started.signal(1, round);
  work.work(0, policy);
  finished.await(round * (count - 1), policy, nullptr);
}

} // namespace ingot::runtime
