// tensor: slices and reshapes are views of the operand's cells, which nobody writes any more.
#include "lib/Interpreter/Models/Slices.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace ingot::interpreter;

FailureOr<Array> ingot::interpreter::sliceOf(OffsetSizeAndStrideOpInterface op, Frame &frame, const Array &whole) {
  auto offsets = frame.integers(op.getMixedOffsets()), sizes = frame.integers(op.getMixedSizes()),
       strides = frame.integers(op.getMixedStrides());
  for (int64_t dim = 0; dim < whole.rank(); ++dim) {
    int64_t last = sizes[dim] == 0 ? offsets[dim] : offsets[dim] + (sizes[dim] - 1) * strides[dim];
    bool inside = sizes[dim] == 0 ||
                  (offsets[dim] >= 0 && offsets[dim] < whole.shape()[dim] && last >= 0 && last < whole.shape()[dim]);
    if (!inside || sizes[dim] < 0)
      return op->emitOpError() << "leaves dimension " << dim << " of extent " << whole.shape()[dim] << ": offset "
                               << offsets[dim] << ", size " << sizes[dim] << ", stride " << strides[dim];
  }
  return whole.slice(offsets, sizes, strides);
}

namespace {

Element elementOfResult(Operation *op) { return *elementOf(getElementTypeOrSelf(op->getResult(0).getType())); }

/// The extents of a tensor type, dynamic ones from index operands.
SmallVector<int64_t> extentsOf(ShapedType type, ValueRange dynamic, Frame &frame) {
  SmallVector<int64_t> shape(type.getShape());
  for (int64_t &extent : shape)
    if (ShapedType::isDynamic(extent)) {
      extent = frame.integer(dynamic.front());
      dynamic = dynamic.drop_front();
    }
  return shape;
}

LogicalResult empty(tensor::EmptyOp op, Frame &frame) {
  frame.set(op, Array::uninitialized(elementOfResult(op), extentsOf(op.getType(), op.getDynamicSizes(), frame)));
  return success();
}

LogicalResult splat(tensor::SplatOp op, Frame &frame) {
  auto scalar = std::get<Scalar>(frame.get(op.getInput()));
  frame.set(op, Array::filled(scalar.element, extentsOf(op.getType(), op.getDynamicSizes(), frame), scalar.cell));
  return success();
}

LogicalResult fromElements(tensor::FromElementsOp op, Frame &frame) {
  Array out = Array::uninitialized(elementOfResult(op), op.getType().getShape());
  for (auto [i, value] : llvm::enumerate(op.getElements()))
    out.data()[i] = std::get<Scalar>(frame.get(value)).cell;
  frame.set(op, out);
  return success();
}

LogicalResult cast(tensor::CastOp op, Frame &frame) {
  Array source = frame.array(op.getSource());
  auto type = dyn_cast<RankedTensorType>(op.getType());
  for (auto [dim, extent] : llvm::enumerate(type ? type.getShape() : ArrayRef<int64_t>()))
    if (!ShapedType::isDynamic(extent) && extent != source.shape()[dim])
      return op.emitOpError() << "expects extent " << extent << " for dimension " << dim << ", but got "
                              << source.shape()[dim];
  frame.set(op, source);
  return success();
}

LogicalResult dim(tensor::DimOp op, Frame &frame) {
  int64_t dim = frame.integer(op.getIndex());
  Array source = frame.array(op.getSource());
  if (dim < 0 || dim >= source.rank())
    return op.emitOpError() << "expects a dimension in [0, " << source.rank() << "), but got " << dim;
  frame.setInteger(op, source.shape()[dim]);
  return success();
}

/// The position that index operands name; nothing after reporting one outside.
FailureOr<SmallVector<int64_t>> indexOf(Operation *op, OperandRange indices, const Array &array, Frame &frame) {
  SmallVector<int64_t> position;
  for (auto [dim, index] : llvm::enumerate(indices)) {
    position.push_back(frame.integer(index));
    if (position.back() < 0 || position.back() >= array.shape()[dim])
      return op->emitOpError() << "expects an index in [0, " << array.shape()[dim] << "), but got " << position.back();
  }
  return position;
}

LogicalResult extract(tensor::ExtractOp op, Frame &frame) {
  Array source = frame.array(op.getTensor());
  auto position = indexOf(op, op.getIndices(), source, frame);
  if (failed(position))
    return failure();
  frame.setScalar(op, source.element(), source.at(*position));
  return success();
}

LogicalResult insert(tensor::InsertOp op, Frame &frame) {
  Cell cell = std::get<Scalar>(frame.get(op.getScalar())).cell;
  auto position = indexOf(op, op.getIndices(), frame.array(op.getDest()), frame);
  if (failed(position))
    return failure();
  Array out = frame.takeForUpdate(op.getDestMutable());
  out.at(*position) = cell;
  frame.set(op, out);
  return success();
}

LogicalResult extractSlice(tensor::ExtractSliceOp op, Frame &frame) {
  auto view = sliceOf(op, frame, frame.array(op.getSource()));
  if (failed(view))
    return failure();
  frame.set(op, view->dropDims(op.getDroppedDims()));
  return success();
}

LogicalResult insertSlice(tensor::InsertSliceOp op, Frame &frame) {
  Array source = frame.array(op.getSource()), out = frame.takeForUpdate(op.getDestMutable());
  auto view = sliceOf(op, frame, out);
  if (failed(view))
    return failure();
  view->dropDims(op.getDroppedDims()).assign(source);
  frame.set(op, out);
  return success();
}

LogicalResult expandShape(tensor::ExpandShapeOp op, Frame &frame) {
  Array source = frame.array(op.getSrc());
  auto shape = frame.integers(getMixedValues(op.getStaticOutputShape(), op.getOutputShape(), op.getContext()));
  if (llvm::product_of(shape) != source.numElements())
    return op.emitOpError() << "expects " << source.numElements() << " elements, but got " << llvm::product_of(shape);
  frame.set(op, source.reshaped(shape));
  return success();
}

LogicalResult collapseShape(tensor::CollapseShapeOp op, Frame &frame) {
  Array source = frame.array(op.getSrc());
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    shape.push_back(1);
    for (int64_t dim : group)
      shape.back() *= source.shape()[dim];
  }
  frame.set(op, source.reshaped(shape));
  return success();
}

LogicalResult reshape(tensor::ReshapeOp op, Frame &frame) {
  Array source = frame.array(op.getSource());
  std::vector<int64_t> shape = frame.array(op.getShape()).ints();
  if (llvm::product_of(shape) != source.numElements())
    return op.emitOpError() << "expects " << source.numElements() << " elements, but got " << llvm::product_of(shape);
  frame.set(op, source.reshaped(shape));
  return success();
}

LogicalResult concat(tensor::ConcatOp op, Frame &frame) {
  int64_t axis = op.getDim();
  SmallVector<Array> inputs = llvm::map_to_vector(op.getInputs(), [&](Value input) { return frame.array(input); });
  SmallVector<int64_t> shape(inputs.front().shape());
  shape[axis] = 0;
  for (const Array &input : inputs)
    shape[axis] += input.shape()[axis];
  Array out = Array::uninitialized(inputs.front().element(), shape);
  SmallVector<int64_t> offsets(shape.size(), 0), ones(shape.size(), 1);
  for (const Array &input : inputs) {
    out.slice(offsets, input.shape(), ones).assign(input);
    offsets[axis] += input.shape()[axis];
  }
  frame.set(op, out);
  return success();
}

LogicalResult pad(tensor::PadOp op, Frame &frame) {
  Array source = frame.array(op.getSource());
  auto low = frame.integers(op.getMixedLowPad()), high = frame.integers(op.getMixedHighPad());
  SmallVector<int64_t> shape(source.shape()), ones(source.rank(), 1);
  for (int64_t dim = 0; dim < source.rank(); ++dim) {
    shape[dim] += low[dim] + high[dim];
    if (low[dim] < 0 || high[dim] < 0)
      return op.emitOpError() << "with negative padding cannot be interpreted";
  }
  Value padding = op.getConstantPaddingValue();
  if (!padding)
    return op.emitOpError() << "with a computed padding value cannot be interpreted";
  // The constant may stand inside the region, which is not run.
  auto cell = frame.has(padding) ? std::get<Scalar>(frame.get(padding)).cell : Cell{};
  if (!frame.has(padding)) {
    auto datum = frame.run(op.getRegion().front(), SmallVector<Datum>(source.rank(), Scalar()));
    if (failed(datum))
      return failure();
    cell = std::get<Scalar>(datum->front()).cell;
  }
  Array out = Array::filled(source.element(), shape, cell);
  out.slice(low, source.shape(), ones).assign(source);
  frame.set(op, out);
  return success();
}

} // namespace

void ingot::interpreter::attachTensorModels(MLIRContext *context) {
  using namespace tensor;
  attach<EmptyOp, ::empty>(context);
  attach<SplatOp, ::splat>(context);
  attach<FromElementsOp, fromElements>(context);
  attach<CastOp, ::cast>(context);
  attach<DimOp, ::dim>(context);
  attach<ExtractOp, ::extract>(context);
  attach<InsertOp, ::insert>(context);
  attach<ExtractSliceOp, extractSlice>(context);
  attach<InsertSliceOp, insertSlice>(context);
  attach<ExpandShapeOp, expandShape>(context);
  attach<CollapseShapeOp, collapseShape>(context);
  attach<ReshapeOp, ::reshape>(context);
  attach<ConcatOp, ::concat>(context);
  attach<PadOp, ::pad>(context);
}
