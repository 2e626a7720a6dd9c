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
      metWaits_(graph.numQueues(), 0), placeInReady_(graph.numQueues(), 0) {
  for (uint32_t queue = 0; queue < graph.numQueues(); ++queue)
    enterIfReady(queue);
}

size_t StepRun::unmetWait(uint32_t queue, size_t first) const {
  uint32_t task = head(queue);
  TaskIndex index = graph_->indexOf(task);
  const std::vector<EventRef> &waits = graph_->launchOf(task).waits;
  for (; first < waits.size(); ++first) {
    uint32_t counter = graph_->counterOf(waits[first], index);
    if (values_[counter] < graph_->targetOf(counter))
      break;
  }
  return first;
}

uint32_t StepRun::counterOfWait(uint32_t queue, size_t wait) const {
  uint32_t task = head(queue);
  return graph_->counterOf(graph_->launchOf(task).waits[wait], graph_->indexOf(task));
}

void StepRun::enterIfReady(uint32_t queue) {
  if (finished(queue))
    return;
  metWaits_[queue] = unmetWait(queue, metWaits_[queue]);
  if (metWaits_[queue] < graph_->launchOf(head(queue)).waits.size()) {
    sleepers_[counterOfWait(queue, metWaits_[queue])].push_back(queue);
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
  metWaits_[queue] = 0;
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
    size_t wait = unmetWait(queue, 0);
    if (wait == graph_->launchOf(head(queue)).waits.size())
      continue;
    uint32_t counter = counterOfWait(queue, wait);
    lines.push_back("queue " + std::to_string(queue) + " is stuck at " + graph_->nameOf(head(queue)) + ": expects " +
                    std::to_string(graph_->targetOf(counter)) + " signals of " + graph_->counterName(counter) +
                    ", but got " + std::to_string(values_[counter]));
  }
  return lines;
}

} // namespace ingot::program
