// The order of Model's passes.
#include "ingot/Model/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace ingot;

void ingot::buildModelPipeline(OpPassManager &manager, const ModelOptions &options) {
  // Entries are flat from here on: every pass below looks at one block.
  manager.addPass(createInlinerPass());
  manager.addPass(createSymbolDCEPass());
  // Constants and reshapes in one form, and equal values only once, before forms are looked for.
  manager.addPass(createSimplify());
  manager.addPass(createCSEPass());
  // Named operations; attention needs the softmax among them.
  manager.addNestedPass<func::FuncOp>(createRaise());
  // Raised operations bring equal slices of angles, each with one use once they are one.
  manager.addPass(createCSEPass());
  // Around a raised rope transposes and reshapes cancel; attention's operands become plain.
  manager.addPass(createSimplify());
  manager.addNestedPass<func::FuncOp>(createFuseAttention({options.finiteMasks}));
  // The cache may only feed attention, so attention comes before it; dead masks and transposes must be gone.
  manager.addPass(createSimplify());
  KvInPlaceOptions kv;
  kv.finiteMasks = options.finiteMasks;
  manager.addPass(createKvInPlace(kv));
  // Removes what the past and the masks leave behind, and widened indices.
  manager.addPass(createSimplify());
  manager.addPass(createCSEPass());
  // Named operations say what may be rounded and what must not; before constants become parameters in their type.
  if (!options.compute.empty())
    manager.addPass(createMixedPrecision({options.compute}));
  // Casts map rows to rows as well; before sampling, which then reads the one row.
  if (options.lastRowLogits)
    manager.addPass(createLastRowLogits());
  // In float32, whatever the model computes in: after precision is chosen.
  if (options.sampling)
    manager.addPass(createAddSampling());
  // Last: constants are final.
  if (options.hoistConstants)
    manager.addPass(createHoistConstants());
}

namespace {
struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<bool> finiteMasks{*this, "finite-masks", llvm::cl::desc("numbers <= -10000 hide as -inf does"),
                           llvm::cl::init(true)};
  Option<bool> sampling{*this, "sampling", llvm::cl::desc("decoder entries choose the next token"),
                        llvm::cl::init(false)};
  Option<bool> lastRowLogits{*this, "last-row-logits", llvm::cl::desc("prompts compute the last row of logits alone"),
                             llvm::cl::init(false)};
  Option<std::string> compute{*this, "compute", llvm::cl::desc("16-bit type to compute in; empty: as the model says")};
};
} // namespace

void ingot::registerModelPasses() {
  registerIngotModelPasses();
  PassPipelineRegistration<PipelineOptions>(
      "ingot-model-pipeline", "from imported tensor programs to what Plan reads",
      [](OpPassManager &manager, const PipelineOptions &options) {
        buildModelPipeline(manager, {options.finiteMasks, options.compute, options.sampling, options.lastRowLogits});
      });
}
