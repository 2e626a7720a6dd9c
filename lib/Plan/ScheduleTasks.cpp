// Assigns tasks to worker queues; see Passes.td.
#include "ingot/Plan/Passes.h"

#include "runtime/program/Schedule.h"

namespace ingot {
#define GEN_PASS_DEF_SCHEDULETASKS
#include "lib/Plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct ScheduleTasks : ingot::impl::ScheduleTasksBase<ScheduleTasks> {
  using ScheduleTasksBase::ScheduleTasksBase;

  void runOnOperation() override {
    if (workers < 1) {
      getOperation().emitOpError() << "expects at least one worker, but got " << workers;
      return signalPassFailure();
    }
    for (auto schedule : llvm::make_early_inc_range(getOperation().getOps<task::ScheduleOp>()))
      schedule.erase();
    FailureOr<program::Program> exported = exportProgram(getOperation());
    if (failed(exported))
      return signalPassFailure();
    program::Schedule schedule = program::schedule(
        *exported, workers, {flopsPerSecond, bytesPerSecond, syncSeconds, taskSeconds, counterSeconds});
    OpBuilder builder = OpBuilder::atBlockEnd(&getOperation().getBody().front());
    SmallVector<Attribute> queues;
    for (const auto &queue : schedule.queues) {
      SmallVector<Attribute> ranges;
      for (const program::TaskRange &range : queue)
        ranges.push_back(task::RangeAttr::get(
            &getContext(), FlatSymbolRefAttr::get(&getContext(), exported->launches[range.launch].symbol), range.begin,
            range.end));
      queues.push_back(builder.getArrayAttr(ranges));
    }
    task::ScheduleOp::create(builder, getOperation().getLoc(), builder.getArrayAttr(queues));
  }
};

} // namespace
