// Fuzz target of the ONNX importer: any bytes are imported or refused with a message.
#include "ingot/Import/ONNX.h"
#include "test/unit/Import/MutateOnnx.h"

#include "mlir/IR/MLIRContext.h"

#include <cstdlib>

using namespace mlir;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  bool reported = false;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    reported = true;
    if (llvm::StringRef(diagnostic.str()).contains("does not verify"))
      abort(); // the importer must check before it builds
    return success();
  });
  auto model = ingot::OnnxModel::parse({reinterpret_cast<const char *>(data), size}, "model", "", &context);
  bool done = false;
  if (model) {
    ingot::OnnxImportOptions options;
    for (const ingot::OnnxInput &input : model->inputs())
      for (const ingot::OnnxDim &dim : input.dims)
        if (!dim.name.empty())
          options.dims[dim.name] = 2;
    OwningOpRef<ModuleOp> module(ModuleOp::create(UnknownLoc::get(&context)));
    ingot::ParamStore params;
    done = succeeded(ingot::importOnnx(*model, *module, options, params));
  }
  if (!done && !reported)
    abort(); // a refusal without a message is a failure, too
  return 0;
}

/// Half of the mutants keep the message readable, so that the importer sees more than the parser's refusals.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  ingot::testing::Random random(seed);
  std::string bytes(reinterpret_cast<const char *>(data), size);
  bytes = seed % 2 ? ingot::testing::mutateBytes(bytes, random) : ingot::testing::mutateMessage(bytes, random);
  size_t length = std::min(bytes.size(), maxSize);
  memcpy(data, bytes.data(), length);
  return length;
}
