// Holds a task to its declared accesses.
#pragma once

#include "lib/Interpreter/TaskOrder.h"

namespace ingot::interpreter {

/// Copies of a task's buffers that hold what the task declares to read, and poison elsewhere. The body runs on them;
/// `finish` then takes over what it wrote, if that lies in its `writes` and covers its `must_write`. A NaN read from
/// poison keeps its payload, so results that depend on undeclared reads or on unwritten memory are told apart from NaNs
/// that were computed.
class TaskGuard {
public:
  /// `buffers` by symbol; they must outlive this.
  TaskGuard(TaskRef task, llvm::StringMap<Array> &buffers) : task(task), buffers(buffers) {}

  /// Makes the copies; reports a box that leaves its buffer.
  mlir::LogicalResult prepare();
  llvm::StringMap<Array> &copies() { return guarded; }
  /// Reports the first undeclared or missing write, else writes to the buffers.
  mlir::LogicalResult finish();

private:
  struct Box {
    llvm::SmallVector<int64_t> offsets, sizes;
  };
  /// The boxes of `buffer` in a list of accesses, for this task.
  mlir::FailureOr<std::vector<Box>> boxesIn(mlir::ArrayAttr accesses, llvm::StringRef buffer);
  mlir::LogicalResult finishBuffer(llvm::StringRef symbol);

  TaskRef task;
  llvm::StringMap<Array> &buffers;
  llvm::StringMap<Array> guarded, before;
};

} // namespace ingot::interpreter
