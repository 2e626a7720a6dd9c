#include "Build.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {
/// Runs of dimensions of two shapes with equal products, in order.
struct Groups {
  SmallVector<ReassociationIndices> from, to;
  SmallVector<int64_t> products;
};
} // namespace

static Groups groupDims(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  Groups groups;
  if (llvm::is_contained(from, 0)) { // nothing to match: one group of everything
    groups.from.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(0, from.size())));
    groups.to.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(0, to.size())));
    groups.products.push_back(0);
    return groups;
  }
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    ReassociationIndices a{static_cast<int64_t>(i)}, b{static_cast<int64_t>(j)};
    int64_t left = from[i++], right = to[j++];
    while (left != right) {
      if (left < right) {
        a.push_back(i);
        left *= from[i++];
      } else {
        b.push_back(j);
        right *= to[j++];
      }
    }
    groups.from.push_back(a);
    groups.to.push_back(b);
    groups.products.push_back(left);
  }
  // Extents of 1 may be left on one side.
  for (; i < from.size() && !groups.from.empty(); ++i)
    groups.from.back().push_back(i);
  for (; j < to.size() && !groups.to.empty(); ++j)
    groups.to.back().push_back(j);
  return groups;
}

Value onnx_import::reshape(ImplicitLocOpBuilder &b, Value value, ArrayRef<int64_t> to) {
  RankedTensorType type = typeOf(value);
  ArrayRef<int64_t> from = type.getShape();
  if (from == to)
    return value;
  Groups groups = groupDims(from, to);
  auto several = [](const ReassociationIndices &group) { return group.size() > 1; };
  if (from.size() != groups.from.size() || llvm::any_of(groups.from, several))
    value = tensor::CollapseShapeOp::create(b, withShape(type, groups.products), value, groups.from);
  if (to.size() != groups.to.size() || llvm::any_of(groups.to, several))
    value = tensor::ExpandShapeOp::create(b, withShape(type, to), value, groups.to);
  return value;
}

Value onnx_import::transpose(ImplicitLocOpBuilder &b, Value value, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return value;
  return TransposeOp::create(b, value, permutation);
}

Value onnx_import::broadcast(ImplicitLocOpBuilder &b, Value value, ArrayRef<int64_t> to) {
  RankedTensorType type = typeOf(value);
  if (type.getShape() == to)
    return value;
  int64_t lead = static_cast<int64_t>(to.size()) - type.getRank();
  return BroadcastOp::create(b, withShape(type, to), value, llvm::to_vector(llvm::seq<int64_t>(lead, to.size())));
}

Value onnx_import::broadcast(Node &node, Tensor &tensor, ArrayRef<int64_t> to) {
  if (!tensor.value && tensor.literal && tensor.literal->isSplat()) {
    RankedTensorType type = withShape(tensor.type, to);
    auto attribute = tensor.literal->pick(1, [](size_t) { return 0; }).toAttribute(withShape(tensor.type, {}));
    return arith::ConstantOp::create(node.b, attribute.resizeSplat(type));
  }
  return broadcast(node.b, node.value(tensor), to);
}

Value onnx_import::splat(ImplicitLocOpBuilder &b, RankedTensorType type, double value) {
  auto attribute = Literal::splat(type.getElementType(), 1, value).toAttribute(withShape(type, {}));
  return arith::ConstantOp::create(b, attribute.resizeSplat(type));
}

FailureOr<SmallVector<int64_t>> onnx_import::broadcastShape(Node &node, ArrayRef<ArrayRef<int64_t>> shapes) {
  SmallVector<int64_t> result;
  for (ArrayRef<int64_t> shape : shapes) {
    if (shape.size() > result.size())
      result.insert(result.begin(), shape.size() - result.size(), 1);
    size_t lead = result.size() - shape.size();
    for (auto [i, extent] : llvm::enumerate(shape)) {
      int64_t &out = result[lead + i];
      if (out != extent && out != 1 && extent != 1)
        return node.error() << "expects shapes that broadcast, but got extents " << out << " and " << extent, failure();
      out = out == 1 ? extent : out;
    }
  }
  if (!elementCount(result))
    return node.error() << "makes a tensor of more than 2^40 elements", failure();
  return result;
}

Value onnx_import::slice(ImplicitLocOpBuilder &b, Value value, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                         ArrayRef<int64_t> strides) {
  RankedTensorType type = typeOf(value);
  if (type.getShape() == sizes)
    return value;
  auto attrs = [&](ArrayRef<int64_t> values) {
    return llvm::map_to_vector(values, [&](int64_t v) -> OpFoldResult { return b.getIndexAttr(v); });
  };
  // An empty part may lie at the end of the extent, where the operation allows no offset.
  SmallVector<int64_t> inside(offsets);
  for (auto [offset, size] : llvm::zip(inside, sizes))
    offset = size == 0 ? 0 : offset;
  return tensor::ExtractSliceOp::create(b, withShape(type, sizes), value, attrs(inside), attrs(sizes), attrs(strides));
}
