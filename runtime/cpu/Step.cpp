#include "runtime/cpu/Step.h"

#include "runtime/program/Interleave.h"

#include <cassert>
#include <chrono>

namespace ingot::runtime {

using namespace program;

namespace {

/// Address of the sub-buffer with the leading indices fixed.
std::byte *addressOf(const Buffer &buffer, std::byte *base, const std::vector<int64_t> &leading) {
  uint64_t elements = 0;
  for (size_t d = 0; d < buffer.shape.size(); ++d)
    elements = elements * static_cast<uint64_t>(buffer.shape[d]) +
               (d < leading.size() ? static_cast<uint64_t>(leading[d]) : 0);
  return base + elements * byteSize(buffer.dtype);
}

/// After so many nanoseconds a launch of several steps returns to the executor.
constexpr uint64_t kLongestLaunch = 5'000'000;

uint64_t now() {
  auto time = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

/// The next task in row-major order.
void advance(TaskIndex &index, const std::vector<int64_t> &grid) {
  for (size_t d = grid.size(); d-- > 0;) {
    if (++index[d] < grid[d])
      return;
    index[d] = 0;
  }
}

} // namespace

Step::Step(std::shared_ptr<const Program> boundProgram, const std::vector<BodyFunction> &bodies,
           const StepMemory &memory)
    : program(std::move(boundProgram)), privateBase(memory.privateBase), privateStride(memory.privateStride) {
  assert(bodies.size() == program->bodies.size() && memory.buffers.size() == program->buffers.size());
  std::vector<uint32_t> firstCounters;
  numCounters = 0;
  for (const Event &event : program->events) {
    firstCounters.push_back(static_cast<uint32_t>(numCounters));
    numCounters += event.count;
  }
  counters = std::make_unique<Counter[]>(numCounters);
  uint64_t tasks = 0;
  for (const Launch &launch : program->launches) {
    BoundLaunch bound;
    bound.firstTask = tasks;
    tasks += static_cast<uint64_t>(launch.numTasks());
    bound.function = bodies[launch.body];
    bound.grid = launch.grid;
    for (const Argument &argument : launch.arguments) {
      if (argument.kind == Argument::Kind::Integer)
        bound.integers.push_back(argument.value);
      else
        bound.buffers.push_back(
            addressOf(program->buffers[argument.buffer], memory.buffers[argument.buffer], argument.leading));
    }
    for (const EventRef &ref : launch.waits)
      bound.waits.push_back(bind(ref, firstCounters));
    for (const EventRef &ref : launch.signals)
      bound.signals.push_back(bind(ref, firstCounters));
    launches.push_back(std::move(bound));
  }
  findStreams(memory.buffers);
  orderForOne();
}

void Step::findStreams(std::span<std::byte *const> buffers) {
  for (const std::vector<TaskRange> &queue : program->schedule.queues) {
    std::vector<std::vector<Area>> &areas = streams.emplace_back();
    for (const TaskRange &range : queue)
      areas.push_back(streamedAreas(*program, range, buffers, prefetchBytes()));
  }
}

void Step::place(uint32_t number, std::byte *address) {
  for (size_t i = 0; i < launches.size(); ++i) {
    size_t position = 0; // among the buffers of the launch
    for (const Argument &argument : program->launches[i].arguments) {
      if (argument.kind == Argument::Kind::Integer)
        continue;
      if (argument.buffer == number)
        launches[i].buffers[position] = addressOf(program->buffers[number], address, argument.leading);
      ++position;
    }
  }
}

/// Runs the queues range by range, each as soon as it does not have to wait: one of the executions that the verifier
/// has proved right.
void Step::orderForOne() {
  const std::vector<std::vector<TaskRange>> &queues = program->schedule.queues;
  std::vector<size_t> heads(queues.size(), 0);
  std::vector<uint32_t> signals(numCounters, 0);
  size_t ranges = 0;
  for (const std::vector<TaskRange> &queue : queues)
    ranges += queue.size();
  for (bool progress = true; progress;) {
    progress = false;
    for (size_t queue = 0; queue < queues.size(); ++queue)
      // One launch at a time: the next worker's part of it finds the same data in the cache.
      if (heads[queue] < queues[queue].size() && takeIfReady(queues[queue][heads[queue]], signals)) {
        aloneOrder.push_back(queues[queue][heads[queue]++]);
        progress = true;
      }
  }
  // Ranges that wait for parts of each other cannot be run one after the other.
  if (aloneOrder.size() < ranges)
    aloneOrder.clear();
}

/// Adds the signals of a range if all its tasks can run one after the other, given the signals so far.
bool Step::takeIfReady(const TaskRange &range, std::vector<uint32_t> &signals) const {
  const Launch &launch = program->launches[range.launch];
  const BoundLaunch &bound = launches[range.launch];
  auto counterOf = [](const CounterRef &ref, const TaskIndex &index) {
    return ref.first + static_cast<uint64_t>(ref.index.at(index));
  };
  std::vector<uint64_t> added;
  bool ready = true;
  for (int64_t i = range.begin; i < range.end && ready; ++i) {
    TaskIndex index = launch.indexOf(i);
    for (const CounterRef &wait : bound.waits)
      ready = ready && signals[counterOf(wait, index)] >= wait.signals;
    for (const CounterRef &signal : bound.signals) {
      added.push_back(counterOf(signal, index));
      ++signals[added.back()];
    }
  }
  if (!ready)
    for (uint64_t counter : added)
      --signals[counter];
  return ready;
}

Step::CounterRef Step::bind(const EventRef &ref, const std::vector<uint32_t> &firstCounters) const {
  return {ref.index, firstCounters[ref.event], program->events[ref.event].signals, ref.index.isConstant()};
}

bool Step::await(const CounterRef &ref, const TaskIndex &index, WaitPolicy policy) {
  Counter &counter = counters[ref.first + static_cast<uint64_t>(ref.index.at(index))];
  return counter.await(ref.signals * stepNumber, policy, cancel);
}

void Step::signal(const CounterRef &ref, const TaskIndex &index, uint32_t amount) {
  Counter &counter = counters[ref.first + static_cast<uint64_t>(ref.index.at(index))];
  counter.signal(amount, ref.signals * stepNumber);
}

void Step::call(const BoundLaunch &launch, const TaskIndex &index, uint32_t worker) const {
  launch.function(index.data(), launch.buffers.data(), launch.integers.data(), privateBase + worker * privateStride);
}

template <bool kRecord>
bool Step::runRange(const BoundLaunch &launch, const TaskRange &range, uint32_t worker, WaitPolicy policy) {
  TaskIndex index = program->launches[range.launch].indexOf(range.begin);
  const TaskIndex first = index;
  uint64_t free = kRecord ? now() : 0; // since when this worker has had nothing else to do
  for (const CounterRef &ref : launch.waits)
    if (ref.constant && !await(ref, first, policy))
      return false;
  for (int64_t i = range.begin; i < range.end; ++i) {
    if (cancel->load(std::memory_order_relaxed))
      return false;
    for (const CounterRef &ref : launch.waits)
      if (!ref.constant && !await(ref, index, policy))
        return false;
    if constexpr (kRecord) {
      TaskTime &time = recorded[launch.firstTask + static_cast<uint64_t>(i)];
      time = {free, now(), 0, worker};
      call(launch, index, worker);
      time.end = free = now();
    } else {
      call(launch, index, worker);
    }
    for (const CounterRef &ref : launch.signals)
      if (!ref.constant)
        signal(ref, index, 1);
    advance(index, launch.grid);
  }
  // A wait returns only after all signals of a counter, so those of this range to one counter can come together.
  for (const CounterRef &ref : launch.signals)
    if (ref.constant)
      signal(ref, first, static_cast<uint32_t>(range.end - range.begin));
  return true;
}

template <bool kRecord> bool Step::runQueue(uint32_t worker, WaitPolicy policy) {
  if (alone) {
    for (const TaskRange &range : aloneOrder)
      if (!runRange<kRecord>(launches[range.launch], range, worker, policy))
        return false;
    return true;
  }
  const std::vector<TaskRange> &queue = program->schedule.queues[worker];
  for (size_t i = 0; i < queue.size(); ++i) {
    Prefetch prefetch(streams[worker][i]);
    policy.meanwhile = &prefetch;
    if (!runRange<kRecord>(launches[queue[i].launch], queue[i], worker, policy))
      return false;
  }
  return true;
}

template <bool kRecord> void Step::workThrough(uint32_t worker, WaitPolicy policy) {
  if (!runQueue<kRecord>(worker, policy))
    aborted.store(true, std::memory_order_relaxed);
}

void Step::work(uint32_t worker, WaitPolicy policy) {
  do {
    if (recorded.empty())
      workThrough<false>(worker, policy);
    else
      workThrough<true>(worker, policy);
  } while (between && closeStep(worker, policy));
}

bool Step::closeStep(uint32_t worker, WaitPolicy policy) {
  policy.slept = nullptr; // what happens between steps says nothing about the cores
  // Before the signal: worker 0 changes it when all have come.
  const uint32_t next = rounds + 1;
  closed.signal(1, participants * next);
  if (worker != 0) {
    opened.await(next, policy, nullptr);
    return goesOn;
  }
  closed.await(participants * next, policy, nullptr);
  another = !aborted && (*between)();
  goesOn = another && now() - launched < kLongestLaunch;
  stepNumber += goesOn;
  rounds = next;
  opened.signal(1, next);
  return goesOn;
}

/// One launch at the pace that has proved best, of one step or, with `between`, of several.
Status Step::launch(Executor &executor, const std::atomic<bool> &cancelled) {
  assert(executor.workers() == program->schedule.workers() && !aborted);
  const uint32_t first = ++stepNumber;
  cancel = &cancelled;
  if (!control)
    control.emplace(executor.workers(), executor.hasOwnCores(), mayRunAlone());
  Pace pace = fixedPace.value_or(control->pace());
  alone = pace == Pace::Alone && mayRunAlone();
  if (between) {
    launched = now();
    // Counters of rounds begin anew: other workers may take part than in the launch before.
    closed.set(0);
    opened.set(0);
    participants = rounds = 0;
    for (uint32_t worker = 0; worker < program->schedule.workers(); ++worker)
      participants += hasWork(worker);
  }
  Executor::Usage usage = executor.run(*this, pace == Pace::Spin);
  control->finished(usage.wall, usage.slept, stepNumber - first + 1);
  return aborted ? Status::cancelled("the step was cancelled") : Status::success();
}

Status Step::run(Executor &executor, const std::atomic<bool> &cancelled) { return launch(executor, cancelled); }

Status Step::runSteps(Executor &executor, const std::atomic<bool> &cancelled, const std::function<bool()> &ask) {
  between = &ask;
  Status status;
  do
    status = launch(executor, cancelled);
  while (status.ok() && another);
  between = nullptr;
  return status;
}

Status Step::runInterleaved(uint64_t seed, const std::atomic<bool> &cancelled) {
  assert(!aborted);
  Result<std::vector<TaskRef>> order = randomInterleaving(*program, seed);
  if (!order)
    return order.status();
  std::vector<uint32_t> workerOf; // by task, launch after launch: private arenas stay those of the queues
  std::vector<uint64_t> firstTask;
  for (const Launch &launch : program->launches) {
    firstTask.push_back(workerOf.size());
    workerOf.resize(workerOf.size() + static_cast<size_t>(launch.numTasks()));
  }
  for (uint32_t worker = 0; worker < program->schedule.workers(); ++worker)
    for (const TaskRange &range : program->schedule.queues[worker])
      for (int64_t i = range.begin; i < range.end; ++i)
        workerOf[firstTask[range.launch] + static_cast<uint64_t>(i)] = worker;
  for (const TaskRef &task : *order) {
    if (cancelled.load(std::memory_order_relaxed)) {
      aborted = true;
      return Status::cancelled("the step was cancelled");
    }
    const TaskIndex index = program->launches[task.launch].indexOf(task.index);
    call(launches[task.launch], index, workerOf[firstTask[task.launch] + static_cast<uint64_t>(task.index)]);
  }
  return Status::success();
}

void Step::runLaunch(size_t number) const {
  const Launch &launch = program->launches[number];
  for (int64_t i = 0; i < launch.numTasks(); ++i)
    call(launches[number], launch.indexOf(i), 0);
}

void Step::reset(uint32_t steps) {
  uint64_t counter = 0;
  for (const Event &event : program->events)
    for (uint32_t i = 0; i < event.count; ++i)
      counters[counter++].set(event.signals * steps);
  stepNumber = steps;
  aborted = false;
}

} // namespace ingot::runtime
