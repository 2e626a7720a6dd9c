// Runs passes so that a crash of the compiler leaves something to debug with.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace ingot {

/// As `manager.run(module)`. If a pass crashes, the IR from before the pipeline is written to `path`, in a form that
/// `ingot-opt --run-reproducer` takes, an error says where, and the run counts as failed. The module is not usable
/// then.
mlir::LogicalResult runWithReproducer(mlir::PassManager &manager, mlir::ModuleOp module, const std::string &path);

} // namespace ingot
