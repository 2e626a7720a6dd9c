#include "Importer.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;
using onnx::AttributeProto;

Node::Node(Importer &importer, const onnx::NodeProto &proto, Location loc)
    : b(loc, importer.builder), importer(importer), proto(proto) {}

InFlightDiagnostic Node::error() {
  failed = true;
  return b.emitError() << printable(proto.op_type()) << " ";
}

Tensor &Node::input(unsigned i) {
  assert(hasInput(i) && "handlers ask for optional inputs first");
  return *importer.find(proto.input(i));
}

const Literal *Node::integers(unsigned i, StringRef what) {
  Tensor &tensor = input(i);
  if (tensor.isFloat() || tensor.isBool()) {
    error() << "expects integers as " << what << ", but got " << tensor.type;
    return nullptr;
  }
  if (tensor.rank() > 1) {
    error() << "expects " << what << " of rank at most 1, but got " << tensor.type;
    return nullptr;
  }
  if (!tensor.literal)
    error() << "with " << what << " computed at run time is not supported yet";
  return tensor.literal.get();
}

LogicalResult Node::setResult(unsigned i, Tensor tensor) {
  if (!elementCount(tensor.shape()))
    return error() << "makes a tensor of more than 2^40 elements: " << tensor.type;
  if (hasOutput(i))
    importer.tensors[proto.output(i)] = std::move(tensor);
  return success();
}

LogicalResult Node::setResult(RankedTensorType type, Literal literal) {
  return setResult(0, {type, {}, std::make_shared<const Literal>(std::move(literal))});
}

bool Node::mayFold(ArrayRef<int64_t> shape) {
  auto count = elementCount(shape);
  return count && importer.mayFold(*count);
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

const AttributeProto *Node::find(StringRef name) const {
  for (const AttributeProto &attribute : proto.attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

const AttributeProto *Node::find(StringRef name, AttributeProto::AttributeType type) {
  read.insert(name);
  const AttributeProto *attribute = find(name);
  if (!attribute || attribute->type() == type)
    return attribute;
  std::string got = attribute->has_type() ? AttributeProto::AttributeType_Name(attribute->type()) : "an unknown type";
  error() << "expects attribute '" << name << "' of type " << AttributeProto::AttributeType_Name(type) << ", but got "
          << got;
  return nullptr;
}

int64_t Node::intAttr(StringRef name, int64_t otherwise) {
  const AttributeProto *attribute = find(name, AttributeProto::INT);
  return attribute ? attribute->i() : otherwise;
}

double Node::floatAttr(StringRef name, double otherwise) {
  const AttributeProto *attribute = find(name, AttributeProto::FLOAT);
  return attribute ? attribute->f() : otherwise;
}

std::string Node::stringAttr(StringRef name, StringRef otherwise) {
  const AttributeProto *attribute = find(name, AttributeProto::STRING);
  return attribute ? attribute->s() : otherwise.str();
}

std::optional<SmallVector<int64_t>> Node::intsAttr(StringRef name) {
  const AttributeProto *attribute = find(name, AttributeProto::INTS);
  if (!attribute)
    return std::nullopt;
  return SmallVector<int64_t>(attribute->ints().begin(), attribute->ints().end());
}

std::vector<std::string> Node::stringsAttr(StringRef name) {
  const AttributeProto *attribute = find(name, AttributeProto::STRINGS);
  if (!attribute)
    return {};
  return {attribute->strings().begin(), attribute->strings().end()};
}

const onnx::TensorProto *Node::tensorAttr(StringRef name) {
  const AttributeProto *attribute = find(name, AttributeProto::TENSOR);
  return attribute ? &attribute->t() : nullptr;
}

LogicalResult Node::checkAttributes() {
  llvm::StringSet<> seen;
  for (const AttributeProto &attribute : proto.attribute()) {
    if (!seen.insert(attribute.name()).second)
      error() << "has the attribute '" << printable(attribute.name()) << "' twice";
    // An attribute that no handler knows may change what the node computes.
    else if (!read.contains(attribute.name()))
      error() << "with attribute '" << printable(attribute.name()) << "' is not supported yet";
  }
  return success(!failed);
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

FailureOr<int64_t> Node::axis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return error() << "expects an axis in [" << -rank << ", " << rank << "), but got " << axis, failure();
  return axis < 0 ? axis + rank : axis;
}

FailureOr<SmallVector<int64_t>> Node::axes(ArrayRef<int64_t> given, int64_t rank) {
  SmallVector<int64_t> result;
  for (int64_t one : given) {
    auto resolved = axis(one, rank);
    if (mlir::failed(resolved))
      return failure();
    result.push_back(*resolved);
  }
  llvm::sort(result);
  if (std::adjacent_find(result.begin(), result.end()) != result.end())
    return error() << "expects unique axes, but got one twice", failure();
  return result;
}
