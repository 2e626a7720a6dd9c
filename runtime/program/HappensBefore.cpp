#include "runtime/program/HappensBefore.h"

#include <algorithm>

namespace ingot::program {

static constexpr size_t kMaxClockEntries = size_t(1) << 28; // of 4 bytes

HappensBefore::HappensBefore(const TaskGraph &graph, const std::vector<uint32_t> &order)
    : graph_(&graph), width_(graph.numQueues()), rowOf_(graph.numTasks(), 0), counterRow_(graph.numCounters(), 0),
      lastWaits_(graph.program().launches.size()) {
  addRow();                                                    // row 0: nothing has happened yet
  std::vector<uint32_t> current(graph.numQueues(), 0);         // per queue: its clock
  std::vector<uint32_t> lastSignalled(graph.numCounters(), 0); // per counter: the row that was joined last
  for (uint32_t task : order) {
    if (rows_.size() > kMaxClockEntries) {
      complete_ = false;
      return;
    }
    uint32_t queue = graph.queueOf(task);
    TaskIndex index = graph.indexOf(task);
    current[queue] = join(current[queue], waitedClock(task, index), queue);
    rowOf_[task] = current[queue];
    for (const EventRef &signal : graph.launchOf(task).signals) {
      uint32_t counter = graph.counterOf(signal, index);
      if (counterRow_[counter] == 0)
        counterRow_[counter] = addRow();
      if (lastSignalled[counter] != current[queue])
        raise(counterRow_[counter], current[queue]);
      lastSignalled[counter] = current[queue];
      uint32_t &own = row(counterRow_[counter])[queue];
      own = std::max(own, graph.positionOf(task) + 1);
    }
  }
}

uint32_t HappensBefore::addRow() {
  rows_.resize(rows_.size() + width_, 0);
  return static_cast<uint32_t>(rows_.size() / width_ - 1);
}

void HappensBefore::raise(uint32_t to, uint32_t from) {
  uint32_t *into = row(to);
  const uint32_t *other = row(from);
  for (size_t q = 0; q < width_; ++q)
    into[q] = std::max(into[q], other[q]);
}

bool HappensBefore::covers(uint32_t large, uint32_t small, uint32_t except) const {
  const uint32_t *l = row(large), *s = row(small);
  uint32_t above = 0;
  for (size_t q = 0; q < width_; ++q)
    above += s[q] > l[q];
  return above == 0 || (above == 1 && s[except] > l[except]);
}

/// The joined clock of all that a task waits for. Those counters' rows are final: all their signals have arrived.
uint32_t HappensBefore::waitedClock(uint32_t task, const TaskIndex &index) {
  const std::vector<EventRef> &waits = graph_->launchOf(task).waits;
  if (waits.empty())
    return 0;
  if (waits.size() == 1)
    return counterRow_[graph_->counterOf(waits[0], index)];
  // Tasks of a launch mostly wait for the same counters.
  LastWaits &last = lastWaits_[graph_->refOf(task).launch];
  waiting_.clear();
  for (const EventRef &wait : waits)
    waiting_.push_back(counterRow_[graph_->counterOf(wait, index)]);
  if (waiting_ == last.rows)
    return last.joined;
  auto [found, isNew] = joinedWaits_.try_emplace(waiting_, 0);
  if (isNew) {
    found->second = addRow();
    for (uint32_t other : waiting_)
      raise(found->second, other);
  }
  last.rows = waiting_;
  return last.joined = found->second;
}

/// The clock of `queue` after it has waited for what `waited` stands for.
uint32_t HappensBefore::join(uint32_t current, uint32_t waited, uint32_t queue) {
  if (waited == current || covers(current, waited, queue))
    return current;
  if (covers(waited, current, queue))
    return waited;
  auto [found, isNew] = joinedPairs_.try_emplace({current, waited}, 0);
  if (isNew) {
    found->second = addRow();
    raise(found->second, current);
    raise(found->second, waited);
  }
  return found->second;
}

} // namespace ingot::program
