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

bool isConstant(const Affine &affine) {
  for (int64_t coefficient : affine.coefficients)
    if (coefficient != 0)
      return false;
  return true;
}

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
}

Step::CounterRef Step::bind(const EventRef &ref, const std::vector<uint32_t> &firstCounters) const {
  return {ref.index, firstCounters[ref.event], program->events[ref.event].signals, isConstant(ref.index)};
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

template <bool kRecord> void Step::workThrough(uint32_t worker, WaitPolicy policy) {
  for (const TaskRange &range : program->schedule.queues[worker])
    if (!runRange<kRecord>(launches[range.launch], range, worker, policy)) {
      aborted.store(true, std::memory_order_relaxed);
      return;
    }
}

void Step::work(uint32_t worker, WaitPolicy policy) {
  if (recorded.empty())
    workThrough<false>(worker, policy);
  else
    workThrough<true>(worker, policy);
}

Status Step::run(Executor &executor, const std::atomic<bool> &cancelled) {
  assert(executor.workers() == program->schedule.workers() && !aborted);
  ++stepNumber;
  cancel = &cancelled;
  executor.run(*this);
  return aborted ? Status::cancelled("the step was cancelled") : Status::success();
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

void Step::reset(uint32_t steps) {
  uint64_t counter = 0;
  for (const Event &event : program->events)
    for (uint32_t i = 0; i < event.count; ++i)
      counters[counter++].set(event.signals * steps);
  stepNumber = steps;
  aborted = false;
}

} // namespace ingot::runtime
