// Parts of a tensor: Gather, Slice, Split.
#include "Build.h"
#include "OpTable.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

struct SliceRange {
  SmallVector<int64_t> offsets, sizes, strides;
};

SliceRange wholeRange(Tensor &x) {
  return {SmallVector<int64_t>(x.rank(), 0), SmallVector<int64_t>(x.shape()), SmallVector<int64_t>(x.rank(), 1)};
}

/// The part `range` of `x`; strides may be negative where the elements are known.
FailureOr<Tensor> takeSlice(Node &node, Tensor &x, const SliceRange &range) {
  RankedTensorType type = withShape(x.type, range.sizes);
  if (x.literal && node.mayFold(range.sizes)) {
    SmallVector<int64_t> source = rowMajorStrides(x.shape());
    StridedView view{range.sizes, {}};
    for (auto [offset, stride, step] : llvm::zip(range.offsets, range.strides, source)) {
      view.strides.push_back(stride * step);
      view.offset += offset * step;
    }
    auto literal = std::make_shared<const Literal>(x.literal->pick(*elementCount(range.sizes), view));
    return Tensor{type, {}, literal};
  }
  if (llvm::any_of(range.strides, [](int64_t stride) { return stride < 0; }))
    return node.error() << "with negative steps is not supported yet", failure();
  return Tensor{type, slice(node.b, node.value(x), range.offsets, range.sizes, range.strides), nullptr};
}

/// One dimension of Slice: ONNX clamps start and end to the extent.
void setSlice(SliceRange &range, int64_t axis, int64_t extent, int64_t start, int64_t end, int64_t step) {
  // Clamping first keeps INT64_MIN and INT64_MAX, which exporters write for "to the end", from overflowing.
  auto fromEnd = [&](int64_t position) {
    return position < 0 ? std::max(position, -extent - 1) + extent : std::min(position, extent);
  };
  start = std::clamp<int64_t>(fromEnd(start), 0, step > 0 ? extent : std::max<int64_t>(extent - 1, 0));
  end = std::clamp<int64_t>(fromEnd(end), step > 0 ? 0 : -1, extent);
  int64_t distance = step > 0 ? end - start : start - end;
  int64_t stride = step > 0 ? step : -std::max(step, -kMaxElements);
  range.offsets[axis] = start;
  range.sizes[axis] = extent == 0 || distance <= 0 ? 0 : (distance - 1) / stride + 1;
  // With one element the step is never taken; 1 keeps later checks of bounds simple.
  range.strides[axis] = range.sizes[axis] <= 1 ? 1 : std::max(std::min(step, kMaxElements), -kMaxElements);
  if (range.sizes[axis] == 0)
    range.offsets[axis] = 0;
}

LogicalResult importSlice(Node &node) {
  Tensor &x = node.input(0);
  const Literal *starts = node.integers(1, "starts"), *ends = node.integers(2, "ends");
  const Literal *axes = node.hasInput(3) ? node.integers(3, "axes") : nullptr;
  const Literal *steps = node.hasInput(4) ? node.integers(4, "steps") : nullptr;
  if (node.failedBefore())
    return failure();
  size_t count = starts->size();
  if (ends->size() != count || (axes && axes->size() != count) || (steps && steps->size() != count))
    return node.error() << "expects as many ends, axes and steps as starts (" << count << ")";
  SliceRange range = wholeRange(x);
  llvm::SmallDenseSet<int64_t> seen;
  for (size_t i = 0; i < count; ++i) {
    auto axis = node.axis(axes ? axes->intAt(i) : static_cast<int64_t>(i), x.rank());
    if (failed(axis))
      return failure();
    if (!seen.insert(*axis).second)
      return node.error() << "expects unique axes, but got " << *axis << " twice";
    int64_t step = steps ? steps->intAt(i) : 1;
    if (step == 0)
      return node.error() << "expects steps other than 0";
    setSlice(range, *axis, x.shape()[*axis], starts->intAt(i), ends->intAt(i), step);
  }
  auto result = takeSlice(node, x, range);
  return failed(result) ? failure() : node.setResult(0, std::move(*result));
}

/// The sizes of the parts: given, or equal ones with a smaller last part where the extent does not divide (opset 18).
FailureOr<SmallVector<int64_t>> splitSizes(Node &node, int64_t extent) {
  int64_t parts = node.numOutputs();
  if (node.hasInput(1)) {
    const Literal *split = node.integers(1, "sizes of the parts");
    if (!split)
      return failure();
    SmallVector<int64_t> sizes(split->allInts());
    int64_t rest = extent;
    for (int64_t size : sizes) {
      if (size < 0 || size > rest)
        return node.error() << "expects sizes that sum to " << extent, failure();
      rest -= size;
    }
    if (rest != 0 || static_cast<int64_t>(sizes.size()) != parts)
      return node.error() << "expects " << parts << " sizes that sum to " << extent, failure();
    return sizes;
  }
  if (node.opset() >= 18 && node.intAttr("num_outputs", parts) != parts)
    return node.error() << "expects " << parts << " as num_outputs, but got " << node.intAttr("num_outputs", parts),
           failure();
  int64_t size = (extent + parts - 1) / parts;
  if (extent % parts != 0 && (node.opset() < 18 || size * (parts - 1) > extent))
    return node.error() << "cannot split extent " << extent << " into " << parts << " parts", failure();
  SmallVector<int64_t> sizes(parts, size);
  sizes.back() = extent - size * (parts - 1);
  return sizes;
}

LogicalResult importSplit(Node &node) {
  Tensor &x = node.input(0);
  auto axis = node.axis(node.intAttr("axis", 0), x.rank());
  if (failed(axis))
    return failure();
  auto sizes = splitSizes(node, x.shape()[*axis]);
  if (failed(sizes))
    return failure();
  SliceRange range = wholeRange(x);
  range.offsets[*axis] = 0;
  for (auto [i, size] : llvm::enumerate(*sizes)) {
    range.sizes[*axis] = size;
    if (node.hasOutput(i)) {
      auto part = takeSlice(node, x, range);
      if (failed(part) || failed(node.setResult(i, std::move(*part))))
        return failure();
    }
    range.offsets[*axis] += size;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

/// Known indices in [0, extent), counted from the end where negative.
FailureOr<Literal> resolveIndices(Node &node, const Literal &indices, int64_t extent) {
  std::vector<int64_t> resolved(indices.allInts());
  for (int64_t &index : resolved) {
    if (index < -extent || index >= extent)
      return node.error() << "expects indices in [" << -extent << ", " << extent << "), but got " << index, failure();
    index = index < 0 ? index + extent : index;
  }
  return Literal::ofInts(std::move(resolved));
}

/// Elements of a known tensor at known indices.
Literal gatherLiteral(Tensor &x, const Literal &indices, int64_t axis, ArrayRef<int64_t> shape) {
  size_t inner = *elementCount(x.shape().drop_front(axis + 1)), extent = x.shape()[axis], picked = indices.size();
  return x.literal->pick(*elementCount(shape), [&](size_t i) {
    size_t column = i % inner, which = i / inner % picked, row = i / inner / picked;
    return (row * extent + indices.intAt(which)) * inner + column;
  });
}

/// Indices known only at run time, counted from the end where negative. Token and position numbers are never negative,
/// and the runtime checks tokens before a step, so the inputs of these names are taken as they are.
Value wrapIndices(Node &node, Tensor &indices, int64_t extent) {
  StringRef name = node.message().input(1);
  Value value = node.value(indices);
  bool isNumber = name == "input_ids" || name == "position_ids" || name == "token_type_ids";
  if (isNumber && isa<BlockArgument>(value))
    return value;
  Value shifted = arith::AddIOp::create(node.b, value, splat(node.b, indices.type, static_cast<double>(extent)));
  Value zero = splat(node.b, indices.type, 0);
  Value negative = arith::CmpIOp::create(node.b, arith::CmpIPredicate::slt, value, zero);
  return arith::SelectOp::create(node.b, negative, shifted, value);
}

/// Gather along the first dimension, which other axes are turned to.
Value gatherRows(Node &node, Value table, int64_t axis, Value indices) {
  int64_t rank = typeOf(table).getRank(), indexRank = typeOf(indices).getRank();
  SmallVector<int64_t> toFront = {axis};
  for (int64_t dim = 0; dim < rank; ++dim)
    if (dim != axis)
      toFront.push_back(dim);
  Value rows = GatherOp::create(node.b, transpose(node.b, table, toFront), indices);
  // rows: [indices..., dims before axis, dims after]; wanted: [before, indices..., after].
  SmallVector<int64_t> back;
  for (int64_t dim = 0; dim < axis; ++dim)
    back.push_back(indexRank + dim);
  for (int64_t dim = 0; dim < indexRank; ++dim)
    back.push_back(dim);
  for (int64_t dim = indexRank + axis; dim < indexRank + rank - 1; ++dim)
    back.push_back(dim);
  return transpose(node.b, rows, back);
}

LogicalResult importGather(Node &node) {
  Tensor &x = node.input(0);
  Tensor indices = node.input(1);
  auto axis = node.axis(node.intAttr("axis", 0), x.rank());
  if (failed(axis))
    return failure();
  if (!indices.element().isInteger(32) && !indices.element().isInteger(64))
    return node.error() << "expects int32 or int64 indices, but got " << indices.type;
  SmallVector<int64_t> shape(x.shape().take_front(*axis));
  llvm::append_range(shape, indices.shape());
  llvm::append_range(shape, x.shape().drop_front(*axis + 1));
  if (!elementCount(shape))
    return node.error() << "makes a tensor of more than 2^40 elements";
  if (indices.literal) {
    auto resolved = resolveIndices(node, *indices.literal, x.shape()[*axis]);
    if (failed(resolved))
      return failure();
    if (x.literal && node.mayFold(shape))
      return node.setResult(withShape(x.type, shape), gatherLiteral(x, *resolved, *axis, shape));
    if (resolved->size() == 1) { // one row is a slice
      SliceRange range = wholeRange(x);
      range.offsets[*axis] = resolved->intAt(0);
      range.sizes[*axis] = 1;
      return node.setResult(
          reshape(node.b, slice(node.b, node.value(x), range.offsets, range.sizes, range.strides), shape));
    }
    indices = {indices.type, {}, std::make_shared<const Literal>(std::move(*resolved))};
  }
  if (x.shape()[*axis] == 0)
    return node.error() << "expects rows to gather from, but got " << x.type;
  Value rows = indices.literal ? node.value(indices) : wrapIndices(node, indices, x.shape()[*axis]);
  return node.setResult(gatherRows(node, node.value(x), *axis, rows));
}

constexpr OpEntry kOps[] = {
    {"Gather", kFirstOpset, kLastOpset, 2, 2, 1, importGather},
    {"Slice", kFirstOpset, kLastOpset, 3, 5, 1, importSlice},
    {"Split", kFirstWithInputs, kLastOpset, 1, 2, kAnyNumber, importSplit},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::indexOps() { return kOps; }
