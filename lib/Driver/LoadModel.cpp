#include "lib/Driver/LoadModel.h"

#include "ingot/Import/ONNX.h"
#include "ingot/Train/Gradients.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "runtime/formats/File.h"
#include "runtime/formats/Safetensors.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ingot;

static LogicalResult fail(MLIRContext *context, const Twine &message) {
  return emitError(UnknownLoc::get(context)) << message;
}

//===----------------------------------------------------------------------===//
// Parameters of models in text
//===----------------------------------------------------------------------===//

static Type elementTypeOf(program::DType dtype, MLIRContext *context) {
  Builder builder(context);
  switch (dtype) {
  case program::DType::i1:
    return builder.getI1Type();
  case program::DType::i8:
    return builder.getI8Type();
  case program::DType::i32:
    return builder.getI32Type();
  case program::DType::i64:
    return builder.getI64Type();
  case program::DType::f16:
    return builder.getF16Type();
  case program::DType::bf16:
    return builder.getBF16Type();
  case program::DType::f32:
    return builder.getF32Type();
  case program::DType::f64:
    return builder.getF64Type();
  }
  llvm_unreachable("unknown dtype");
}

static LogicalResult readSafetensors(const std::string &path, MLIRContext *context, ParamStore &params) {
  auto mapped = runtime::MappedFile::open(path);
  if (!mapped)
    return fail(context, mapped.status().message());
  auto file = std::make_shared<runtime::MappedFile>(std::move(*mapped));
  auto parsed = runtime::Safetensors::parse(file->bytes());
  if (!parsed)
    return fail(context, "'" + path + "': " + parsed.status().message());
  for (const runtime::SafetensorsTensor &tensor : parsed->tensors())
    if (tensor.dtype) // others are refused only if the model asks for them
      params.insert(tensor.name,
                    {RankedTensorType::get(tensor.shape, elementTypeOf(*tensor.dtype, context)),
                     ArrayRef(reinterpret_cast<const char *>(tensor.data.data()), tensor.data.size()), file});
  return success();
}

static LogicalResult loadText(const CompileOptions &options, MLIRContext *context, LoadedModel &model) {
  if (!options.dims.empty() || !options.inputShapes.empty() || options.maxSeq || options.batch != 1)
    return fail(context,
                "'" + options.input +
                    "': --dim, --input-shape, --batch and --max-seq are for ONNX models: shapes in text are fixed");
  model.module = parseSourceFile<ModuleOp>(options.input, context);
  if (!model.module)
    return failure();
  return options.params.empty() ? success() : readSafetensors(options.params, context, model.params);
}

//===----------------------------------------------------------------------===//
// ONNX
//===----------------------------------------------------------------------===//

/// Positions of the cache: --max-seq, which may not exceed what the model says, or what the model says.
static FailureOr<int64_t> maxSeqOf(const CompileOptions &options, const OnnxModel &onnx, MLIRContext *context) {
  int64_t limit = 0;
  if (auto it = onnx.metadata().find("ingot.max_seq"); it != onnx.metadata().end())
    if (StringRef(it->second).getAsInteger(10, limit) || limit < 1)
      return fail(context, "'" + options.input +
                               "': expects metadata 'ingot.max_seq' to be a positive number, but got '" + it->second +
                               "'");
  if (!options.maxSeq && !limit)
    return fail(context, "'" + options.input +
                             "' is a decoder that does not say how many positions it has: expects --max-seq N");
  if (options.maxSeq && limit && options.maxSeq > limit)
    return fail(context, "expects --max-seq of at most " + Twine(limit) + ", the positions of the model, but got " +
                             Twine(options.maxSeq));
  return options.maxSeq ? options.maxSeq : limit;
}

static LogicalResult bindDim(const OnnxDim &dim, int64_t extent, StringRef what, OnnxImportOptions &import,
                             std::vector<std::pair<std::string, int64_t>> &bound, MLIRContext *context) {
  if (dim.name.empty())
    return dim.extent == extent ? success()
                                : fail(context, "expects the " + what + " dimension of a decoder to be symbolic or " +
                                                    Twine(extent) + ", but got " + Twine(dim.extent));
  auto [it, inserted] = import.dims.emplace(dim.name, extent);
  if (!inserted && it->second != extent)
    return fail(context,
                "expects --dim " + dim.name + " (" + what + ") of " + Twine(extent) + ", but got " + Twine(it->second));
  bound.emplace_back(dim.name, extent);
  return success();
}

/// An entry of a decoder, by the extents of its dimensions.
struct DecoderEntry {
  const char *name;
  int64_t batch, rows, past;
};

static LogicalResult importDecoder(const OnnxModel &onnx, const OnnxDecoder &decoder, const CompileOptions &options,
                                   MLIRContext *context, LoadedModel &model) {
  FailureOr<int64_t> maxSeq = maxSeqOf(options, onnx, context);
  if (failed(maxSeq))
    return failure();
  int64_t chunk = std::min(options.prefill, *maxSeq);
  // Past and present together are the whole cache; kv-in-place makes them one state.
  SmallVector<DecoderEntry> entries = {{"decode", options.batch, 1, *maxSeq - 1},
                                       {"prefill", options.batch, chunk, *maxSeq - chunk}};
  if (!options.optimizer.empty()) {
    int64_t rows = options.trainRows.value_or(std::min<int64_t>(64, *maxSeq));
    if (rows > *maxSeq)
      return fail(context, "expects --train-seq of at most " + Twine(*maxSeq) +
                               ", the positions of the model, but got " + Twine(rows));
    entries.push_back({"loss", options.trainBatch, rows, 0});
  }
  for (const DecoderEntry &entry : entries) {
    OnnxImportOptions import;
    import.gradients = buildGradients;
    import.entry = entry.name;
    import.dims = options.dims;
    import.inputShapes = options.inputShapes;
    auto &bound = model.specialisations[entry.name];
    if (failed(bindDim(decoder.batch, entry.batch, "batch", import, bound, context)) ||
        failed(bindDim(decoder.sequence, entry.rows, "sequence", import, bound, context)) ||
        failed(bindDim(decoder.past, entry.past, "past", import, bound, context)))
      return failure();
    bound.emplace_back("max_seq", *maxSeq);
    if (failed(importOnnx(onnx, *model.module, import, model.params)))
      return failure();
  }
  return success();
}

static LogicalResult loadOnnx(const CompileOptions &options, MLIRContext *context, LoadedModel &model) {
  if (options.from != Stage::Ingot)
    return fail(context, "--from is for a model in text, but got '" + options.input + "'");
  if (!options.params.empty())
    return fail(context, "--params is for a model in text: '" + options.input + "' carries its parameters");
  auto onnx = OnnxModel::load(options.input, context);
  if (!onnx)
    return failure();
  model.metadata = onnx->metadata();
  OpBuilder builder(context);
  model.module = ModuleOp::create(FileLineColLoc::get(context, options.input, 0, 0));
  if (auto decoder = onnx->decoder())
    return importDecoder(*onnx, *decoder, options, context, model);
  if (options.maxSeq || options.batch != 1)
    return fail(context,
                "--max-seq and --batch are for decoders: '" + options.input + "' has no past_key_values inputs");
  OnnxImportOptions import;
  import.gradients = buildGradients;
  import.dims = options.dims;
  import.inputShapes = options.inputShapes;
  model.specialisations["main"].assign(options.dims.begin(), options.dims.end());
  if (failed(importOnnx(*onnx, *model.module, import, model.params)))
    return failure();
  if (options.optimizer.empty())
    return success();
  import.entry = "loss"; // which --train makes of its logits
  model.specialisations["loss"] = model.specialisations["main"];
  return importOnnx(*onnx, *model.module, import, model.params);
}

FailureOr<LoadedModel> ingot::loadModel(const CompileOptions &options, MLIRContext *context) {
  LoadedModel model;
  model.name = llvm::sys::path::stem(options.input).str();
  StringRef extension = llvm::sys::path::extension(options.input);
  if (!llvm::sys::fs::exists(options.input))
    return fail(context, "cannot open '" + options.input + "': no such file");
  LogicalResult result = success();
  if (extension == ".onnx")
    result = loadOnnx(options, context, model);
  else if (extension == ".mlir")
    result = loadText(options, context, model);
  else
    return fail(context, "expects a model in .onnx or .mlir, but got '" + options.input + "'");
  if (failed(result))
    return failure();
  return std::move(model);
}
