// Fuzz target for the dialects in text: whatever parses and verifies prints to a text that parses again and prints the
// same.
#include "dialects/Registration.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <cstdlib>
#include <memory>

using namespace mlir;

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const DialectRegistry registry = [] {
    DialectRegistry made;
    ingot::registerDialects(made);
    return made;
  }();
  // A new context now and then: interned attributes add up, and loading the dialects takes long.
  static std::unique_ptr<MLIRContext> context;
  static int uses = 0;
  if (uses++ % 500 == 0)
    context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler handler(context.get(), [](Diagnostic &) { return success(); });
  std::string text(reinterpret_cast<const char *>(data), size);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, context.get());
  if (!module)
    return 0;
  std::string printed = print(*module);
  OwningOpRef<ModuleOp> again = parseSourceString<ModuleOp>(printed, context.get());
  if (!again || print(*again) != printed)
    abort();
  return 0;
}
