#include "Translate.h"

#include "dialects/Registration.h"
#include "ingot/Import/ONNX.h"
#include "ingot/Train/Gradients.h"
#include "ingot/Train/Passes.h"
#include "runtime/formats/File.h"
#include "runtime/formats/Safetensors.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace ingot;

/// MLIR's element types and ours have the same names.
static program::DType dtypeOf(Type type) {
  using program::DType;
  std::string name;
  llvm::raw_string_ostream(name) << type;
  for (DType dtype : {DType::i1, DType::i8, DType::i32, DType::i64, DType::f16, DType::bf16, DType::f32, DType::f64})
    if (name == program::toString(dtype))
      return dtype;
  llvm_unreachable("the importer refuses other types");
}

static runtime::Status writeParams(const ParamStore &params, const std::string &path) {
  std::vector<runtime::SafetensorsEntry> entries;
  for (const auto &[name, data] : params.all())
    entries.push_back({name, dtypeOf(data.type.getElementType()), data.type.getShape().vec()});
  auto layout = runtime::layoutSafetensors(entries);
  if (!layout)
    return layout.status();
  auto file = runtime::AtomicFile::create(path);
  if (!file)
    return file.status();
  auto status = file->writeAt(0, std::as_bytes(std::span(layout->header)));
  size_t i = 0;
  for (const auto &[name, data] : params.all())
    if (status.ok())
      status = file->writeAt(layout->offsets[i++], std::as_bytes(std::span(data.bytes.data(), data.bytes.size())));
  return status.ok() ? file->commit() : status;
}

static int fail(const llvm::Twine &message) {
  llvm::errs() << "error: " << message << "\n";
  return 1;
}

int translateOnnx(const TranslateOptions &options) {
  OnnxImportOptions import;
  import.gradients = buildGradients;
  import.entry = options.entry;
  for (const std::string &text : options.dims)
    if (std::string error = parseDimOption(text, import); !error.empty())
      return fail("--dim " + error);
  for (const std::string &text : options.inputShapes)
    if (std::string error = parseInputShapeOption(text, import); !error.empty())
      return fail("--input-shape " + error);

  DialectRegistry registry;
  registerDialects(registry);
  registerDifferentiationModels(registry);
  MLIRContext context(registry);
  auto model = OnnxModel::load(options.input, &context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  ParamStore params;
  if (!model || failed(importOnnx(*model, *module, import, params)))
    return 1;

  std::error_code error;
  llvm::ToolOutputFile out(options.output, error, llvm::sys::fs::OF_Text);
  if (error)
    return fail("cannot write " + options.output + ": " + error.message());
  OpPrintingFlags flags;
  if (options.locations)
    flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/true);
  module->print(out.os(), flags);
  out.os() << "\n";
  if (!options.paramsOut.empty())
    if (auto status = writeParams(params, options.paramsOut); !status.ok())
      return fail(status.message());
  out.os().flush();
  if (out.os().has_error()) {
    std::string message = out.os().error().message();
    out.os().clear_error();
    return fail("cannot write " + options.output + ": " + message);
  }
  out.keep();
  return 0;
}

int listOnnxOperators() {
  printOnnxOperators(llvm::outs());
  return 0;
}
