// The two kinds of entries and how they run.
#pragma once

#include "ingot/Interpreter/Interpreter.h"

#include "dialects/Task/Task.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ingot::interpreter {

Signature signatureOf(mlir::func::FuncOp func);
mlir::FailureOr<Arrays> runFunction(Interpreter &interpreter, mlir::func::FuncOp func, const Arrays &inputs);

Signature signatureOf(task::ProgramOp program);
/// One step: tasks run one after the other in an order that the queues and events allow, drawn from the seed.
mlir::FailureOr<Arrays> runProgram(Interpreter &interpreter, task::ProgramOp program, const Arrays &inputs);

/// All tasks of one launch, on copies of the buffers in `memory` (by symbol), which must hold those that the launch
/// binds. Gives the buffers that it declares to write.
mlir::FailureOr<Arrays> runLaunch(Interpreter &interpreter, task::LaunchOp launch, const Arrays &memory);

} // namespace ingot::interpreter
