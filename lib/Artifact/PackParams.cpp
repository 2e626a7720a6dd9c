#include "lib/Artifact/PackParams.h"

#include "dialects/Task/Task.h"
#include "ingot/Model/HoistedConstant.h"
#include "ingot/Plan/Passes.h"
#include "ingot/Support/Panels.h"
#include "runtime/formats/Convert.h"
#include "runtime/formats/Layout.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

#include <mbedtls/sha256.h>

using namespace mlir;
using namespace ingot;

static size_t elementBytes(RankedTensorType type) { return llvm::divideCeil(type.getElementTypeBitWidth(), 8); }

FailureOr<std::vector<runtime::ManifestParam>> ingot::describeParams(ModuleOp module) {
  llvm::StringMap<program::DType> used, states;
  for (auto op : module.getOps<task::ProgramOp>()) {
    FailureOr<program::Program> program = exportProgram(op);
    if (failed(program))
      return failure();
    for (const program::Buffer &buffer : program->buffers)
      if (buffer.kind == program::BufferKind::Param)
        used[buffer.name] = buffer.dtype;
      else if (buffer.kind == program::BufferKind::State)
        states[buffer.name] = buffer.dtype;
  }
  // A state that starts as a parameter has its element type.
  llvm::StringSet<> startsState;
  for (auto op : module.getOps<StateOp>())
    if (auto it = states.find(op.getSymName()); it != states.end() && op.getFromAttr()) {
      used.try_emplace(*op.getFrom(), it->second);
      startsState.insert(*op.getFrom());
    }
  std::vector<runtime::ManifestParam> params;
  for (auto op : module.getOps<ParamOp>()) {
    auto it = used.find(op.getSymName());
    if (it == used.end())
      continue;
    runtime::ManifestParam param;
    param.name = op.getSymName().str();
    param.dtype = it->second;
    param.constant = op->hasAttr(kHoistedConstant) && !startsState.contains(param.name);
    ArrayRef<int64_t> logical = op.getTensorType().getShape();
    param.shape.assign(logical.begin(), logical.end());
    if (auto panels = dyn_cast_or_null<PanelsAttr>(op.getTensorType().getEncoding())) {
      param.layout = runtime::printLayout({static_cast<size_t>(panels.getAxis()), panels.getWidth()});
      param.shape = panelShape(param.shape, panels.getAxis(), panels.getWidth());
    }
    params.push_back(std::move(param));
  }
  return params;
}

/// Types of which a file may have either where the program has the other.
static std::optional<program::DType> convertibleType(Type element) {
  if (element.isF32())
    return program::DType::f32;
  return element.isBF16() ? std::optional(program::DType::bf16) : std::nullopt;
}

/// `data` in another element type: rounded to nearest even, or widened exactly.
static ParamData converted(const ParamData &data, Type element) {
  program::DType from = *convertibleType(data.type.getElementType()), to = *convertibleType(element);
  int64_t elements = data.type.getNumElements();
  auto bytes = std::make_shared<std::vector<char>>(elements * program::byteSize(to));
  runtime::convertElements(from, reinterpret_cast<const std::byte *>(data.bytes.data()), to,
                           reinterpret_cast<std::byte *>(bytes->data()), elements);
  return ParamData{RankedTensorType::get(data.type.getShape(), element), ArrayRef<char>(*bytes), bytes};
}

/// Whether `data` are in the stored order of `type`, as another artifact has them: told by their shape, which has one
/// dimension more than the row-major one.
static bool isStored(const ParamData &data, RankedTensorType type) {
  auto panels = dyn_cast_or_null<PanelsAttr>(type.getEncoding());
  return panels && data.type.getShape() == ArrayRef<int64_t>(panels.storedShape(type.getShape()));
}

/// The bytes of `op`'s value, from the module or from outside, perhaps in another precision, row-major or as stored.
static FailureOr<ParamData> sourceOf(ParamOp op, const ParamStore &params) {
  RankedTensorType type = op.getTensorType();
  auto plain = RankedTensorType::get(type.getShape(), type.getElementType());
  if (auto value = dyn_cast_or_null<DenseElementsAttr>(op.getValueAttr())) {
    auto bytes = std::make_shared<std::vector<char>>();
    ArrayRef<char> raw = value.getRawData();
    int64_t repeats = value.isSplat() ? type.getNumElements() : 1;
    if (type.getElementType().isInteger(1)) { // packed as bits in the attribute, stored as bytes
      for (bool element : value.getValues<bool>())
        bytes->push_back(element);
    } else {
      for (int64_t i = 0; i < repeats; ++i)
        bytes->insert(bytes->end(), raw.begin(), raw.end());
    }
    return ParamData{plain, ArrayRef<char>(*bytes), bytes};
  }
  const ParamData *data = params.find(op.getSymName());
  if (!data)
    return op.emitOpError() << "@" << op.getSymName()
                            << " has no data: expects them in the model or in the file given by --params";
  bool fits = data->type.getElementType() == type.getElementType() ||
              (convertibleType(data->type.getElementType()) && convertibleType(type.getElementType()));
  if ((data->type.getShape() != type.getShape() && !isStored(*data, type)) || !fits)
    return op.emitOpError() << "@" << op.getSymName() << " expects data of type " << plain << ", but got "
                            << data->type;
  return *data;
}

LogicalResult ingot::checkParams(ModuleOp module, const std::vector<runtime::ManifestParam> &used,
                                 const ParamStore &params) {
  LogicalResult result = success();
  for (const runtime::ManifestParam &param : used)
    if (failed(sourceOf(module.lookupSymbol<ParamOp>(param.name), params)))
      result = failure();
  return result;
}

LogicalResult ingot::withStoredBytes(ModuleOp module, StringRef name, const ParamStore &params,
                                     std::function<LogicalResult(ArrayRef<char>)> consume) {
  auto op = module.lookupSymbol<ParamOp>(name);
  FailureOr<ParamData> data = sourceOf(op, params);
  if (failed(data))
    return failure();
  RankedTensorType type = op.getTensorType();
  if (data->type.getElementType() != type.getElementType())
    data = converted(*data, type.getElementType());
  auto panels = dyn_cast_or_null<PanelsAttr>(op.getTensorType().getEncoding());
  if (!panels || isStored(*data, type))
    return consume(data->bytes);
  ArrayRef<int64_t> logical = op.getTensorType().getShape();
  std::vector<char> packed(data->bytes.size());
  packPanels(data->bytes.data(), packed.data(), {logical.begin(), logical.end()}, panels.getAxis(), panels.getWidth(),
             elementBytes(op.getTensorType()));
  return consume(packed);
}

std::string ingot::sha256(ArrayRef<char> bytes) {
  unsigned char digest[32];
  mbedtls_sha256_ret(reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(), digest, /*is224=*/0);
  return llvm::toHex(ArrayRef<uint8_t>(digest, 32), /*LowerCase=*/true);
}
