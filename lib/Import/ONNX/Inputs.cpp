// Inputs of the graph: every dimension gets its extent; the interface of a decoder is recognised.
#include "Importer.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

static std::string shapeText(const OnnxInput &input) {
  std::string text;
  for (const OnnxDim &dim : input.dims)
    text += (text.empty() ? "" : "x") + (dim.extent >= 0    ? std::to_string(dim.extent)
                                         : dim.name.empty() ? "?"
                                                            : printable(dim.name));
  return text;
}

void OpenDims::add(std::string what, std::string where) {
  auto it = llvm::find_if(missing, [&](const auto &entry) { return entry.first == what; });
  if (it == missing.end())
    it = missing.insert(missing.end(), {std::move(what), {}});
  it->second.push_back(std::move(where));
}

LogicalResult OpenDims::check(const ModelFile &file) const {
  if (missing.empty())
    return success();
  auto diag = file.error() << "has dimensions without extent:";
  for (const auto &[what, places] : missing) {
    constexpr size_t kShown = 4;
    diag << "\n  " << what << " (";
    llvm::interleaveComma(ArrayRef(places).take_front(kShown), diag);
    if (places.size() > kShown)
      diag << ", " << places.size() - kShown << " more";
    diag << ")";
  }
  return diag;
}

/// Options that name nothing of this model are mistakes, most often misspelt names.
LogicalResult Importer::checkOptions() {
  llvm::StringSet<> inputs, names;
  for (const OnnxInput &input : model.inputs) {
    inputs.insert(input.name);
    for (const OnnxDim &dim : input.dims)
      names.insert(dim.name);
  }
  for (const auto &[name, shape] : options.inputShapes)
    if (!inputs.contains(name))
      return model.error() << "has no input '" << printable(name) << "', for which a shape is given";
  for (const auto &[name, extent] : options.dims) {
    if (name.empty() || !names.contains(name))
      return model.error() << "has no input with a dimension '" << printable(name) << "', for which an extent is given";
    if (extent < 0 || extent > kMaxElements)
      return model.error() << "expects an extent of dimension '" << printable(name) << "' in [0, 2^40], but got "
                           << extent;
  }
  return success();
}

/// The shape of one input. Adds to `open` what has no extent.
FailureOr<SmallVector<int64_t>> Importer::inputShape(const OnnxInput &input, OpenDims &open) {
  std::string name = printable(input.name);
  auto given = options.inputShapes.find(input.name);
  if (given == options.inputShapes.end() && !input.hasShape) {
    open.add("the shape: pass --input-shape " + name + "=...", "input '" + name + "'");
    return SmallVector<int64_t>{};
  }
  if (given != options.inputShapes.end() && input.hasShape && given->second.size() != input.dims.size())
    return model.error() << "expects rank " << input.dims.size() << " (" << shapeText(input) << ") for input '" << name
                         << "', but got " << given->second.size() << " extents",
           failure();
  SmallVector<int64_t> shape;
  if (!input.hasShape)
    shape.assign(given->second.begin(), given->second.end());
  for (auto [i, dim] : llvm::enumerate(input.dims)) {
    auto bound = options.dims.find(dim.name);
    std::optional<int64_t> asked;
    if (given != options.inputShapes.end())
      asked = given->second[i];
    if (!dim.name.empty() && bound != options.dims.end()) {
      if (asked && *asked != bound->second)
        return model.error() << "gets two extents for dimension '" << printable(dim.name) << "' of input '" << name
                             << "': " << bound->second << " and " << *asked,
               failure();
      asked = bound->second;
    }
    if (dim.extent >= 0 && asked && *asked != dim.extent)
      return model.error() << "expects extent " << dim.extent << " in dimension " << i << " of input '" << name
                           << "', but got " << *asked,
             failure();
    if (dim.extent < 0 && !asked) {
      std::string option = dim.name.empty() ? "an unnamed extent: pass --input-shape " + name + "=..."
                                            : "'" + printable(dim.name) + "': pass --dim " + printable(dim.name) + "=N";
      open.add(std::move(option), "dimension " + std::to_string(i) + " of '" + name + "'");
    }
    shape.push_back(dim.extent >= 0 ? dim.extent : asked.value_or(0));
  }
  return shape;
}

LogicalResult Importer::bindInputs() {
  OpenDims open;
  for (const OnnxInput &input : model.inputs) {
    auto shape = inputShape(input, open);
    if (failed(shape))
      return failure();
    if (!elementCount(*shape))
      return model.error() << "expects at most 2^40 elements and no negative extent for input '"
                           << printable(input.name) << "', but got shape "
                           << llvm::join(llvm::map_range(*shape, [](int64_t extent) { return std::to_string(extent); }),
                                         "x");
    auto type = RankedTensorType::get(*shape, input.elementType);
    Value argument = block->addArgument(type, NameLoc::get(builder.getStringAttr(printable(input.name))));
    tensors[input.name] = {type, argument, nullptr};
  }
  return open.check(model);
}

//===----------------------------------------------------------------------===//
// Decoder interface
//===----------------------------------------------------------------------===//

static const OnnxInput *findInput(const ModelFile &file, StringRef name) {
  auto it = llvm::find_if(file.inputs, [&](const OnnxInput &input) { return input.name == name; });
  return it == file.inputs.end() ? nullptr : &*it;
}

static bool hasOutput(const ModelFile &file, StringRef name) {
  return llvm::any_of(file.proto.graph().output(), [&](const auto &output) { return output.name() == name; });
}

std::optional<OnnxDecoder> OnnxModel::decoder() const {
  const ModelFile &model = file();
  const OnnxInput *ids = findInput(model, "input_ids");
  if (!ids || ids->dims.size() != 2 || !hasOutput(model, "logits"))
    return std::nullopt;
  OnnxDecoder decoder;
  decoder.batch = ids->dims[0];
  decoder.sequence = ids->dims[1];
  for (;; ++decoder.layers) {
    std::string layer = std::to_string(decoder.layers);
    const OnnxInput *key = findInput(model, "past_key_values." + layer + ".key");
    const OnnxInput *value = findInput(model, "past_key_values." + layer + ".value");
    if (!key || !value)
      break;
    if (key->dims.size() != 4 || value->dims.size() != 4 || !hasOutput(model, "present." + layer + ".key") ||
        !hasOutput(model, "present." + layer + ".value"))
      return std::nullopt;
    if (decoder.layers == 0)
      decoder.past = key->dims[2];
    decoder.pastInputs.insert(decoder.pastInputs.end(), {key->name, value->name});
  }
  if (decoder.layers == 0)
    return std::nullopt;
  return decoder;
}
