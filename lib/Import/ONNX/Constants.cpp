// Tensors from nothing or from a shape: Constant, ConstantOfShape, Shape, Size, Range, Trilu.
#include "Build.h"
#include "OpTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

/// Floats in a Constant node up to this many stay in the program's text; more are weights.
constexpr int64_t kMaxTextConstant = 4096;

LogicalResult importTensorConstant(Node &node, const onnx::TensorProto &tensor) {
  auto read = readTensor(node.owner().file(), tensor, "constant '" + printable(node.message().output(0)) + "'");
  if (failed(read))
    return failure();
  if (!read->data.type)
    return node.error() << "with elements of type " << dataTypeName(tensor.data_type()) << " is not supported yet";
  RankedTensorType type = read->data.type;
  int64_t count = type.getNumElements();
  bool isFloat = isa<FloatType>(type.getElementType());
  if ((!isFloat || count <= kMaxTextConstant) && node.mayFold(type.getShape()))
    return node.setResult(type, Literal::ofBytes(type.getElementType(), read->data.bytes));
  read->name = node.message().output(0);
  return node.setResult(0, {type, {}, nullptr, node.owner().keepConstant(std::move(*read))});
}

LogicalResult importConstant(Node &node) {
  if (node.message().attribute_size() != 1)
    return node.error() << "expects one attribute, but got " << node.message().attribute_size();
  if (node.hasAttr("value")) {
    const onnx::TensorProto *tensor = node.tensorAttr("value");
    return tensor ? importTensorConstant(node, *tensor) : failure();
  }
  auto scalar = [&](Type type) { return RankedTensorType::get({}, type); };
  if (node.hasAttr("value_int"))
    return node.setResult(scalar(node.b.getI64Type()), Literal::ofInts({node.intAttr("value_int", 0)}));
  if (node.hasAttr("value_float"))
    return node.setResult(scalar(node.b.getF32Type()), Literal::ofFloats({node.floatAttr("value_float", 0)}));
  if (node.hasAttr("value_ints")) {
    auto values = node.intsAttr("value_ints").value_or(SmallVector<int64_t>());
    auto type = RankedTensorType::get({static_cast<int64_t>(values.size())}, node.b.getI64Type());
    return node.setResult(type, Literal::ofInts({values.begin(), values.end()}));
  }
  return success(); // any other attribute is reported as not supported yet
}

LogicalResult importConstantOfShape(Node &node) {
  const Literal *shape = node.integers(0, "a shape");
  if (!shape)
    return failure();
  if (node.input(0).rank() != 1)
    return node.error() << "expects a shape of rank 1, but got " << node.input(0).type;
  Type element = node.b.getF32Type();
  Literal value = Literal::ofFloats({0.0});
  if (node.hasAttr("value")) {
    const onnx::TensorProto *tensor = node.tensorAttr("value");
    if (!tensor)
      return failure();
    auto read = readTensor(node.owner().file(), *tensor, "the value of ConstantOfShape");
    if (failed(read))
      return failure();
    if (!read->data.type || read->data.type.getNumElements() != 1)
      return node.error() << "expects a value of one element of a supported type";
    element = read->data.type.getElementType();
    value = Literal::ofBytes(element, read->data.bytes);
  }
  auto count = elementCount(shape->allInts());
  if (!count)
    return node.error() << "expects non-negative extents and at most 2^40 elements";
  auto type = RankedTensorType::get(shape->allInts(), element);
  if (node.mayFold(type.getShape()))
    return node.setResult(type, value.pick(*count, [](size_t) { return 0; }));
  auto attribute = value.toAttribute(RankedTensorType::get({}, element)).resizeSplat(type);
  return node.setResult(arith::ConstantOp::create(node.b, attribute));
}

LogicalResult importShape(Node &node) {
  Tensor &x = node.input(0);
  auto bound = [&](StringRef name, int64_t otherwise) {
    int64_t value = node.opset() >= 15 ? node.intAttr(name, otherwise) : otherwise;
    return std::clamp(value < 0 ? value + x.rank() : value, int64_t(0), x.rank());
  };
  int64_t start = bound("start", 0), end = std::max(start, bound("end", x.rank()));
  ArrayRef<int64_t> extents = x.shape().slice(start, end - start);
  auto type = RankedTensorType::get({end - start}, node.b.getI64Type());
  return node.setResult(type, Literal::ofInts(extents.vec()));
}

LogicalResult importSize(Node &node) {
  auto type = RankedTensorType::get({}, node.b.getI64Type());
  return node.setResult(type, Literal::ofInts({*elementCount(node.input(0).shape())}));
}

/// How many steps lead from start to limit; none if that cannot be told.
std::optional<int64_t> rangeCount(double start, double limit, double delta) {
  if (delta == 0 || !std::isfinite(start) || !std::isfinite(limit) || !std::isfinite(delta))
    return std::nullopt;
  double count = std::ceil((limit - start) / delta);
  if (!(count < static_cast<double>(kMaxElements)))
    return std::nullopt;
  return std::max<int64_t>(0, static_cast<int64_t>(count));
}

LogicalResult importRange(Node &node) {
  Type element = node.input(0).element();
  for (unsigned i = 0; i < 3; ++i) {
    Tensor &x = node.input(i);
    if (!x.literal)
      return node.error() << "with limits computed at run time is not supported yet";
    if (x.literal->size() != 1 || x.element() != element || x.isBool())
      return node.error() << "expects three numbers of one element type, but got " << x.type;
  }
  const Literal &start = *node.input(0).literal, &delta = *node.input(2).literal;
  auto count = rangeCount(start.number(0), node.input(1).literal->number(0), delta.number(0));
  if (!count || !node.mayFold({*count}))
    return node.error() << "expects a finite range of at most 2^22 elements";
  auto type = RankedTensorType::get({*count}, element);
  if (start.isFloat()) {
    std::vector<double> values(*count);
    for (int64_t i = 0; i < *count; ++i)
      values[i] = roundTo(element, start.floatAt(0) + i * delta.floatAt(0));
    return node.setResult(type, Literal::ofFloats(std::move(values)));
  }
  std::vector<int64_t> values(*count);
  for (int64_t i = 0; i < *count; ++i)
    values[i] = static_cast<int64_t>(static_cast<uint64_t>(start.intAt(0)) +
                                     static_cast<uint64_t>(i) * static_cast<uint64_t>(delta.intAt(0)));
  return node.setResult(type, Literal::ofInts(std::move(values)));
}

/// The diagonal of Trilu, far enough from overflow.
FailureOr<int64_t> diagonalOf(Node &node) {
  if (!node.hasInput(1))
    return 0;
  const Literal *diagonal = node.integers(1, "a diagonal");
  if (!diagonal)
    return failure();
  if (diagonal->size() != 1)
    return node.error() << "expects one diagonal, but got " << node.input(1).type, failure();
  return std::clamp(diagonal->intAt(0), -kMaxElements, kMaxElements);
}

/// Keeps the upper or lower triangle of the last two dimensions.
LogicalResult importTrilu(Node &node) {
  Tensor &x = node.input(0);
  bool upper = node.intAttr("upper", 1) != 0;
  auto k = diagonalOf(node);
  if (failed(k))
    return failure();
  if (x.rank() < 2)
    return node.error() << "expects rank 2 or more, but got " << x.type;
  ArrayRef<int64_t> plane = x.shape().take_back(2);
  auto kept = [&](size_t i) {
    int64_t column = i % plane[1], row = i / plane[1] % plane[0];
    return upper ? column >= row + *k : column <= row + *k;
  };
  if (x.literal && node.mayFold(x.shape())) {
    std::vector<int64_t> ints;
    std::vector<double> floats;
    for (size_t i = 0; i < x.literal->size(); ++i) {
      if (x.isFloat())
        floats.push_back(kept(i) ? x.literal->floatAt(i) : 0.0);
      else
        ints.push_back(kept(i) ? x.literal->intAt(i) : 0);
    }
    return node.setResult(x.type,
                          x.isFloat() ? Literal::ofFloats(std::move(floats)) : Literal::ofInts(std::move(ints)));
  }
  if (!node.mayFold(plane))
    return node.error() << "of this size is not supported yet";
  std::vector<int64_t> mask(*elementCount(plane));
  for (size_t i = 0; i < mask.size(); ++i)
    mask[i] = kept(i);
  auto maskType = RankedTensorType::get(plane, node.b.getI1Type());
  Tensor keep{maskType, {}, std::make_shared<const Literal>(Literal::ofInts(std::move(mask)))};
  Value zero = splat(node.b, x.type, 0);
  return node.setResult(arith::SelectOp::create(node.b, broadcast(node, keep, x.shape()), node.value(x), zero));
}

constexpr OpEntry kOps[] = {
    {"Constant", kFirstOpset, kLastOpset, 0, 0, 1, importConstant},
    {"ConstantOfShape", kFirstOpset, kLastOpset, 1, 1, 1, importConstantOfShape},
    {"Range", kFirstOpset, kLastOpset, 3, 3, 1, importRange},
    {"Shape", kFirstOpset, kLastOpset, 1, 1, 1, importShape},
    {"Size", kFirstOpset, kLastOpset, 1, 1, 1, importSize},
    {"Trilu", 14, kLastOpset, 1, 2, 1, importTrilu},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::constantOps() { return kOps; }
