// The order that a schedule and its events guarantee, as vector clocks over the queues.
#pragma once

#include "runtime/program/TaskGraph.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace ingot::program {

/// Task a happens before task b when a ends before b starts in every execution: a precedes b in its queue, or b waits
/// for a counter that a signals, or through other tasks. Exact because a wait needs all signals of its counter.
class HappensBefore {
public:
  /// `order`: all tasks in one legal order. Expects that every counter gets exactly its target of signals.
  HappensBefore(const TaskGraph &graph, const std::vector<uint32_t> &order);

  /// False when the clocks would need more than 1 GiB; then nothing else may be asked.
  bool complete() const { return complete_; }

  bool before(uint32_t a, uint32_t b) const {
    uint32_t queue = graph_->queueOf(a);
    if (queue == graph_->queueOf(b))
      return graph_->positionOf(a) < graph_->positionOf(b);
    return clockOf(b)[queue] > graph_->positionOf(a);
  }

  /// Per queue, how many of its tasks happen before `task`. The entry of the task's own queue means nothing: there the
  /// position counts.
  const uint32_t *clockOf(uint32_t task) const { return row(rowOf_[task]); }

private:
  const uint32_t *row(uint32_t number) const { return rows_.data() + size_t(number) * width_; }
  uint32_t *row(uint32_t number) { return rows_.data() + size_t(number) * width_; }
  uint32_t addRow();
  /// Whether `small` <= `large` everywhere but in column `except`.
  bool covers(uint32_t large, uint32_t small, uint32_t except) const;
  /// Row `to` becomes the maximum of itself and row `from`.
  void raise(uint32_t to, uint32_t from);
  uint32_t waitedClock(uint32_t task, const TaskIndex &index);
  uint32_t join(uint32_t current, uint32_t waited, uint32_t queue);

  const TaskGraph *graph_;
  size_t width_;
  bool complete_ = true;
  std::vector<uint32_t> rows_; // clocks; tasks share them, so a barrier costs one row and not one per task
  std::vector<uint32_t> rowOf_;
  std::vector<uint32_t> counterRow_; // per counter: the joined clock of its signallers so far; 0 when none

  // Clocks that are joined once and shared by all tasks that need them.
  struct LastWaits {
    std::vector<uint32_t> rows;
    uint32_t joined = 0;
  };
  std::vector<LastWaits> lastWaits_; // per launch
  std::vector<uint32_t> waiting_;
  std::map<std::vector<uint32_t>, uint32_t> joinedWaits_;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> joinedPairs_;
};

} // namespace ingot::program
