#include "lib/Driver/Reproducer.h"

#include "mlir/IR/Diagnostics.h"
#include "runtime/formats/File.h"
#include "llvm/Support/CrashRecoveryContext.h"

#include <span>

using namespace mlir;
using namespace ingot;

/// The module and the pipeline in one file, as upstream's reproducers have them.
static std::string reproducerText(PassManager &manager, ModuleOp module) {
  std::string text, pipeline;
  llvm::raw_string_ostream os(text), pipelineOs(pipeline);
  manager.printAsTextualPipeline(pipelineOs);
  module->print(os, OpPrintingFlags().useLocalScope());
  os << "\n\n{-#\n  external_resources: {\n    mlir_reproducer: {\n      pipeline: \"" << pipeline
     << "\",\n      disable_threading: true,\n      verify_each: true\n    }\n  }\n#-}\n";
  return text;
}

LogicalResult ingot::runWithReproducer(PassManager &manager, ModuleOp module, const std::string &path) {
  // A crashed pass leaves IR that cannot be printed, so the text is made before. It is small: parameters are outside.
  std::string text = reproducerText(manager, module);
  LogicalResult result = failure();
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext recovery;
  bool finished = recovery.RunSafely([&] { result = manager.run(module); });
  llvm::CrashRecoveryContext::Disable();
  if (finished)
    return result;
  auto file = runtime::AtomicFile::create(path);
  runtime::Status status =
      file.ok() ? file->writeAt(0, std::as_bytes(std::span(text.data(), text.size()))) : file.status();
  if (status.ok())
    status = file->commit();
  auto where = status.ok() ? "the input and the pipeline are in '" + path + "'" : "no reproducer: " + status.message();
  return emitError(UnknownLoc::get(module.getContext())) << "the compiler crashed, which is a bug of ours; " << where;
}
