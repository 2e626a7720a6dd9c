#include "ModelFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

Location ModelFile::loc() const { return NameLoc::get(StringAttr::get(context, printable(name))); }

std::string onnx_import::printable(StringRef name) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::printEscapedString(name.take_front(120), stream);
  return name.size() > 120 ? text + "..." : text;
}

/// Protobuf reports unreadable input on stderr by itself; one clear diagnostic of ours replaces that.
static bool parseQuietly(onnx::ModelProto &proto, ArrayRef<char> bytes) {
  google::protobuf::LogSilencer silencer;
  return proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

static LogicalResult checkOpset(ModelFile &file) {
  bool found = false, training = false;
  for (const onnx::OperatorSetIdProto &import : file.proto.opset_import()) {
    // Operators of other domains are refused where they are used.
    bool ours = import.domain().empty() || import.domain() == "ai.onnx";
    if (!ours && import.domain() != kTrainingDomain)
      continue;
    if (std::exchange(ours ? found : training, true))
      return file.error() << "imports the " << (ours ? "default" : "training") << " operator set twice";
    (ours ? file.opset : file.trainingOpset) = import.version();
  }
  if (!found && !training)
    return file.error() << "imports no default operator set: not an ONNX model, or a damaged one";
  if (found && (file.opset < 12 || file.opset > 25))
    return file.error() << "opset " << file.opset << " is not supported yet, only 12 to 25 are";
  if (training && file.trainingOpset != 1)
    return file.error() << "version " << file.trainingOpset << " of " << kTrainingDomain
                        << " is not supported yet, only 1 is";
  return success();
}

static LogicalResult readInitializers(ModelFile &file) {
  const onnx::GraphProto &graph = file.proto.graph();
  if (graph.sparse_initializer_size() > 0)
    return file.error() << "sparse initialisers are not supported yet";
  for (const onnx::TensorProto &tensor : graph.initializer()) {
    if (tensor.name().empty())
      return file.error() << "has an initialiser without a name";
    auto read = readTensor(file, tensor, "initialiser '" + printable(tensor.name()) + "'");
    if (failed(read))
      return failure();
    read->name = tensor.name();
    if (!file.initializers.try_emplace(tensor.name(), std::move(*read)).second)
      return file.error() << "has two initialisers named '" << printable(tensor.name()) << "'";
  }
  return success();
}

static FailureOr<OnnxInput> readInput(ModelFile &file, const onnx::ValueInfoProto &info) {
  std::string name = printable(info.name());
  if (info.name().empty())
    return file.error() << "has an input without a name", failure();
  if (!info.type().has_tensor_type())
    return file.error() << "expects input '" << name << "' to be a tensor: other types are not supported yet",
           failure();
  const auto &type = info.type().tensor_type();
  OnnxInput input;
  input.name = info.name();
  input.elementType = elementType(type.elem_type(), file.context);
  if (!input.elementType)
    return file.error() << "element type " << dataTypeName(type.elem_type()) << " of input '" << name
                        << "' is not supported yet",
           failure();
  input.hasShape = type.has_shape();
  for (const auto &dim : type.shape().dim()) {
    OnnxDim read;
    if (dim.has_dim_value()) {
      read.extent = dim.dim_value();
      if (read.extent < 0)
        return file.error() << "expects non-negative extents of input '" << name << "', but got " << read.extent,
               failure();
    } else if (dim.has_dim_param()) {
      read.name = dim.dim_param();
    }
    input.dims.push_back(std::move(read));
  }
  return input;
}

static LogicalResult readInputs(ModelFile &file) {
  llvm::StringMap<bool> seen;
  for (const onnx::ValueInfoProto &info : file.proto.graph().input()) {
    if (!seen.try_emplace(info.name()).second)
      return file.error() << "has two inputs named '" << printable(info.name()) << "'";
    // An input with an initialiser has a default value, and we take it.
    if (file.initializers.contains(info.name()))
      continue;
    auto input = readInput(file, info);
    if (failed(input))
      return failure();
    file.inputs.push_back(std::move(*input));
  }
  return success();
}

static LogicalResult readMessage(ModelFile &file, ArrayRef<char> bytes) {
  if (bytes.empty())
    return file.error() << "is empty: not an ONNX model";
  if (bytes.size() > static_cast<size_t>(INT32_MAX))
    return file.error() << "has " << bytes.size()
                        << " bytes: ONNX messages end at 2 GiB, larger weights go into external data";
  if (!parseQuietly(file.proto, bytes))
    return file.error() << "cannot be parsed: not an ONNX model, or a truncated or damaged one";
  if (!file.proto.has_graph())
    return file.error() << "has no graph: not an ONNX model, or a damaged one";
  if (file.proto.functions_size() > 0)
    return file.error() << "model-local functions (such as '" << printable(file.proto.functions(0).name())
                        << "') are not supported yet";
  for (const auto &property : file.proto.metadata_props())
    file.metadata[property.key()] = property.value();
  return success(succeeded(checkOpset(file)) && succeeded(readInitializers(file)) && succeeded(readInputs(file)));
}

OnnxModel::OnnxModel(std::shared_ptr<const ModelFile> contents) : contents(std::move(contents)) {}
OnnxModel::~OnnxModel() = default;

const std::map<std::string, std::string> &OnnxModel::metadata() const { return contents->metadata; }
ArrayRef<OnnxInput> OnnxModel::inputs() const { return contents->inputs; }

std::unique_ptr<OnnxModel> OnnxModel::parse(ArrayRef<char> bytes, StringRef name, StringRef directory,
                                            MLIRContext *context) {
  auto file = std::make_shared<ModelFile>();
  file->name = name.str();
  file->directory = directory.str();
  file->context = context;
  if (failed(readMessage(*file, bytes)))
    return nullptr;
  return std::unique_ptr<OnnxModel>(new OnnxModel(std::move(file)));
}

std::unique_ptr<OnnxModel> OnnxModel::load(StringRef path, MLIRContext *context) {
  auto fail = [&](const llvm::Twine &message) {
    emitError(NameLoc::get(StringAttr::get(context, printable(path)))) << message;
    return nullptr;
  };
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(path, status))
    return fail("cannot be opened: " + error.message());
  // Reading a pipe or a device could wait for ever.
  if (status.type() != llvm::sys::fs::file_type::regular_file)
    return fail("is not a regular file");
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail("cannot be read: " + buffer.getError().message());
  llvm::SmallString<128> directory = llvm::sys::path::parent_path(path);
  if (directory.empty())
    directory = ".";
  return parse({(*buffer)->getBufferStart(), (*buffer)->getBufferSize()}, path, directory, context);
}
