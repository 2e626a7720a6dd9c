// Tensors of the file: element types, typed and raw data, external data.
#include "ModelFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;
using onnx::TensorProto;

std::optional<int64_t> onnx_import::elementCount(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape) {
    if (extent < 0 || extent > kMaxElements)
      return std::nullopt;
    if (llvm::is_contained(shape, 0))
      continue; // empty, whatever the other extents multiply to
    if (count > kMaxElements / extent)
      return std::nullopt;
    count *= extent;
  }
  if (llvm::is_contained(shape, 0))
    return 0;
  return count;
}

Type onnx_import::elementType(int dataType, MLIRContext *context) {
  Builder builder(context);
  switch (dataType) {
  case TensorProto::FLOAT:
    return builder.getF32Type();
  case TensorProto::DOUBLE:
    return builder.getF64Type();
  case TensorProto::FLOAT16:
    return builder.getF16Type();
  case TensorProto::BFLOAT16:
    return builder.getBF16Type();
  case TensorProto::INT64:
    return builder.getI64Type();
  case TensorProto::INT32:
    return builder.getI32Type();
  case TensorProto::INT8:
    return builder.getI8Type();
  case TensorProto::BOOL:
    return builder.getI1Type();
  default:
    return {};
  }
}

std::string onnx_import::dataTypeName(int dataType) {
  if (TensorProto::DataType_IsValid(dataType))
    return TensorProto::DataType_Name(static_cast<TensorProto::DataType>(dataType));
  return "number " + std::to_string(dataType);
}

static int64_t elementBytes(Type type) { return llvm::divideCeil(type.getIntOrFloatBitWidth(), 8); }

/// Stores the values of a typed field as elements of type T.
template <typename T, typename Field> static std::shared_ptr<std::vector<char>> pack(const Field &field) {
  auto bytes = std::make_shared<std::vector<char>>(field.size() * sizeof(T));
  char *out = bytes->data();
  for (auto value : field) {
    T element = static_cast<T>(value);
    memcpy(out, &element, sizeof(T));
    out += sizeof(T);
  }
  return bytes;
}

/// The elements in the field that ONNX prescribes for the data type, converted where that field is wider.
static std::shared_ptr<std::vector<char>> packTypedData(const TensorProto &tensor) {
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
    return pack<float>(tensor.float_data());
  case TensorProto::DOUBLE:
    return pack<double>(tensor.double_data());
  case TensorProto::INT64:
    return pack<int64_t>(tensor.int64_data());
  case TensorProto::INT32:
    return pack<int32_t>(tensor.int32_data());
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16: // bit patterns
    return pack<uint16_t>(tensor.int32_data());
  default: // INT8, BOOL
    return pack<int8_t>(tensor.int32_data());
  }
}

FailureOr<Initializer> onnx_import::readTensor(const ModelFile &file, const TensorProto &tensor,
                                               const std::string &what) {
  Initializer result;
  result.dataType = tensor.data_type();
  result.shape.assign(tensor.dims().begin(), tensor.dims().end());
  for (int64_t extent : result.shape)
    if (extent < 0)
      return file.error() << "expects non-negative extents of " << what << ", but got " << extent, failure();
  if (!TensorProto::DataType_IsValid(tensor.data_type()) || tensor.data_type() == TensorProto::UNDEFINED)
    return file.error() << what << " has the unknown element type " << dataTypeName(tensor.data_type()), failure();
  auto count = elementCount(result.shape);
  if (!count)
    return file.error() << what << " has more than 2^40 elements", failure();
  if (tensor.has_segment())
    return file.error() << what << ": segments are not supported yet", failure();
  Type type = elementType(tensor.data_type(), file.context);
  if (!type)
    return result; // refused where it is used
  int64_t bytes = *count * elementBytes(type);
  ParamData &data = result.data;
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    auto external = readExternal(file, tensor, what, bytes);
    if (failed(external))
      return failure();
    data.bytes = *external;
  } else if (tensor.has_raw_data()) {
    data.bytes = {tensor.raw_data().data(), tensor.raw_data().size()};
  } else {
    auto packed = packTypedData(tensor);
    data.bytes = {packed->data(), packed->size()};
    data.owner = packed;
  }
  if (static_cast<int64_t>(data.bytes.size()) != bytes)
    return file.error() << "expects " << bytes << " bytes of data for " << what << ", but got " << data.bytes.size(),
           failure();
  data.type = RankedTensorType::get(result.shape, type);
  return result;
}

//===----------------------------------------------------------------------===//
// External data
//===----------------------------------------------------------------------===//

/// Maps the file at `location`, once per model. Nothing outside the model's directory is ever opened: not by an
/// absolute path, not by "..", not through a link.
static FailureOr<const llvm::MemoryBuffer *> mapExternal(const ModelFile &file, StringRef location,
                                                         const std::string &what) {
  namespace fs = llvm::sys::fs;
  namespace path = llvm::sys::path;
  auto fail = [&](const llvm::Twine &message) {
    file.error() << "external data '" << printable(location) << "' of " << what << " " << message;
    return failure();
  };
  if (auto it = file.externalFiles.find(location); it != file.externalFiles.end())
    return it->second.get();
  if (location.contains('\0'))
    return fail("has a name that no file can have");
  if (path::is_absolute(location))
    return fail("is refused: its path is absolute");
  for (StringRef part : llvm::make_range(path::begin(location), path::end(location)))
    if (part == "..")
      return fail("is refused: its path leads out of the model's directory");
  llvm::SmallString<256> full(file.directory), realDirectory, realFile;
  path::append(full, location);
  if (std::error_code error = fs::real_path(full, realFile))
    return fail("cannot be opened: " + error.message());
  if (std::error_code error = fs::real_path(file.directory, realDirectory))
    return fail("cannot be opened: " + error.message());
  if (!realDirectory.ends_with("/"))
    realDirectory += '/';
  if (!realFile.starts_with(realDirectory))
    return fail("is refused: a link leads out of the model's directory");
  fs::file_status status;
  if (fs::status(realFile, status) || status.type() != fs::file_type::regular_file)
    return fail("is not a regular file");
  auto buffer = llvm::MemoryBuffer::getFile(realFile, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail("cannot be read: " + buffer.getError().message());
  auto &slot = file.externalFiles[location];
  slot = std::move(*buffer);
  return slot.get();
}

FailureOr<ArrayRef<char>> onnx_import::readExternal(const ModelFile &file, const TensorProto &tensor,
                                                    const std::string &what, int64_t bytes) {
  std::string location;
  uint64_t offset = 0, length = bytes;
  for (const auto &entry : tensor.external_data()) {
    StringRef value = entry.value();
    if (entry.key() == "location") {
      location = value.str();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      if (value.getAsInteger(10, entry.key() == "offset" ? offset : length))
        return file.error() << "expects a non-negative " << entry.key() << " of the external data of " << what
                            << ", but got '" << printable(value) << "'",
               failure();
    }
    // "checksum" is optional information, and unknown keys are none of ours.
  }
  if (location.empty())
    return file.error() << "the external data of " << what << " have no location", failure();
  if (length != static_cast<uint64_t>(bytes))
    return file.error() << "expects " << bytes << " bytes of data for " << what
                        << ", but its external data have length " << length,
           failure();
  auto buffer = mapExternal(file, location, what);
  if (failed(buffer))
    return failure();
  uint64_t size = (*buffer)->getBufferSize();
  if (offset > size || length > size - offset)
    return file.error() << "expects " << length << " bytes at offset " << offset << " of external data '"
                        << printable(location) << "' for " << what << ", but the file has " << size,
           failure();
  return ArrayRef<char>((*buffer)->getBufferStart() + offset, length);
}
