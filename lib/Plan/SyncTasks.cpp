// Orders conflicting launches by events; see Passes.td.
#include "ingot/Plan/Passes.h"
#include "lib/Plan/IndexExpressions.h"

#include "runtime/program/Events.h"
#include "runtime/program/Structure.h"
#include "llvm/ADT/StringSwitch.h"

namespace ingot {
#define GEN_PASS_DEF_SYNCTASKS
#include "lib/Plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

std::optional<program::Granularity> parseGranularity(StringRef text) {
  return llvm::StringSwitch<std::optional<program::Granularity>>(text)
      .Case("whole", program::Granularity::Whole)
      .Case("parts", program::Granularity::Parts)
      .Case("chosen", program::Granularity::Chosen)
      .Default(std::nullopt);
}

struct SyncTasks : ingot::impl::SyncTasksBase<SyncTasks> {
  using SyncTasksBase::SyncTasksBase;

  void runOnOperation() override {
    task::ProgramOp op = getOperation();
    std::optional<program::Granularity> granularity = parseGranularity(events);
    if (!granularity || workers < 1) {
      op.emitOpError() << "expects "
                       << (granularity ? "at least one worker, but got " + std::to_string(workers)
                                       : "events whole, parts or chosen, but got '" + events + "'");
      return signalPassFailure();
    }
    clear(op);
    FailureOr<program::Program> exported = exportProgram(op);
    if (failed(exported))
      return signalPassFailure();
    // What the choice relies on; a program of this compiler has it.
    if (runtime::Status structure = program::checkStructure(*exported); !structure.ok()) {
      op.emitOpError() << structure.message();
      return signalPassFailure();
    }
    program::chooseEvents(*exported, workers,
                          {flopsPerSecond, bytesPerSecond, syncSeconds, taskSeconds, counterSeconds}, *granularity);
    write(op, *exported);
  }

private:
  /// A schedule was made for other events.
  void clear(task::ProgramOp op) {
    auto none = ArrayAttr::get(&getContext(), {});
    for (auto launch : op.getOps<task::LaunchOp>()) {
      launch.setWaitsAttr(none);
      launch.setSignalsAttr(none);
    }
    for (Operation &inner : llvm::make_early_inc_range(op.getBody().front()))
      if (isa<task::EventOp, task::ScheduleOp>(inner))
        inner.erase();
  }

  void write(task::ProgramOp op, const program::Program &program) {
    OpBuilder builder(&getContext());
    SmallVector<task::LaunchOp> launches(op.getOps<task::LaunchOp>());
    if (!program.events.empty())
      builder.setInsertionPoint(*op.getOps<task::BodyOp>().begin());
    SmallVector<FlatSymbolRefAttr> symbols;
    for (const program::Event &event : program.events) {
      auto created = task::EventOp::create(builder, op.getLoc(), event.symbol, event.count, event.signals);
      symbols.push_back(FlatSymbolRefAttr::get(created.getSymNameAttr()));
    }
    for (auto [launch, data] : llvm::zip_equal(launches, program.launches)) {
      auto refs = [&, rank = launch.getGrid().size()](const std::vector<program::EventRef> &from) {
        SmallVector<Attribute> list;
        for (const program::EventRef &ref : from) {
          auto index = AffineMap::get(rank, 0, &getContext());
          if (program.events[ref.event].count > 1)
            index = AffineMap::get(rank, 0, toAffineExpr(ref.index, &getContext()));
          list.push_back(task::EventRefAttr::get(&getContext(), symbols[ref.event], index));
        }
        return ArrayAttr::get(&getContext(), list);
      };
      launch.setWaitsAttr(refs(data.waits));
      launch.setSignalsAttr(refs(data.signals));
    }
  }
};

} // namespace
