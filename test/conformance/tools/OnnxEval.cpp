// onnx-eval MODEL.onnx INPUTS.safetensors OUTPUTS.safetensors [--typed]
// Imports a model with the shapes of the given inputs and runs it in the interpreter: exactly, or with --typed rounding
// as the element types say. Exit status 3 means that the importer refused the model, 1 that the run failed.
#include "dialects/Registration.h"
#include "ingot/Import/ONNX.h"
#include "ingot/Interpreter/Interpreter.h"
#include "ingot/Interpreter/Models.h"
#include "ingot/Train/Gradients.h"
#include "ingot/Train/Passes.h"
#include "runtime/formats/DTypes.h"
#include "runtime/formats/File.h"
#include "runtime/formats/Safetensors.h"

#include "mlir/IR/MLIRContext.h"

using namespace mlir;
using namespace ingot;
using interpreter::Array;
using interpreter::Arrays;

static int fail(const llvm::Twine &message) {
  llvm::errs() << "error: " << message << "\n";
  return 1;
}

/// The interpreter's element type of the same name; the two lists name their types alike.
static interpreter::Element elementOf(program::DType dtype) {
  using interpreter::Element;
  for (Element element :
       {Element::i1, Element::i8, Element::i32, Element::i64, Element::f16, Element::bf16, Element::f32})
    if (StringRef(interpreter::toString(element)) == program::toString(dtype))
      return element;
  return Element::f64;
}

static runtime::Status writeOutputs(const Arrays &outputs, const std::string &path) {
  std::vector<runtime::SafetensorsEntry> entries;
  for (const auto &output : outputs) {
    const Array &array = output.second;
    auto dtype = runtime::parseDType(interpreter::toString(array.element()));
    entries.push_back({output.getKey().str(), *dtype, array.shape().vec()});
  }
  auto layout = runtime::layoutSafetensors(entries);
  if (!layout)
    return layout.status();
  auto file = runtime::AtomicFile::create(path);
  if (!file)
    return file.status();
  auto status = file->writeAt(0, std::as_bytes(std::span(layout->header)));
  size_t i = 0;
  for (const auto &output : outputs) {
    std::vector<char> bytes = output.second.bytes();
    if (status.ok())
      status = file->writeAt(layout->offsets[i++], std::as_bytes(std::span(bytes)));
  }
  return status.ok() ? file->commit() : status;
}

static interpreter::ParamProvider paramsFrom(const ParamStore &store) {
  return [&](StringRef name) -> std::optional<Array> {
    const ParamData *data = store.find(name);
    if (!data)
      return std::nullopt;
    auto element = interpreter::elementOf(data->type.getElementType());
    return Array::ofBytes(*element, data->type.getShape(), data->bytes.data());
  };
}

int main(int argc, char **argv) {
  bool typed = argc == 5 && StringRef(argv[4]) == "--typed";
  if (argc != 4 && !typed)
    return fail("expects MODEL.onnx INPUTS.safetensors OUTPUTS.safetensors [--typed]"), 2;
  auto file = runtime::MappedFile::open(argv[2]);
  if (!file)
    return fail(file.status().message());
  auto given = runtime::Safetensors::parse(file->bytes());
  if (!given)
    return fail(given.status().message());

  DialectRegistry registry;
  registerDialects(registry);
  registerDifferentiationModels(registry);
  interpreter::registerInterpreterModels(registry);
  MLIRContext context(registry);
  OnnxImportOptions import;
  import.gradients = buildGradients;
  Arrays inputs;
  for (const runtime::SafetensorsTensor &tensor : given->tensors()) {
    import.inputShapes[tensor.name] = tensor.shape;
    inputs[tensor.name] = Array::ofBytes(elementOf(*tensor.dtype), tensor.shape, tensor.data.data());
  }
  auto model = OnnxModel::load(argv[1], &context);
  OwningOpRef<ModuleOp> module(ModuleOp::create(UnknownLoc::get(&context)));
  ParamStore params;
  if (!model || failed(importOnnx(*model, *module, import, params)))
    return 3;
  interpreter::Options options;
  options.mode = typed ? interpreter::Mode::Typed : interpreter::Mode::Exact;
  interpreter::Interpreter run(*module, options, paramsFrom(params));
  auto outputs = run.run(import.entry, inputs);
  if (failed(outputs))
    return 1;
  if (auto status = writeOutputs(*outputs, argv[3]); !status.ok())
    return fail(status.message());
  return 0;
}
