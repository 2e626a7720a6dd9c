// Train: from a loss to a training step, tensor program to tensor program.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include <string>

namespace ingot {

#define GEN_PASS_DECL
#include "lib/Train/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "lib/Train/Passes.h.inc"

/// How a model is trained; see `ingot-add-optimizer`.
struct TrainOptions {
  std::string optimizer = "adamw"; // or "adam", "sgd"
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8, momentum = 0.9;
  double weightDecay = 0.0;
  double clipNorm = 0.0; // 0: gradients are not clipped
};

/// Adds Train's passes, in order: from an entry `loss` to the entry `train_step` beside it.
void buildTrainPipeline(mlir::OpPassManager &manager, const TrainOptions &options);

/// Interfaces through which operations are differentiated.
void registerDifferentiationModels(mlir::DialectRegistry &registry);
/// Registers the passes above.
void registerTrainPasses();

} // namespace ingot
