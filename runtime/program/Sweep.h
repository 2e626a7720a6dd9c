// One address space with all accesses to it, and the check that they are ordered and read only what was written.
#pragma once

#include "runtime/program/HappensBefore.h"
#include "runtime/program/Verify.h"

#include <cstdint>
#include <set>
#include <tuple>
#include <vector>

namespace ingot::program {

enum class AccessKind : uint8_t {
  Read,
  MayWrite,
  MustWrite, // writes for certain: afterwards the cells hold its buffer's data
};

/// Memory that accesses can conflict in: one buffer in its own coordinates, or several scratch buffers that share
/// bytes of the arena.
struct AccessSpace {
  struct Entry {
    uint32_t task;
    uint32_t buffer;
    AccessKind kind;
  };
  struct Buffer {
    uint32_t buffer;
    bool definedAtStart; // states: hold data when the step begins
    bool definedAtEnd;   // outputs: must be written by its end
  };

  std::vector<int64_t> extent; // of the space, per dimension
  std::vector<Entry> entries;  // in one legal order of the tasks; a task's reads first, its must-writes last
  std::vector<int64_t> boxes;  // per entry: rank lower bounds, then rank upper bounds (exclusive)
  Buffer whole = {0, false, false};
  bool inBytes = false; // coordinates are bytes of the arena

  size_t rank() const { return extent.size(); }
  const int64_t *low(size_t entry) const { return boxes.data() + 2 * rank() * entry; }
  const int64_t *high(size_t entry) const { return low(entry) + rank(); }
  /// Drops nothing and clips nothing; expects a box inside the extent that is not empty.
  void add(Entry entry, const std::vector<int64_t> &low, const std::vector<int64_t> &high);
};

/// Collects violations, one per rule, buffer and pair of launches, up to a limit.
class Report {
public:
  Report(std::vector<Violation> &violations, size_t limit) : violations_(violations), limit_(limit) {}
  bool full() const { return violations_.size() >= limit_; }
  void add(Rule rule, std::string message) {
    if (!full())
      violations_.push_back({rule, std::move(message)});
  }
  /// True the first time that it is asked for these.
  bool isNew(Rule rule, uint32_t buffer, uint32_t launch, uint32_t otherLaunch) {
    return seen_.emplace(rule, buffer, launch, otherLaunch).second;
  }

private:
  std::vector<Violation> &violations_;
  size_t limit_;
  std::set<std::tuple<Rule, uint32_t, uint32_t, uint32_t>> seen_;
};

/// Checks one space. The space is cut recursively at box boundaries, at the median of the dimension that has most of
/// them, until every access covers its piece wholly; then the accesses of a piece are walked once in order, keeping the
/// last writer and the readers since. All boxes are compared exactly, at a cost of about (accesses per piece) summed
/// over the pieces.
void sweep(const AccessSpace &space, const HappensBefore &order, const TaskGraph &graph, Report &report);

} // namespace ingot::program
