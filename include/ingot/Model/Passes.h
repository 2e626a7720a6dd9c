// Model: passes on tensor programs, from what importers write to what Plan reads.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace ingot {

#define GEN_PASS_DECL
#include "lib/Model/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "lib/Model/Passes.h.inc"

struct ModelOptions {
  /// Numbers <= -10000 in attention masks hide as -inf does; see `ingot-fuse-attention`.
  bool finiteMasks = true;
  /// 16-bit type to compute in (`bf16`); empty: as the model says. See `ingot-mixed-precision`.
  std::string compute;
  /// Decoder entries choose the next token; see `ingot-add-sampling`.
  bool sampling = false;
  /// Prompts compute the logits of their last token alone; see `ingot-last-row-logits`.
  bool lastRowLogits = false;
  /// Constants become parameters; see `ingot-hoist-constants`. Not before a model is differentiated: it would be
  /// trained on them.
  bool hoistConstants = true;
};

/// Adds Model's passes, in order.
void buildModelPipeline(mlir::OpPassManager &manager, const ModelOptions &options);

/// Registers the passes above and the pipeline `ingot-model-pipeline`.
void registerModelPasses();

} // namespace ingot
