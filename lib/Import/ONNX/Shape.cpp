// The same elements in another shape or order: Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Expand, Tile, Concat.
#include "Build.h"
#include "OpTable.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

/// Ends a handler whose result has the elements of `x`, in order, as `shape`.
LogicalResult finishReshape(Node &node, Tensor &x, ArrayRef<int64_t> shape) {
  RankedTensorType type = withShape(x.type, shape);
  if (x.literal)
    return node.setResult(0, {type, {}, x.literal});
  return node.setResult(reshape(node.b, node.value(x), shape));
}

/// The extent that stands for -1, given all others.
FailureOr<int64_t> remainingExtent(Node &node, Tensor &x, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> others;
  llvm::copy_if(shape, std::back_inserter(others), [](int64_t extent) { return extent != -1; });
  auto product = elementCount(others);
  int64_t count = *elementCount(x.shape());
  if (!product || *product == 0 || count % *product != 0)
    return node.error() << "cannot infer -1: " << count << " elements do not fill the other extents", failure();
  return count / *product;
}

LogicalResult importReshape(Node &node) {
  Tensor &x = node.input(0);
  bool allowZero = node.opset() >= 14 && node.intAttr("allowzero", 0) != 0;
  const Literal *target = node.integers(1, "a shape");
  if (!target)
    return failure();
  SmallVector<int64_t> shape(target->allInts());
  for (auto [i, extent] : llvm::enumerate(shape)) {
    if (extent == 0 && !allowZero) {
      if (static_cast<int64_t>(i) >= x.rank())
        return node.error() << "copies dimension " << i << " of an input of rank " << x.rank();
      extent = x.shape()[i];
    }
    if (extent < -1)
      return node.error() << "expects extents of -1 or more, but got " << extent;
  }
  if (llvm::count(shape, -1) > 1)
    return node.error() << "expects at most one extent of -1, but got " << llvm::count(shape, -1);
  auto *inferred = llvm::find(shape, -1);
  if (inferred != shape.end()) {
    auto extent = remainingExtent(node, x, shape);
    if (failed(extent))
      return failure();
    *inferred = *extent;
  }
  auto count = elementCount(shape);
  if (!count || *count != *elementCount(x.shape()))
    return node.error() << "expects a shape of " << *elementCount(x.shape()) << " elements, but got "
                        << (count ? std::to_string(*count) : "too many");
  return finishReshape(node, x, shape);
}

LogicalResult importFlatten(Node &node) {
  Tensor &x = node.input(0);
  int64_t axis = node.intAttr("axis", 1);
  if (axis < -x.rank() || axis > x.rank())
    return node.error() << "expects an axis in [" << -x.rank() << ", " << x.rank() << "], but got " << axis;
  axis = axis < 0 ? axis + x.rank() : axis;
  int64_t rows = *elementCount(x.shape().take_front(axis)), columns = *elementCount(x.shape().drop_front(axis));
  return finishReshape(node, x, {rows, columns});
}

LogicalResult importSqueeze(Node &node) {
  Tensor &x = node.input(0);
  SmallVector<int64_t> given;
  if (node.hasInput(1)) {
    const Literal *axes = node.integers(1, "axes");
    if (!axes)
      return failure();
    given.assign(axes->allInts().begin(), axes->allInts().end());
  } else {
    for (auto [i, extent] : llvm::enumerate(x.shape()))
      if (extent == 1)
        given.push_back(i);
  }
  auto axes = node.axes(given, x.rank());
  if (failed(axes))
    return failure();
  SmallVector<int64_t> shape;
  for (auto [i, extent] : llvm::enumerate(x.shape())) {
    bool drop = llvm::is_contained(*axes, static_cast<int64_t>(i));
    if (drop && extent != 1)
      return node.error() << "expects extent 1 in dimension " << i << ", but got " << extent;
    if (!drop)
      shape.push_back(extent);
  }
  return finishReshape(node, x, shape);
}

LogicalResult importUnsqueeze(Node &node) {
  Tensor &x = node.input(0);
  const Literal *given = node.integers(1, "axes");
  if (!given)
    return failure();
  int64_t rank = x.rank() + static_cast<int64_t>(given->size());
  auto axes = node.axes(given->allInts(), rank);
  if (failed(axes))
    return failure();
  SmallVector<int64_t> shape;
  for (int64_t i = 0, next = 0; i < rank; ++i)
    shape.push_back(llvm::is_contained(*axes, i) ? 1 : x.shape()[next++]);
  return finishReshape(node, x, shape);
}

LogicalResult importTranspose(Node &node) {
  Tensor &x = node.input(0);
  SmallVector<int64_t> reversed = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, x.rank())));
  SmallVector<int64_t> permutation = node.intsAttr("perm").value_or(reversed);
  SmallVector<int64_t> sorted = permutation;
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, x.rank())))
    return node.error() << "expects a permutation of " << x.rank() << " dimensions";
  SmallVector<int64_t> shape, strides, source = rowMajorStrides(x.shape());
  for (int64_t dim : permutation) {
    shape.push_back(x.shape()[dim]);
    strides.push_back(source[dim]);
  }
  if (x.literal && node.mayFold(shape))
    return node.setResult(withShape(x.type, shape), x.literal->pick(x.literal->size(), StridedView{shape, strides}));
  return node.setResult(transpose(node.b, node.value(x), permutation));
}

LogicalResult broadcastTo(Node &node, Tensor &x, ArrayRef<int64_t> shape) {
  if (x.literal && node.mayFold(shape))
    return node.setResult(withShape(x.type, shape),
                          x.literal->pick(*elementCount(shape), broadcastView(x.shape(), shape)));
  return node.setResult(broadcast(node, x, shape));
}

LogicalResult importExpand(Node &node) {
  Tensor &x = node.input(0);
  const Literal *target = node.integers(1, "a shape");
  if (!target)
    return failure();
  if (!elementCount(target->allInts()))
    return node.error() << "expects non-negative extents and at most 2^40 elements";
  auto shape = broadcastShape(node, {x.shape(), target->allInts()});
  return failed(shape) ? failure() : broadcastTo(node, x, *shape);
}

LogicalResult importTile(Node &node) {
  Tensor &x = node.input(0);
  const Literal *repeats = node.integers(1, "repeats");
  if (!repeats)
    return failure();
  if (static_cast<int64_t>(repeats->size()) != x.rank())
    return node.error() << "expects " << x.rank() << " repeats, but got " << repeats->size();
  // [a, b] becomes [1, a, 1, b], is broadcast to [r, a, s, b] and read as [r * a, s * b].
  SmallVector<int64_t> apart, wide, shape;
  for (auto [extent, times] : llvm::zip(x.shape(), repeats->allInts())) {
    if (times < 0 || times > kMaxElements)
      return node.error() << "expects repeats in [0, 2^40], but got " << times;
    apart.append({1, extent});
    wide.append({times, extent});
    shape.push_back(extent == 0 ? 0 : times > kMaxElements / extent ? kMaxElements + 1 : times * extent);
  }
  if (!elementCount(shape))
    return node.error() << "makes a tensor of more than 2^40 elements";
  if (x.literal && node.mayFold(shape)) {
    Literal repeated = x.literal->pick(*elementCount(shape), broadcastView(apart, wide));
    return node.setResult(withShape(x.type, shape), std::move(repeated));
  }
  return node.setResult(reshape(node.b, broadcast(node.b, reshape(node.b, node.value(x), apart), wide), shape));
}

/// Known parts one after the other.
Literal concatenate(ArrayRef<Tensor *> parts, ArrayRef<int64_t> shape, int64_t axis) {
  int64_t outer = *elementCount(shape.take_front(axis));
  std::vector<int64_t> ints;
  std::vector<double> floats;
  for (int64_t row = 0; row < outer; ++row)
    for (Tensor *part : parts) {
      int64_t length = *elementCount(part->shape().drop_front(axis));
      for (int64_t i = row * length; i < (row + 1) * length; ++i) {
        if (part->isFloat())
          floats.push_back(part->literal->floatAt(i));
        else
          ints.push_back(part->literal->intAt(i));
      }
    }
  return parts[0]->isFloat() ? Literal::ofFloats(std::move(floats)) : Literal::ofInts(std::move(ints));
}

LogicalResult importConcat(Node &node) {
  if (!node.hasAttr("axis"))
    return node.error() << "expects an axis";
  RankedTensorType first = node.input(0).type;
  auto axis = node.axis(node.intAttr("axis", 0), first.getRank());
  if (failed(axis))
    return failure();
  SmallVector<Tensor *> parts;
  SmallVector<int64_t> shape(first.getShape());
  shape[*axis] = 0;
  for (unsigned i = 0; i < node.numInputs(); ++i) {
    if (!node.hasInput(i))
      return node.error() << "expects inputs without gaps, but input " << i << " is empty";
    Tensor &part = node.input(i);
    SmallVector<int64_t> expected(shape);
    if (part.rank() == first.getRank())
      expected[*axis] = part.shape()[*axis];
    if (part.element() != first.getElementType() || part.shape() != ArrayRef<int64_t>(expected))
      return node.error() << "expects inputs that differ in dimension " << *axis << " only, but got " << first
                          << " and " << part.type;
    shape[*axis] += part.shape()[*axis];
    parts.push_back(&part);
  }
  if (!elementCount(shape))
    return node.error() << "makes a tensor of more than 2^40 elements";
  auto known = [](Tensor *part) { return part->literal != nullptr; };
  if (llvm::all_of(parts, known) && node.mayFold(shape))
    return node.setResult(withShape(first, shape), concatenate(parts, shape, *axis));
  if (parts.size() == 1)
    return node.setResult(0, *parts[0]);
  SmallVector<Value> values = llvm::map_to_vector(parts, [&](Tensor *part) { return node.value(*part); });
  return node.setResult(tensor::ConcatOp::create(node.b, withShape(first, shape), *axis, values));
}

constexpr OpEntry kOps[] = {
    {"Concat", kFirstOpset, kLastOpset, 1, kAnyNumber, 1, importConcat},
    {"Expand", kFirstOpset, kLastOpset, 2, 2, 1, importExpand},
    {"Flatten", kFirstOpset, kLastOpset, 1, 1, 1, importFlatten},
    {"Reshape", kFirstOpset, kLastOpset, 2, 2, 1, importReshape},
    {"Squeeze", kFirstWithInputs, kLastOpset, 1, 2, 1, importSqueeze},
    {"Tile", kFirstOpset, kLastOpset, 2, 2, 1, importTile},
    {"Transpose", kFirstOpset, kLastOpset, 1, 1, 1, importTranspose},
    {"Unsqueeze", kFirstWithInputs, kLastOpset, 2, 2, 1, importUnsqueeze},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::shapeOps() { return kOps; }
