// Assigns arena offsets to scratch buffers; see Passes.td.
#include "ingot/Plan/Passes.h"

namespace ingot {
#define GEN_PASS_DEF_PLACEBUFFERS
#include "lib/Plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

constexpr int64_t kAlignment = 64;

struct Interval {
  task::BufferOp buffer;
  int64_t first, last; // launches in program order
  int64_t bytes;
  int64_t offset = -1;

  bool meets(const Interval &other) const { return first <= other.last && other.first <= last; }
};

struct PlaceBuffers : ingot::impl::PlaceBuffersBase<PlaceBuffers> {
  using PlaceBuffersBase::PlaceBuffersBase;

  void runOnOperation() override {
    SmallVector<Interval> intervals = lifetimes();
    // Largest first; ties by program order, so that the result is deterministic.
    llvm::stable_sort(intervals, [](const Interval &a, const Interval &b) { return a.bytes > b.bytes; });
    for (Interval &interval : intervals) {
      interval.offset = lowestFit(interval, intervals);
      interval.buffer.setOffset(interval.offset);
    }
  }

private:
  SmallVector<Interval> lifetimes() {
    SmallVector<Interval> intervals;
    llvm::DenseMap<StringAttr, size_t> known;
    for (auto buffer : getOperation().getOps<task::BufferOp>())
      if (buffer.getKind() == task::BufferKind::Scratch) {
        known[buffer.getSymNameAttr()] = intervals.size();
        intervals.push_back({buffer, std::numeric_limits<int64_t>::max(), -1,
                             static_cast<int64_t>(llvm::alignTo(buffer.getBytes(), kAlignment))});
      }
    int64_t number = 0;
    for (auto launch : getOperation().getOps<task::LaunchOp>()) {
      for (ArrayAttr accesses : {launch.getReads(), launch.getWrites()})
        for (auto access : accesses.getAsRange<task::AccessAttr>())
          if (auto it = known.find(access.getBuffer().getAttr()); it != known.end()) {
            Interval &interval = intervals[it->second];
            interval.first = std::min(interval.first, number);
            interval.last = std::max(interval.last, number);
          }
      ++number;
    }
    return intervals;
  }

  /// Lowest offset at which `interval` overlaps no placed buffer that lives at the same time.
  static int64_t lowestFit(const Interval &interval, ArrayRef<Interval> all) {
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (const Interval &other : all)
      if (other.offset >= 0 && other.meets(interval))
        taken.emplace_back(other.offset, other.offset + other.bytes);
    llvm::sort(taken);
    int64_t offset = 0;
    for (auto [begin, end] : taken) {
      if (offset + interval.bytes <= begin)
        break;
      offset = std::max(offset, end);
    }
    return offset;
  }
};

} // namespace
