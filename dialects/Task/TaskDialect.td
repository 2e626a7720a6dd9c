// The `task` dialect: how tasks are ordered.
#ifndef TASK_DIALECT_TD
#define TASK_DIALECT_TD

include "mlir/IR/OpBase.td"

def Task_Dialect : Dialect {
  let name = "task";
  let cppNamespace = "::ingot::task";
  let summary = "task programs: bodies, launches, events, buffers and queues";
  let description = [{
    A task program is one step of an entry: launches are grids of tasks over buffers, each task runs a body; tasks are
    ordered by event counters and by in-order worker queues. Everything that the scheduler, the verifier, the
    interpreter and both targets need is in the program; `ingot::program::Program` is the same thing without MLIR.
    See docs/task-programs.md for the protocol and docs/rationale/task.md for the reasons.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::ingot::tile::TileDialect"];
}

#endif
