#include "runtime/cpu/Executor.h"

#include "runtime/cpu/Cores.h"

#include <algorithm>
#include <cfenv>
#include <chrono>
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

uint32_t currentCpu() { return static_cast<uint32_t>(std::max(0, ::sched_getcpu())); }

} // namespace

Result<std::unique_ptr<Executor>> Executor::create(const ExecutorOptions &options) {
  uint32_t cores = availableCores();
  uint32_t count = options.workers ? options.workers : std::min(cores, kMaxWorkers);
  if (count > kMaxWorkers)
    return Status::invalidArgument("at most " + std::to_string(kMaxWorkers) + " workers are possible, but got " +
                                   std::to_string(count));
  std::unique_ptr<Executor> executor(new Executor(count));
  // Who spins on a shared core keeps the one it waits for from running.
  executor->ownCores = count <= cores;
  executor->bound = !options.cpus.empty();
  INGOT_RETURN_IF_ERROR(executor->start(options.cpus));
  return executor;
}

Status Executor::start(const std::vector<uint32_t> &cpus) {
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
    Worker &worker = threads.emplace_back();
    worker.executor = this;
    worker.number = i;
    if (error == 0)
      error = pthread_create(&worker.thread, &attributes, threadMain, &worker);
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
  for (Worker &worker : threads)
    give(worker, nullptr, 0);
  for (Worker &worker : threads)
    pthread_join(worker.thread, nullptr);
}

void Executor::give(Worker &worker, WorkerJob *job, uint32_t spins) {
  worker.job = job;
  worker.finishedTarget = finishedTarget;
  worker.slept = 0;
  worker.policy = {spins, &worker.slept};
  worker.started.signal(1, ++worker.jobs);
}

void *Executor::threadMain(void *argument) {
  Worker &worker = *static_cast<Worker *>(argument);
  std::fesetenv(FE_DFL_ENV);
  worker.executor->serve(worker);
  return nullptr;
}

void Executor::serve(Worker &worker) {
  uint32_t spins = ownCores ? WaitPolicy().spins : 0;
  for (uint32_t next = 1;; ++next) {
    worker.started.await(next, {spins}, nullptr);
    if (!worker.job)
      return;
    spins = worker.policy.spins;
    if (spins > 0 && !bound)
      leaveSharedCpu(worker);
    worker.job->work(worker.number, worker.policy);
    finished.signal(1, worker.finishedTarget);
  }
}

/// The system may wake a thread, or begin a new one, on the CPU of the thread that asked for it, and separates the two
/// only after milliseconds: until then each wait of a spinning worker would keep the awaited one from running.
void Executor::leaveSharedCpu(Worker &worker) {
  const uint32_t cpu = currentCpu();
  worker.cpu.store(cpu, std::memory_order_relaxed);
  cpu_set_t taken;
  CPU_ZERO(&taken);
  CPU_SET(callerCpu, &taken);
  for (uint32_t i = 1; i < worker.number; ++i)
    CPU_SET(threads[i - 1].cpu.load(std::memory_order_relaxed), &taken);
  if (!CPU_ISSET(cpu, &taken))
    return;
  moveAwayFrom(taken);
  worker.cpu.store(currentCpu(), std::memory_order_relaxed);
}

Executor::Usage Executor::run(WorkerJob &job, bool spin) {
  std::lock_guard<std::mutex> lock(turn);
  DefaultFloatingPoint environment;
  auto begin = std::chrono::steady_clock::now();
  Usage usage;
  WaitPolicy policy = {spin && ownCores ? WaitPolicy().spins : 0, &usage.slept};
  callerCpu = currentCpu();
  for (Worker &worker : threads)
    finishedTarget += job.hasWork(worker.number);
  for (Worker &worker : threads)
    if (job.hasWork(worker.number))
      give(worker, &job, policy.spins);
  if (job.hasWork(0))
    job.work(0, policy);
  finished.await(finishedTarget, policy, nullptr);
  for (Worker &worker : threads)
    if (job.hasWork(worker.number))
      usage.slept += worker.slept;
  auto took = std::chrono::steady_clock::now() - begin;
  usage.wall = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
  return usage;
}

} // namespace ingot::runtime
