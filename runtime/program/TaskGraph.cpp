#include "runtime/program/TaskGraph.h"

#include <cassert>

namespace ingot::program {

TaskGraph::TaskGraph(const Program &program) : program_(&program) {
  uint32_t tasks = 0;
  for (const Launch &launch : program.launches) {
    firstTask_.push_back(tasks);
    tasks += static_cast<uint32_t>(launch.numTasks());
    launchOf_.resize(tasks, static_cast<uint32_t>(firstTask_.size() - 1));
  }
  for (const Event &event : program.events) {
    firstCounter_.push_back(static_cast<uint32_t>(eventOf_.size()));
    eventOf_.resize(eventOf_.size() + event.count, static_cast<uint32_t>(firstCounter_.size() - 1));
  }
  queueOf_.resize(tasks);
  positionOf_.resize(tasks);
  for (const std::vector<TaskRange> &ranges : program.schedule.queues) {
    std::vector<uint32_t> &queue = queues_.emplace_back();
    for (const TaskRange &range : ranges)
      for (int64_t i = range.begin; i < range.end; ++i) {
        uint32_t task = taskAt({range.launch, i});
        queueOf_[task] = static_cast<uint32_t>(queues_.size() - 1);
        positionOf_[task] = static_cast<uint32_t>(queue.size());
        queue.push_back(task);
      }
  }
}

std::string TaskGraph::counterName(uint32_t counter) const {
  uint32_t event = eventOf_[counter];
  std::string name = "@" + program_->events[event].symbol;
  if (program_->events[event].count > 1)
    name += "[" + std::to_string(counter - firstCounter_[event]) + "]";
  return name;
}

StepRun::StepRun(const TaskGraph &graph)
    : graph_(&graph), values_(graph.numCounters(), 0), sleepers_(graph.numCounters()), heads_(graph.numQueues(), 0),
      placeInReady_(graph.numQueues(), 0) {
  for (uint32_t queue = 0; queue < graph.numQueues(); ++queue)
    enterIfReady(queue);
}

int64_t StepRun::unmetCounter(uint32_t queue) const {
  uint32_t task = head(queue);
  TaskIndex index = graph_->indexOf(task);
  for (const EventRef &wait : graph_->launchOf(task).waits) {
    uint32_t counter = graph_->counterOf(wait, index);
    if (values_[counter] < graph_->targetOf(counter))
      return counter;
  }
  return -1;
}

void StepRun::enterIfReady(uint32_t queue) {
  if (finished(queue))
    return;
  if (int64_t counter = unmetCounter(queue); counter >= 0) {
    sleepers_[counter].push_back(queue);
    return;
  }
  placeInReady_[queue] = static_cast<uint32_t>(ready_.size());
  ready_.push_back(queue);
}

uint32_t StepRun::advance(uint32_t queue) {
  uint32_t place = placeInReady_[queue];
  assert(place < ready_.size() && ready_[place] == queue && "advances a queue that is not ready");
  ready_[place] = ready_.back();
  placeInReady_[ready_[place]] = place;
  ready_.pop_back();

  uint32_t task = head(queue);
  ++heads_[queue];
  ++run_;
  TaskIndex index = graph_->indexOf(task);
  for (const EventRef &signal : graph_->launchOf(task).signals) {
    uint32_t counter = graph_->counterOf(signal, index);
    if (++values_[counter] != graph_->targetOf(counter))
      continue;
    std::vector<uint32_t> awake = std::move(sleepers_[counter]);
    sleepers_[counter].clear();
    for (uint32_t sleeper : awake)
      enterIfReady(sleeper);
  }
  enterIfReady(queue);
  return task;
}

std::vector<std::string> StepRun::stuckQueues(size_t limit) const {
  std::vector<std::string> lines;
  for (uint32_t queue = 0; queue < graph_->numQueues() && lines.size() < limit; ++queue) {
    if (finished(queue))
      continue;
    int64_t counter = unmetCounter(queue);
    if (counter < 0)
      continue;
    lines.push_back("queue " + std::to_string(queue) + " is stuck at " + graph_->nameOf(head(queue)) + ": expects " +
                    std::to_string(graph_->targetOf(counter)) + " signals of " +
                    graph_->counterName(static_cast<uint32_t>(counter)) + ", but got " +
                    std::to_string(values_[counter]));
  }
  return lines;
}

} // namespace ingot::program
