#include "runtime/program/HappensBefore.h"

#include <algorithm>

namespace ingot::program {

static constexpr size_t kMaxClockEntries = size_t(1) << 28; // of 4 bytes

HappensBefore::HappensBefore(const TaskGraph &graph, const std::vector<uint32_t> &order)
    : graph_(&graph), width_(graph.numQueues()), rowOf_(graph.numTasks(), 0), counterRow_(graph.numCounters(), 0) {
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
    const Launch &launch = graph.launchOf(task);
    for (const EventRef &wait : launch.waits)
      current[queue] = join(current[queue], graph.counterOf(wait, index), queue);
    rowOf_[task] = current[queue];
    for (const EventRef &signal : launch.signals) {
      uint32_t counter = graph.counterOf(signal, index);
      if (counterRow_[counter] == 0)
        counterRow_[counter] = addRow();
      uint32_t *into = row(counterRow_[counter]);
      if (const uint32_t *from = row(current[queue]); lastSignalled[counter] != current[queue])
        for (size_t q = 0; q < width_; ++q)
          into[q] = std::max(into[q], from[q]);
      lastSignalled[counter] = current[queue];
      into[queue] = std::max(into[queue], graph.positionOf(task) + 1);
    }
  }
}

uint32_t HappensBefore::addRow() {
  rows_.resize(rows_.size() + width_, 0);
  return static_cast<uint32_t>(rows_.size() / width_ - 1);
}

bool HappensBefore::covers(uint32_t large, uint32_t small, uint32_t except) const {
  const uint32_t *l = row(large), *s = row(small);
  size_t above = 0;
  for (size_t q = 0; q < width_; ++q)
    above += s[q] > l[q];
  return above == 0 || (above == 1 && s[except] > l[except]);
}

/// The clock of `queue` after it has waited for `counter`. The counter's row is final: all its signals have arrived.
uint32_t HappensBefore::join(uint32_t current, uint32_t counter, uint32_t queue) {
  uint32_t signalled = counterRow_[counter];
  if (signalled == current || covers(current, signalled, queue))
    return current;
  if (covers(signalled, current, queue))
    return signalled;
  uint32_t joined = addRow();
  for (size_t q = 0; q < width_; ++q)
    row(joined)[q] = std::max(row(current)[q], row(signalled)[q]);
  return joined;
}

} // namespace ingot::program
