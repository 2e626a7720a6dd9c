// The passes of Plan in order.
#include "ingot/Plan/Passes.h"

#include "lib/Plan/KernelBuilder.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace ingot;

/// Upstream's canonicalizer without the pattern that inlines a grid of one task: it is still a launch.
static std::unique_ptr<Pass> createKernelCanonicalizer() {
  static constexpr const char *kInlinesSingleTasks = "(anonymous namespace)::ForallOpSingleOrZeroIterationDimsFolder";
  return createCanonicalizerPass(GreedyRewriteConfig(), {kInlinesSingleTasks});
}

/// What a pass has to know about the target.
template <typename Options> static Options optionsFor(const PlanOptions &plan) {
  Options options;
  options.workers = plan.workers;
  options.flopsPerSecond = plan.costs.flopsPerSecond;
  options.bytesPerSecond = plan.costs.bytesPerSecond;
  options.syncSeconds = plan.costs.syncSeconds;
  options.taskSeconds = plan.costs.taskSeconds;
  options.counterSeconds = plan.costs.counterSeconds;
  return options;
}

void ingot::buildTaskPipeline(OpPassManager &manager, const PlanOptions &options) {
  // One-shot bufferization sees a slice of a slice, or a duplicate offset, as different memory and would copy.
  manager.addPass(createKernelCanonicalizer());
  manager.addPass(createCSEPass());
  manager.addPass(createBufferizeKernels());
  // In this order: the other one leaves copies of a buffer onto itself.
  manager.addPass(createCSEPass());
  manager.addPass(createKernelCanonicalizer());
  ExtractTasksOptions extract;
  extract.isa = options.isa;
  manager.addPass(createExtractTasks(extract));
  // Offsets come before events: sharing bytes is a conflict that events must order.
  OpPassManager &programs = manager.nest<task::ProgramOp>();
  programs.addPass(createPlaceBuffers());
  programs.addPass(createSyncTasks(optionsFor<SyncTasksOptions>(options)));
  programs.addPass(createScheduleTasks(optionsFor<ScheduleTasksOptions>(options)));
  // What the verifier does not accept is never emitted.
  programs.addPass(createVerifyProgram());
}

void ingot::buildKernelPipeline(OpPassManager &manager) {
  // Layouts are fixed before any entry is planned: entries share parameters.
  manager.addPass(createAssignLayouts());
  manager.addPass(createFormKernels());
}

void ingot::buildPlanPipeline(OpPassManager &manager, const PlanOptions &options) {
  buildKernelPipeline(manager);
  buildTaskPipeline(manager, options);
}

void ingot::registerKernelModels(DialectRegistry &registry) {
  registerContractionKernels(registry);
  registerAttentionKernels(registry);
  registerPointwiseKernels(registry);
  registerRowKernels(registry);
  registerShapeKernels(registry);
  registerSamplingKernels(registry);
  registerLossKernels(registry);
  registerAttentionGradKernels(registry);
  registerScatterKernels(registry);
}

namespace {
struct PlanPipelineOptions : PassPipelineOptions<PlanPipelineOptions> {
  Option<std::string> isa{*this, "isa", llvm::cl::desc("ISA level"), llvm::cl::init("generic")};
  Option<unsigned> workers{*this, "workers", llvm::cl::desc("worker queues"), llvm::cl::init(2)};
};
} // namespace

void ingot::registerPlanPasses() {
  registerIngotPlanPasses();
  PassPipelineRegistration<>("ingot-canonicalize-kernels", "canonicalize and CSE, keeping grids of one task",
                             [](OpPassManager &manager) {
                               manager.addPass(createKernelCanonicalizer());
                               manager.addPass(createCSEPass());
                             });
  PassPipelineRegistration<PlanPipelineOptions>("ingot-plan-pipeline", "from tensor programs to verified task programs",
                                                [](OpPassManager &manager, const PlanPipelineOptions &options) {
                                                  buildPlanPipeline(manager, {options.isa, options.workers, {}});
                                                });
}
