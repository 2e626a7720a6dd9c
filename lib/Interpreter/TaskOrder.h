// Which task of a program may run next.
#pragma once

#include "ingot/Interpreter/Frame.h"

#include "dialects/Task/Task.h"
#include "llvm/ADT/StringMap.h"

namespace ingot::interpreter {

/// One task: its launch and its position in the grid, row-major.
struct TaskRef {
  task::LaunchOp launch;
  int64_t position = 0;
};

/// The task's grid indices.
llvm::SmallVector<int64_t> indicesOf(TaskRef task);
/// "@l0.q[2]" or "@l0.q[1, 2]".
std::string nameOf(TaskRef task);

/// Walks one legal interleaving of a program's queues: at every step one of the workers whose next task has all its
/// signals runs it, drawn from the seed. Without a schedule one worker takes the launches in program order and each
/// launch's tasks in any order that events allow.
class TaskOrder {
public:
  TaskOrder(task::ProgramOp program, Random &random) : program(program), random(random) {}

  /// Reads events and queues; reports queues that lack a task or hold one twice.
  mlir::LogicalResult prepare();
  bool finished() const { return remaining == 0; }
  /// A task that may run now; reports a deadlock, naming what each worker waits for.
  mlir::FailureOr<TaskRef> next();
  /// Signals a task's events; reports an event that receives more signals than it declares.
  mlir::LogicalResult complete(TaskRef task);

private:
  /// Some tasks of one launch, either in order or in any.
  struct Group {
    task::LaunchOp launch;
    std::vector<int64_t> tasks; // the next one last
    bool ordered = true;
  };
  struct Counters {
    task::EventOp op;
    std::vector<int64_t> arrived;
  };

  mlir::LogicalResult readSchedule(task::ScheduleOp schedule);
  void readProgramOrder();
  /// The counter that a reference of a task names; null after reporting an index outside the event.
  int64_t *counterOf(TaskRef task, task::EventRefAttr ref);
  /// How many signals the referenced counter receives in a step.
  int64_t signalsOf(task::EventRefAttr ref) const;
  /// The first wait of a task that lacks signals; nothing if it is ready.
  mlir::FailureOr<std::optional<task::EventRefAttr>> missingSignal(TaskRef task);
  /// The position in the group's tasks of one that is ready, -1 if none is.
  mlir::FailureOr<int64_t> readyTask(Group &group);
  mlir::LogicalResult reportDeadlock();

  task::ProgramOp program;
  Random &random;
  llvm::StringMap<Counters> events;
  std::vector<std::vector<Group>> queues; // the next group last
  int64_t remaining = 0;
};

} // namespace ingot::interpreter
