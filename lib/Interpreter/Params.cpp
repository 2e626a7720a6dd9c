#include "ingot/Interpreter/Params.h"

#include "dialects/Task/Task.h"
#include "runtime/formats/Safetensors.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

static Element fromDType(program::DType dtype) {
  switch (dtype) {
  case program::DType::i1:
    return Element::i1;
  case program::DType::i8:
    return Element::i8;
  case program::DType::i32:
    return Element::i32;
  case program::DType::i64:
    return Element::i64;
  case program::DType::f16:
    return Element::f16;
  case program::DType::bf16:
    return Element::bf16;
  case program::DType::f32:
    return Element::f32;
  case program::DType::f64:
    return Element::f64;
  }
  llvm_unreachable("unknown dtype");
}

std::optional<ParamProvider> ingot::interpreter::safetensorsParams(StringRef path, std::string &error) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer) {
    error = "cannot read '" + path.str() + "': " + buffer.getError().message();
    return std::nullopt;
  }
  // The parsed tensors point into the buffer; the provider owns both.
  std::shared_ptr<llvm::MemoryBuffer> file = std::move(*buffer);
  auto parsed =
      runtime::Safetensors::parse({reinterpret_cast<const std::byte *>(file->getBufferStart()), file->getBufferSize()});
  if (!parsed.ok()) {
    error = path.str() + ": " + parsed.status().message();
    return std::nullopt;
  }
  auto tensors = std::make_shared<runtime::Safetensors>(std::move(parsed).value());
  return [file, tensors](StringRef name) -> std::optional<Array> {
    const runtime::SafetensorsTensor *tensor = tensors->find(name.str());
    if (!tensor || !tensor->dtype)
      return std::nullopt;
    return Array::ofBytes(fromDType(*tensor->dtype), tensor->shape, tensor->data.data());
  };
}

/// FNV-1a: stable over runs and machines, which llvm::hash_value is not.
static uint64_t hashOf(StringRef text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : text)
    hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

Array RandomValues::draw(StringRef name, Element element, ArrayRef<int64_t> shape) const {
  Random random(seed * 0x9e3779b97f4a7c15 ^ hashOf(name));
  Array array = Array::uninitialized(element, shape);
  for (int64_t i = 0, e = array.numElements(); i < e; ++i) {
    Cell &cell = array.data()[i];
    if (isFloat(element))
      cell.f = roundTo(element, 2 * random.unit() - 1);
    else if (element == Element::i1)
      cell.i = static_cast<int64_t>(random.below(2));
    else
      cell.i = wrapTo(element, intBegin + static_cast<int64_t>(random.below(std::max<int64_t>(intEnd - intBegin, 1))));
  }
  return array;
}

ParamProvider ingot::interpreter::randomParams(ModuleOp module, RandomValues values) {
  return [=](StringRef name) mutable -> std::optional<Array> {
    ShapedType type;
    if (auto declaration = module.lookupSymbol<ParamOp>(name))
      type = declaration.getTensorType();
    else
      module.walk([&](task::BufferOp buffer) {
        if (buffer.getKind() == task::BufferKind::Param && buffer.getName() == name)
          type = buffer.getMemRefType();
      });
    auto element = type ? interpreter::elementOf(type.getElementType()) : std::nullopt;
    if (!element)
      return std::nullopt;
    return values.draw(name, *element, type.getShape());
  };
}

Arrays ingot::interpreter::randomInputs(const Signature &signature, const RandomValues &values) {
  Arrays inputs;
  for (const Port &port : signature.inputs)
    inputs[port.name] = values.draw(port.name, port.element, port.shape);
  return inputs;
}
