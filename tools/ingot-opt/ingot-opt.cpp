// ingot-opt: runs passes on IR in text, for tests and for looking at single stages.
#include "dialects/Registration.h"
#include "ingot/Model/Passes.h"
#include "ingot/Plan/Passes.h"
#include "ingot/Target/CPU/Passes.h"
#include "ingot/Train/Passes.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  ingot::registerDialects(registry);
  ingot::registerKernelModels(registry);
  ingot::registerDifferentiationModels(registry);
  mlir::registerTransformsPasses();
  ingot::registerPlanPasses();
  ingot::registerModelPasses();
  ingot::registerTrainPasses();
  ingot::cpu::registerCpuTarget(registry);
  ingot::cpu::registerCpuPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Ingot's pass driver\n", registry));
}
