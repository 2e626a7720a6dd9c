// A crash of a pass leaves a reproducer and a message; the process lives on.
#include "lib/Driver/Reproducer.h"

#include "ingot/Driver/Compile.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#endif

using namespace mlir;

namespace {

struct CrashingPass : PassWrapper<CrashingPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CrashingPass)
  StringRef getArgument() const override { return "crash"; }
  void runOnOperation() override { __builtin_trap(); }
};

struct FailingPass : PassWrapper<FailingPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FailingPass)
  StringRef getArgument() const override { return "fail"; }
  void runOnOperation() override { signalPassFailure(); }
};

class Reproducer : public testing::Test {
protected:
  Reproducer() {
    DialectRegistry registry;
    ingot::registerCompiler(registry);
    context.appendDialectRegistry(registry);
    module = parseSourceString<ModuleOp>("ingot.param @w : tensor<4xf32>", &context);
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) { message += diagnostic.str(); });
    std::filesystem::remove(path);
  }

  LogicalResult run(std::unique_ptr<Pass> pass) {
    PassManager manager = PassManager::on<ModuleOp>(&context);
    manager.addPass(std::move(pass));
    return ingot::runWithReproducer(manager, *module, path);
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::string message, path = testing::TempDir() + "crash.reproducer.mlir";
};

TEST_F(Reproducer, CrashLeavesInputAndPipeline) {
  {
#if __has_feature(address_sanitizer)
    // The way out of a crash jumps over the destructors of what the pass manager had at that time.
    __lsan::ScopedDisabler leaks;
#endif
    EXPECT_TRUE(failed(run(std::make_unique<CrashingPass>())));
  }
  EXPECT_NE(message.find("the compiler crashed"), std::string::npos) << message;
  EXPECT_NE(message.find(path), std::string::npos) << message;
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_NE(text.find("ingot.param @w"), std::string::npos);
  EXPECT_NE(text.find("builtin.module(crash)"), std::string::npos);
  EXPECT_TRUE(parseSourceString<ModuleOp>(text, &context)) << "a reproducer parses";
}

TEST_F(Reproducer, FailureLeavesNothing) {
  EXPECT_TRUE(failed(run(std::make_unique<FailingPass>())));
  EXPECT_FALSE(std::filesystem::exists(path));
}

} // namespace
