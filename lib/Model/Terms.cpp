#include "Terms.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

bool Term::variesAlong(int64_t dim) const {
  return llvm::any_of(access, [&](const DimAccess &a) { return a.dim == dim; });
}

//===----------------------------------------------------------------------===//
// Looking through views
//===----------------------------------------------------------------------===//

namespace {

using Accesses = SmallVector<DimAccess>;

std::optional<Accesses> throughBroadcast(BroadcastOp op, const Accesses &result) {
  Accesses source;
  for (auto [i, dim] : llvm::enumerate(op.getDims()))
    source.push_back(tensorType(op.getInput()).getDimSize(i) == 1 ? DimAccess() : result[dim]);
  return source;
}

std::optional<Accesses> throughTranspose(TransposeOp op, const Accesses &result) {
  Accesses source(result.size());
  for (auto [i, dim] : llvm::enumerate(op.getPermutation()))
    source[dim] = result[i];
  return source;
}

/// A source dimension is the row-major number of its group of result dimensions; at most one of them may vary.
std::optional<Accesses> throughExpand(tensor::ExpandShapeOp op, const Accesses &result) {
  Accesses source;
  auto type = cast<RankedTensorType>(op.getType());
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    DimAccess access;
    int64_t stride = 1;
    for (int64_t dim : llvm::reverse(group)) {
      access.offset += stride * result[dim].offset;
      if (result[dim].varies()) {
        if (access.varies())
          return std::nullopt;
        access.dim = result[dim].dim;
        access.stride = stride * result[dim].stride;
      }
      stride *= type.getDimSize(dim);
    }
    source.push_back(access);
  }
  return source;
}

/// The result index of a group is split into the indices of its source dimensions, innermost first.
std::optional<Accesses> throughCollapse(tensor::CollapseShapeOp op, const Accesses &result) {
  auto type = cast<RankedTensorType>(op.getSrcType());
  Accesses source(type.getRank());
  for (auto [i, group] : llvm::enumerate(op.getReassociationIndices())) {
    DimAccess rest = result[i];
    SmallVector<int64_t> wide;
    for (int64_t dim : group)
      if (type.getDimSize(dim) != 1)
        wide.push_back(dim);
    while (!wide.empty()) {
      int64_t dim = wide.pop_back_val(), extent = type.getDimSize(dim);
      if (wide.empty()) {
        source[dim] = rest;
      } else if (rest.stride % extent == 0) {
        source[dim].offset = rest.offset % extent;
        rest.offset /= extent;
        rest.stride /= extent;
      } else {
        return std::nullopt;
      }
    }
  }
  return source;
}

std::optional<Accesses> throughSlice(tensor::ExtractSliceOp op, const Accesses &result) {
  if (!op.hasUnitStride() && llvm::any_of(op.getStaticStrides(), ShapedType::isDynamic))
    return std::nullopt;
  if (llvm::any_of(op.getStaticOffsets(), ShapedType::isDynamic) || !cast<ShapedType>(op.getType()).hasStaticShape())
    return std::nullopt;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  Accesses source;
  size_t next = 0;
  for (auto [i, offset, stride] : llvm::enumerate(op.getStaticOffsets(), op.getStaticStrides())) {
    DimAccess access = dropped.test(i) ? DimAccess() : result[next++];
    access.offset = offset + stride * access.offset;
    access.stride *= stride;
    source.push_back(access);
  }
  return source;
}

} // namespace

Term model::peel(Term term) {
  while (Operation *op = term.value.getDefiningOp()) {
    std::optional<Accesses> source;
    if (auto broadcast = dyn_cast<BroadcastOp>(op))
      source = throughBroadcast(broadcast, term.access);
    else if (auto transpose = dyn_cast<TransposeOp>(op))
      source = throughTranspose(transpose, term.access);
    else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      source = throughExpand(expand, term.access);
    else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
      source = throughCollapse(collapse, term.access);
    else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
      source = throughSlice(slice, term.access);
    if (!source)
      break;
    term = {op->getOperand(0), std::move(*source)};
  }
  return term;
}

Term model::termOf(Value value) {
  Term term{value, {}};
  for (auto [dim, extent] : llvm::enumerate(tensorType(value).getShape()))
    term.access.push_back(extent == 1 ? DimAccess() : DimAccess{static_cast<int64_t>(dim), 0, 1});
  return peel(std::move(term));
}

Term model::operandTerm(const Term &term, Value operand) { return peel({operand, term.access}); }

std::optional<double> model::splatNumber(const Term &term) {
  SplatElementsAttr splat;
  if (!matchPattern(term.value, m_Constant(&splat)))
    return std::nullopt;
  if (isa<FloatType>(splat.getElementType()))
    return splat.getSplatValue<APFloat>().convertToDouble();
  if (splat.getElementType().isInteger(1))
    return splat.getSplatValue<bool>();
  if (isa<IntegerType>(splat.getElementType()))
    return static_cast<double>(splat.getSplatValue<APInt>().getSExtValue());
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Building values
//===----------------------------------------------------------------------===//

/// Groups of dimensions of both shapes with equal element counts, as fine as possible.
static void commonGroups(ArrayRef<int64_t> from, ArrayRef<int64_t> to, SmallVector<ReassociationIndices> &fromGroups,
                         SmallVector<ReassociationIndices> &toGroups, SmallVector<int64_t> &extents) {
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    ReassociationIndices left = {static_cast<int64_t>(i)}, right = {static_cast<int64_t>(j)};
    int64_t a = from[i++], b = to[j++];
    while (a != b) {
      if (a < b) {
        left.push_back(i);
        a *= from[i++];
      } else {
        right.push_back(j);
        b *= to[j++];
      }
    }
    fromGroups.push_back(left);
    toGroups.push_back(right);
    extents.push_back(a);
  }
  // What is left on one side are extents of 1: they join the last group.
  for (; i < from.size(); ++i)
    fromGroups.back().push_back(i);
  for (; j < to.size(); ++j)
    toGroups.back().push_back(j);
}

Value model::reshapeTo(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> shape) {
  auto type = tensorType(value);
  if (type.getShape() == shape)
    return value;
  auto target = type.clone(shape);
  if (type.getRank() == 0)
    return tensor::ExpandShapeOp::create(b, loc, target, value, ArrayRef<ReassociationIndices>());
  if (shape.empty())
    return tensor::CollapseShapeOp::create(b, loc, target, value, ArrayRef<ReassociationIndices>());
  SmallVector<ReassociationIndices> fromGroups, toGroups;
  SmallVector<int64_t> extents;
  commonGroups(type.getShape(), shape, fromGroups, toGroups, extents);
  auto middle = type.clone(extents);
  if (middle != type)
    value = tensor::CollapseShapeOp::create(b, loc, middle, value, fromGroups);
  if (middle != target)
    value = tensor::ExpandShapeOp::create(b, loc, target, value, toGroups);
  return value;
}

Value model::transposeTo(OpBuilder &b, Location loc, Value value, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return value;
  return TransposeOp::create(b, loc, value, permutation);
}

/// The part of the term's value that the space reaches: a slice, unless that is everything.
static Value sliceReached(OpBuilder &b, Location loc, const Term &term, ArrayRef<int64_t> space) {
  auto type = tensorType(term.value);
  SmallVector<OpFoldResult> offsets, sizes, strides;
  bool all = true;
  for (auto [i, access] : llvm::enumerate(term.access)) {
    int64_t size = access.varies() ? space[access.dim] : 1, stride = access.varies() ? access.stride : 1;
    offsets.push_back(b.getIndexAttr(access.offset));
    sizes.push_back(b.getIndexAttr(size));
    strides.push_back(b.getIndexAttr(stride));
    all &= size == type.getDimSize(i);
  }
  return all ? term.value : Value(tensor::ExtractSliceOp::create(b, loc, term.value, offsets, sizes, strides));
}

/// For each entry of `dims` the dimension of the term's value that is indexed by it, or one of extent 1 that is left
/// over; then the rest. Nothing if the term varies otherwise.
static std::optional<SmallVector<int64_t>> orderOf(const Term &term, ArrayRef<int64_t> dims) {
  SmallVector<int64_t> units, order;
  for (auto [i, access] : llvm::enumerate(term.access)) {
    if (!access.varies())
      units.push_back(i);
    else if (!llvm::is_contained(dims, access.dim) || access.stride < 1)
      return std::nullopt;
  }
  for (int64_t dim : dims) {
    size_t before = order.size();
    for (auto [i, access] : llvm::enumerate(term.access))
      if (access.dim == dim)
        order.push_back(i);
    if (order.size() > before + 1)
      return std::nullopt;
    if (order.size() == before && !units.empty()) {
      order.push_back(units.front());
      units.erase(units.begin());
    }
  }
  llvm::append_range(order, units);
  return order;
}

Value model::materialize(OpBuilder &b, Location loc, const Term &term, ArrayRef<int64_t> dims,
                         ArrayRef<int64_t> space) {
  auto order = orderOf(term, dims);
  if (!order)
    return {};
  SmallVector<int64_t> shape =
      llvm::map_to_vector(dims, [&](int64_t dim) { return term.variesAlong(dim) ? space[dim] : 1; });
  Value value = sliceReached(b, loc, term, space);
  // Dimensions of extent 1 can stand anywhere: leave the value alone unless the others change places.
  SmallVector<int64_t> wide;
  for (int64_t dim : *order)
    if (tensorType(value).getDimSize(dim) != 1)
      wide.push_back(dim);
  if (!llvm::is_sorted(wide))
    value = transposeTo(b, loc, value, *order);
  return reshapeTo(b, loc, value, shape);
}

Value model::materializeFull(OpBuilder &b, Location loc, const Term &term, ArrayRef<int64_t> dims,
                             ArrayRef<int64_t> space) {
  Value value = materialize(b, loc, term, dims, space);
  if (!value)
    return {};
  SmallVector<int64_t> shape = llvm::map_to_vector(dims, [&](int64_t dim) { return space[dim]; });
  auto type = tensorType(value);
  if (type.getShape() == ArrayRef<int64_t>(shape))
    return value;
  return BroadcastOp::create(b, loc, type.clone(shape), value, llvm::to_vector(llvm::seq<int64_t>(0, shape.size())));
}
