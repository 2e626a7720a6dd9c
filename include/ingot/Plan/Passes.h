// Plan: from tensor programs to verified task programs.
#pragma once

#include "dialects/Task/Task.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "runtime/program/Costs.h"

namespace ingot {

#define GEN_PASS_DECL
#include "lib/Plan/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "lib/Plan/Passes.h.inc"

struct PlanOptions {
  /// ISA level of the target: `generic`, `avx2`, `avx512` or `avx512bf16`.
  std::string isa = "generic";
  /// Worker queues of the default schedule.
  unsigned workers = 2;
  /// What the schedule and the choice of events go by.
  program::CostModel costs;
};

/// Adds the passes from tensor programs to kernels on tensors.
void buildKernelPipeline(mlir::OpPassManager &manager);
/// Adds the passes from kernels on tensors to verified task programs.
void buildTaskPipeline(mlir::OpPassManager &manager, const PlanOptions &options);
/// Both.
void buildPlanPipeline(mlir::OpPassManager &manager, const PlanOptions &options);

/// Interfaces through which operations become kernels.
void registerKernelModels(mlir::DialectRegistry &registry);
/// Registers the passes above and the pipeline `ingot-plan-pipeline`.
void registerPlanPasses();

/// The same program without MLIR. Fails with a diagnostic where an index expression is not of the library's form.
mlir::FailureOr<program::Program> exportProgram(task::ProgramOp op);

} // namespace ingot
