// Whether a model is at the stage that --from says.
#pragma once

#include "ingot/Driver/Compile.h"
#include "mlir/IR/BuiltinOps.h"

namespace ingot {

/// Fails, with a message that says which stage is expected, if `module` holds something of another one: task programs,
/// tile operations, operations on tensors.
llvm::LogicalResult checkStage(mlir::ModuleOp module, const CompileOptions &options);

} // namespace ingot
