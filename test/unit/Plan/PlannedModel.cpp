#include "PlannedModel.h"

#include "ingot/Driver/Compile.h"
#include "ingot/Model/Passes.h"
#include "ingot/Plan/Passes.h"
#include "ingot/Target/CPU/Target.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace ingot;
using namespace ingot::test;

PlannedModel::PlannedModel(const std::string &path, const std::string &isa) {
  mlir::DialectRegistry registry;
  registerCompiler(registry);
  context = std::make_unique<mlir::MLIRContext>(registry, mlir::MLIRContext::Threading::DISABLED);
  module = mlir::parseSourceFile<mlir::ModuleOp>(INGOT_SOURCE_DIR "/" + path, context.get());
  mlir::PassManager manager(context.get());
  ModelOptions model;
  model.sampling = true; // as `ingot compile` has it
  buildModelPipeline(manager, model);
  buildPlanPipeline(manager, {isa, /*workers=*/2});
  if (!module || mlir::failed(manager.run(*module))) {
    ADD_FAILURE() << "cannot plan " << path;
    return;
  }
  llvm::SmallVector<task::ProgramOp> ops(module->getOps<task::ProgramOp>());
  mlir::FailureOr<cpu::CpuCode> object = cpu::compileForCpu(ops, {isa});
  if (mlir::failed(object)) {
    ADD_FAILURE() << "cannot compile " << path;
    return;
  }
  auto loaded = runtime::CodeLibrary::load(std::as_bytes(std::span(object->sharedObject)), path);
  if (!loaded) {
    ADD_FAILURE() << loaded.status().message();
    return;
  }
  code = *loaded;
  for (task::ProgramOp op : ops) {
    programs.push_back(*exportProgram(op));
    for (auto body : op.getOps<task::BodyOp>())
      privateBytes.push_back({(op.getSymName() + "." + body.getSymName()).str(), cpu::privateBytes(body),
                              static_cast<uint64_t>(body.getPrivateBytes())});
  }
}

program::BodyFunction PlannedModel::body(const program::Program &program, const program::Launch &launch) const {
  auto function = code->body(cpu::exportedName(program.name, program.bodies[launch.body].symbol));
  EXPECT_TRUE(function.ok()) << function.status().message();
  return function ? *function : nullptr;
}
