// Orders conflicting launches by events; see Passes.td.
#include "ingot/Plan/Passes.h"

#include "lib/Plan/TaskAccesses.h"
#include "llvm/ADT/BitVector.h"

namespace ingot {
#define GEN_PASS_DEF_SYNCTASKS
#include "lib/Plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// What all tasks of a launch touch together.
struct Footprint {
  task::BufferOp buffer;
  SmallVector<std::pair<int64_t, int64_t>> box; // [begin, end) per dimension
};

class LaunchAccesses {
public:
  LaunchAccesses(task::LaunchOp launch, const llvm::DenseMap<StringAttr, task::BufferOp> &buffers) {
    collect(launch, launch.getReads(), buffers, reads);
    collect(launch, launch.getWrites(), buffers, writes);
  }

  bool conflictsWith(const LaunchAccesses &earlier) const {
    return overlap(writes, earlier.writes) || overlap(writes, earlier.reads) || overlap(reads, earlier.writes);
  }

private:
  static void collect(task::LaunchOp launch, ArrayAttr accesses,
                      const llvm::DenseMap<StringAttr, task::BufferOp> &buffers, SmallVector<Footprint> &footprints) {
    for (auto access : accesses.getAsRange<task::AccessAttr>()) {
      Footprint footprint = {buffers.lookup(access.getBuffer().getAttr()), {}};
      ArrayRef<int64_t> shape = footprint.buffer.getMemRefType().getShape();
      for (auto [dim, offset] : llvm::enumerate(access.getOffsets().getResults()))
        footprint.box.push_back(boundsOver(offset, access.getSizes()[dim], shape[dim], launch.getGrid()));
      footprints.push_back(footprint);
    }
  }

  static bool overlap(ArrayRef<Footprint> a, ArrayRef<Footprint> b) {
    return llvm::any_of(
        a, [&](const Footprint &x) { return llvm::any_of(b, [&](const Footprint &y) { return overlap(x, y); }); });
  }

  static bool overlap(const Footprint &a, const Footprint &b) {
    if (a.buffer != b.buffer)
      return shareBytes(a.buffer, b.buffer);
    return llvm::all_of(llvm::zip(a.box, b.box), [](auto pair) {
      auto [x, y] = pair;
      return x.first < y.second && y.first < x.second;
    });
  }

  static bool shareBytes(task::BufferOp a, task::BufferOp b) {
    if (!a.getOffset() || !b.getOffset())
      return false;
    int64_t beginA = *a.getOffset(), beginB = *b.getOffset();
    return beginA < beginB + b.getBytes() && beginB < beginA + a.getBytes();
  }

  SmallVector<Footprint> reads, writes;
};

struct SyncTasks : ingot::impl::SyncTasksBase<SyncTasks> {
  using SyncTasksBase::SyncTasksBase;

  void runOnOperation() override {
    llvm::DenseMap<StringAttr, task::BufferOp> buffers;
    for (auto buffer : getOperation().getOps<task::BufferOp>())
      buffers[buffer.getSymNameAttr()] = buffer;
    SmallVector<task::LaunchOp> launches(getOperation().getOps<task::LaunchOp>());
    SmallVector<LaunchAccesses> accesses;
    for (task::LaunchOp launch : launches)
      accesses.emplace_back(launch, buffers);

    // ordered[j] has bit i: all tasks of launch i come before all tasks of launch j.
    SmallVector<llvm::BitVector> ordered(launches.size(), llvm::BitVector(launches.size()));
    for (size_t later = 0; later < launches.size(); ++later)
      for (size_t earlier = later; earlier-- > 0;) {
        if (ordered[later].test(earlier) || !accesses[later].conflictsWith(accesses[earlier]))
          continue;
        addWait(launches[later], eventOf(launches[earlier]));
        ordered[later].set(earlier);
        ordered[later] |= ordered[earlier];
      }
  }

private:
  /// The event that counts all tasks of `launch`.
  FlatSymbolRefAttr eventOf(task::LaunchOp launch) {
    for (auto ref : launch.getSignals().getAsRange<task::EventRefAttr>())
      return ref.getEvent();
    OpBuilder builder(&getContext());
    auto firstBody = *getOperation().getOps<task::BodyOp>().begin();
    builder.setInsertionPoint(firstBody);
    auto event =
        task::EventOp::create(builder, launch.getLoc(), (launch.getSymName() + ".done").str(), 1, launch.getNumTasks());
    auto symbol = FlatSymbolRefAttr::get(event.getSymNameAttr());
    launch.setSignalsAttr(builder.getArrayAttr(refTo(symbol, launch)));
    ++numEvents;
    return symbol;
  }

  static Attribute refTo(FlatSymbolRefAttr event, task::LaunchOp launch) {
    auto noIndex = AffineMap::get(launch.getGrid().size(), 0, launch.getContext());
    return task::EventRefAttr::get(launch.getContext(), event, noIndex);
  }

  void addWait(task::LaunchOp launch, FlatSymbolRefAttr event) {
    SmallVector<Attribute> waits(launch.getWaits().begin(), launch.getWaits().end());
    waits.push_back(refTo(event, launch));
    launch.setWaitsAttr(ArrayAttr::get(launch.getContext(), waits));
    ++numWaits;
  }
};

} // namespace
