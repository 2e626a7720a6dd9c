// A task program bound to code and memory: one step can be run again and again.
#pragma once

#include "runtime/cpu/Counter.h"
#include "runtime/cpu/Executor.h"
#include "runtime/cpu/Pace.h"
#include "runtime/cpu/Prefetch.h"
#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace ingot::runtime {

/// Memory of a step: one address per buffer of the program, and `privateStride` bytes (a multiple of 64) for each
/// worker from `privateBase` (64-byte aligned) on.
struct StepMemory {
  std::vector<std::byte *> buffers;
  std::byte *privateBase = nullptr;
  uint64_t privateStride = 0;
};

/// When a worker began to wait for a task, ran it and had finished it: nanoseconds of the steady clock.
struct TaskTime {
  uint64_t wait = 0, begin = 0, end = 0;
  uint32_t worker = 0;
};

/// Runs the queues of a verified program. Counters are never reset: step n waits for n times the signals of a step.
class Step final : private WorkerJob {
public:
  /// `program` must be verified and have as many queues as `memory` has private arenas; `bodies` holds one function per
  /// body. Everything that a step needs is allocated here.
  Step(std::shared_ptr<const program::Program> program, const std::vector<program::BodyFunction> &bodies,
       const StepMemory &memory);

  /// Runs one step on an executor with as many workers as the program has queues. When `*cancel` becomes true, workers
  /// stop between tasks, the step fails with `cancelled`, and `reset` must come before the next one.
  Status run(Executor &executor, const std::atomic<bool> &cancel);

  /// Whether one thread can run the queues range by range (see Pace::Alone): so in every program that keeps to the
  /// order of its launches.
  bool mayRunAlone() const { return !aloneOrder.empty(); }

  /// All steps from now on keep this pace. For tests: results are the same at any.
  void fixPace(Pace pace) { fixedPace = pace; }

  /// Runs steps in one launch, as long as `between` returns true: it is called after each on the calling thread, while
  /// no task runs, and may change the inputs. Workers stay in the launch and meet at a closing counter; nothing returns
  /// to the executor for some milliseconds, after which the pace of the workers may change. Allocates nothing.
  Status runSteps(Executor &executor, const std::atomic<bool> &cancel, const std::function<bool()> &between);

  /// Runs one step on the calling thread in a legal order of all tasks, chosen by `seed`. For tests: it allocates.
  Status runInterleaved(uint64_t seed, const std::atomic<bool> &cancel);

  /// Runs the tasks of one launch in order on the calling thread, as the first worker would. For tools that look at
  /// memory between launches; all launches in the order of the program are a step.
  void runLaunch(size_t number) const;

  /// From the next step on, buffer `number` of the program lies at `address`.
  void place(uint32_t number, std::byte *address);

  /// From now on steps write when their tasks ran to `times` (launch after launch in linear order, as many as the
  /// program has tasks; it must live as long). Empty ends that. Steps that run interleaved are not recorded.
  void record(std::span<TaskTime> times) { recorded = times; }

  /// Zeroes the counters. `steps` is the number of steps to pretend to have run (tests of wrap-around).
  void reset(uint32_t steps = 0);

private:
  /// A reference to one of an event's counters by task index.
  struct CounterRef {
    program::Affine index;
    uint32_t first;   // counter of the event's index 0
    uint32_t signals; // per step
    bool constant;    // the same counter for all tasks of the launch
  };
  struct BoundLaunch {
    program::BodyFunction function;
    std::vector<int64_t> grid;
    std::vector<void *> buffers;
    std::vector<int64_t> integers;
    std::vector<CounterRef> waits, signals;
    uint64_t firstTask; // tasks of the launches before
  };

  void work(uint32_t worker, WaitPolicy policy) override;
  bool hasWork(uint32_t worker) const override {
    return alone ? worker == 0 : !program->schedule.queues[worker].empty() || (between && worker == 0);
  }
  void findStreams(std::span<std::byte *const> buffers);
  void orderForOne();
  bool takeIfReady(const program::TaskRange &range, std::vector<uint32_t> &signals) const;
  Status launch(Executor &executor, const std::atomic<bool> &cancel);
  /// Ends a step of several: whether another one follows, the same for all workers.
  bool closeStep(uint32_t worker, WaitPolicy policy);
  template <bool kRecord> void workThrough(uint32_t worker, WaitPolicy policy);
  template <bool kRecord>
  bool runRange(const BoundLaunch &launch, const program::TaskRange &range, uint32_t worker, WaitPolicy policy);
  template <bool kRecord> bool runQueue(uint32_t worker, WaitPolicy policy);
  bool await(const CounterRef &ref, const program::TaskIndex &index, WaitPolicy policy);
  void signal(const CounterRef &ref, const program::TaskIndex &index, uint32_t amount);
  void call(const BoundLaunch &launch, const program::TaskIndex &index, uint32_t worker) const;
  CounterRef bind(const program::EventRef &ref, const std::vector<uint32_t> &firstCounters) const;

  std::shared_ptr<const program::Program> program;
  std::vector<BoundLaunch> launches;
  std::byte *privateBase;
  uint64_t privateStride;
  std::unique_ptr<Counter[]> counters;
  uint64_t numCounters;
  uint32_t stepNumber = 0;
  std::vector<std::vector<std::vector<Area>>> streams; // by queue and range: what to fetch while its first task waits
  std::vector<program::TaskRange> aloneOrder;          // of all queues; a legal execution
  bool alone = false;                                  // the step that is running has one worker
  std::optional<PaceControl> control;                  // from the first step on
  std::optional<Pace> fixedPace;
  std::span<TaskTime> recorded;              // by task; empty: nobody wants to know
  const std::atomic<bool> *cancel = nullptr; // of the step that is running
  // Of launches of several steps: worker 0 opens round n + 1 when all have closed round n.
  const std::function<bool()> *between = nullptr;
  uint32_t participants = 0, rounds = 0;
  uint64_t launched = 0; // when, in nanoseconds of the steady clock
  bool goesOn = false;   // another step follows in this launch
  bool another = false;  // another step follows
  Counter closed, opened;
  std::atomic<bool> aborted{false};
};

} // namespace ingot::runtime
