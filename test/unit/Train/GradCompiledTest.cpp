// Gradients as compiled code: every case is an entry of one model, held to the interpreter by `ingot debug`.
#include "test/unit/Train/GradCheck.h"

#include "dialects/Ingot/Ingot.h"
#include "ingot/Train/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

using namespace ingot;
using namespace ingot::test;

namespace {

/// What the CPU target does not compile, forward: nothing that comes after can be tested on it.
const std::set<std::string> kNotCompiled = {"math.sinh",      "math.cosh",   "math.atan",      "math.erfc",
                                            "math.tan",       "math.fpowi",  "tensor.reshape", "tensor.insert_slice",
                                            "tensor.extract", "tensor.splat"};

bool isCompiled(const GradCase &gradCase) {
  bool dynamicSlice = gradCase.op == "tensor.extract_slice" && gradCase.body.find("index") != std::string::npos;
  bool oneValueTwice = gradCase.op == "arith.addf"; // its gradients are one output twice
  return !kNotCompiled.count(gradCase.op) && !dynamicSlice && !oneValueTwice;
}

/// The entry of a case's gradients under another name, with inputs for its parameters; empty if it has none.
std::string entryOf(mlir::MLIRContext &context, const GradCase &gradCase, const std::string &name) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(lossOf(gradCase, "f32"), &context);
  mlir::PassManager manager(&context);
  manager.addPass(createDifferentiate());
  manager.addPass(mlir::createCanonicalizerPass());
  if (!module || mlir::failed(manager.run(*module)))
    return "";
  auto func = module->lookupSymbol<mlir::func::FuncOp>("gradients");
  func.setSymName(name);
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    if (auto param = func.getArgAttrOfType<mlir::FlatSymbolRefAttr>(i, IngotDialect::kParam)) {
      func.removeArgAttr(i, IngotDialect::kParam);
      func.setArgAttr(i, IngotDialect::kInput, param.getAttr());
    }
  for (unsigned i = 0; i < func.getNumResults(); ++i)
    func.removeResultAttr(i, mlir::StringAttr::get(&context, IngotDialect::kGradient));
  std::string text;
  llvm::raw_string_ostream os(text);
  func->print(os);
  return text + "\n";
}

std::string contentsOf(const std::string &path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(GradCompiled, CodeAgreesWithTheInterpreter) {
  mlir::MLIRContext context(gradRegistry(), mlir::MLIRContext::Threading::DISABLED);
  std::string folder = testing::TempDir() + "grad-compiled-" + std::to_string(getpid()), model = folder + ".mlir",
              log = folder + ".log";
  int entries = 0;
  {
    std::ofstream file(model);
    for (const std::vector<GradCase> &cases : {pointwiseCases(), shapeCases(), namedCases()})
      for (const GradCase &gradCase : cases)
        if (isCompiled(gradCase)) {
          std::string text = entryOf(context, gradCase, "g" + std::to_string(entries++));
          EXPECT_FALSE(text.empty()) << gradCase.body;
          file << text;
        }
  }
  std::string command = INGOT_BINARY_DIR "/bin/ingot debug " + model + " --compare --target cpu > " + log + " 2>&1";
  int status = std::system(command.c_str());
  std::string report = contentsOf(log);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << report;
  int agreeing = 0;
  for (size_t at = 0; (at = report.find("outputs agree", at)) != std::string::npos; ++at)
    ++agreeing;
  EXPECT_EQ(agreeing, entries) << report;
  std::remove(model.c_str());
  std::remove(log.c_str());
}

} // namespace
