// The order of Train's passes.
#include "ingot/Train/Passes.h"

#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace ingot;

void ingot::buildTrainPipeline(OpPassManager &manager, const TrainOptions &options) {
  // First: what follows needs @gradients.
  manager.addPass(createDifferentiate());
  // Gradients that are zero become constants, by which the optimizer knows what is not trained.
  manager.addPass(createCanonicalizerPass());
  AddOptimizerOptions optimizer;
  optimizer.kind = options.optimizer;
  optimizer.beta1 = options.beta1;
  optimizer.beta2 = options.beta2;
  optimizer.eps = options.eps;
  optimizer.momentum = options.momentum;
  optimizer.weightDecay = options.weightDecay;
  optimizer.clipNorm = options.clipNorm;
  manager.addPass(createAddOptimizer(optimizer));
  // Derivatives and updates write every constant and broadcast again; the forward part is there once.
  manager.addPass(createCSEPass());
  manager.addPass(createCanonicalizerPass());
}
