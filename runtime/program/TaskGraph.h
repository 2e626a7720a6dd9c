// A program's tasks, queues and counters, numbered flat: what the verifier, the interleaver and executors walk.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>
#include <vector>

namespace ingot::program {

/// Tasks are numbered launch by launch in linear order, counters event by event.
/// Expects a program that checkStructure and checkSchedule accept; it must outlive the graph.
class TaskGraph {
public:
  explicit TaskGraph(const Program &program);

  const Program &program() const { return *program_; }
  uint32_t numTasks() const { return static_cast<uint32_t>(launchOf_.size()); }
  uint32_t numQueues() const { return static_cast<uint32_t>(queues_.size()); }
  uint32_t numCounters() const { return static_cast<uint32_t>(eventOf_.size()); }

  uint32_t taskAt(TaskRef ref) const { return firstTask_[ref.launch] + static_cast<uint32_t>(ref.index); }
  TaskRef refOf(uint32_t task) const { return {launchOf_[task], int64_t(task - firstTask_[launchOf_[task]])}; }
  const Launch &launchOf(uint32_t task) const { return program_->launches[launchOf_[task]]; }
  TaskIndex indexOf(uint32_t task) const { return launchOf(task).indexOf(refOf(task).index); }
  std::string nameOf(uint32_t task) const { return taskName(*program_, refOf(task)); }

  /// The tasks of a queue in order, and a task's place in its queue.
  const std::vector<uint32_t> &queue(uint32_t queue) const { return queues_[queue]; }
  uint32_t queueOf(uint32_t task) const { return queueOf_[task]; }
  uint32_t positionOf(uint32_t task) const { return positionOf_[task]; }

  /// The counter that a task at `index` means by `ref`.
  uint32_t counterOf(const EventRef &ref, const TaskIndex &index) const {
    return firstCounter_[ref.event] + static_cast<uint32_t>(ref.index.at(index));
  }
  uint32_t eventOfCounter(uint32_t counter) const { return eventOf_[counter]; }
  /// The signals that release a wait on `counter`.
  uint32_t targetOf(uint32_t counter) const { return program_->events[eventOf_[counter]].signals; }
  /// "@e" or, of several counters, "@e[2]".
  std::string counterName(uint32_t counter) const;

private:
  const Program *program_;
  std::vector<uint32_t> firstTask_, launchOf_, queueOf_, positionOf_;
  std::vector<uint32_t> firstCounter_, eventOf_;
  std::vector<std::vector<uint32_t>> queues_;
};

/// One step in progress, task by task. A task is ready when it heads its queue and all its waits are met.
class StepRun {
public:
  explicit StepRun(const TaskGraph &graph);

  /// Queues whose head is ready, in an order that depends only on the calls of `advance` so far: it takes its queue
  /// out, possibly moving another into the gap, and appends the queues that have become ready.
  const std::vector<uint32_t> &readyQueues() const { return ready_; }
  /// The head of a queue; expects that the queue is not finished.
  uint32_t head(uint32_t queue) const { return graph_->queue(queue)[heads_[queue]]; }
  bool finished(uint32_t queue) const { return heads_[queue] == graph_->queue(queue).size(); }
  /// Runs the head of a ready queue to its end, signals included, and returns that task.
  uint32_t advance(uint32_t queue);

  uint32_t signalsOf(uint32_t counter) const { return values_[counter]; }
  uint32_t tasksRun() const { return run_; }
  bool done() const { return run_ == graph_->numTasks(); }

  /// Why nothing is ready although the step is not done: one line per stuck queue, at most `limit`.
  std::vector<std::string> stuckQueues(size_t limit) const;

private:
  void enterIfReady(uint32_t queue);
  /// The first wait of the queue's head that is not met, from wait number `first` on; the number of waits if all are.
  size_t unmetWait(uint32_t queue, size_t first) const;
  uint32_t counterOfWait(uint32_t queue, size_t wait) const;

  const TaskGraph *graph_;
  std::vector<uint32_t> values_;                // per counter
  std::vector<std::vector<uint32_t>> sleepers_; // per counter: queues whose head waits for it
  std::vector<size_t> heads_;                   // per queue
  std::vector<size_t> metWaits_;                // per queue: waits of the head known to be met; they stay so
  std::vector<uint32_t> ready_, placeInReady_;
  uint32_t run_ = 0;
};

} // namespace ingot::program
