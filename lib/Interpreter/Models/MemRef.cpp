// memref: views are views of the same cells, writes happen in place. Fresh memory is poison.
#include "lib/Interpreter/Models/Slices.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace ingot::interpreter;

namespace {

template <typename Op> LogicalResult allocate(Op op, Frame &frame) {
  MemRefType type = op.getType();
  SmallVector<int64_t> shape(type.getShape());
  ValueRange dynamic = op.getDynamicSizes();
  for (int64_t &extent : shape)
    if (ShapedType::isDynamic(extent)) {
      extent = frame.integer(dynamic.front());
      dynamic = dynamic.drop_front();
    }
  auto element = elementOf(type.getElementType());
  if (!element)
    return op.emitOpError() << "of type " << type << " cannot be interpreted";
  frame.set(op, Array::uninitialized(*element, shape));
  return success();
}

LogicalResult dealloc(memref::DeallocOp, Frame &) { return success(); }

LogicalResult subview(memref::SubViewOp op, Frame &frame) {
  auto view = sliceOf(op, frame, frame.array(op.getSource()));
  if (failed(view))
    return failure();
  frame.set(op, view->dropDims(op.getDroppedDims()));
  return success();
}

LogicalResult setReshaped(Operation *op, Frame &frame, const Array &source, ArrayRef<int64_t> shape) {
  if (llvm::product_of(shape) == source.numElements())
    if (auto view = source.reshapedView(shape)) {
      frame.set(op->getResult(0), *view);
      return success();
    }
  return op->emitOpError() << "expects extents that its source's strides allow";
}

LogicalResult expandShape(memref::ExpandShapeOp op, Frame &frame) {
  auto shape = frame.integers(getMixedValues(op.getStaticOutputShape(), op.getOutputShape(), op.getContext()));
  return setReshaped(op, frame, frame.array(op.getSrc()), shape);
}

LogicalResult collapseShape(memref::CollapseShapeOp op, Frame &frame) {
  Array source = frame.array(op.getSrc());
  SmallVector<int64_t> shape;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    shape.push_back(1);
    for (int64_t dim : group)
      shape.back() *= source.shape()[dim];
  }
  return setReshaped(op, frame, source, shape);
}

LogicalResult cast(memref::CastOp op, Frame &frame) {
  frame.set(op, Datum(frame.get(op.getSource())));
  return success();
}

FailureOr<Cell *> cellAt(Operation *op, const Array &array, OperandRange indices, Frame &frame) {
  SmallVector<int64_t> position;
  for (auto [dim, index] : llvm::enumerate(indices)) {
    position.push_back(frame.integer(index));
    if (position.back() < 0 || position.back() >= array.shape()[dim])
      return op->emitOpError() << "expects an index in [0, " << array.shape()[dim] << "), but got " << position.back();
  }
  return &array.at(position);
}

LogicalResult load(memref::LoadOp op, Frame &frame) {
  Array source = frame.array(op.getMemRef());
  auto cell = cellAt(op, source, op.getIndices(), frame);
  if (failed(cell))
    return failure();
  frame.setScalar(op, source.element(), **cell);
  return success();
}

LogicalResult store(memref::StoreOp op, Frame &frame) {
  Array destination = frame.array(op.getMemRef());
  auto cell = cellAt(op, destination, op.getIndices(), frame);
  if (failed(cell))
    return failure();
  **cell = std::get<Scalar>(frame.get(op.getValue())).cell;
  destination.finishWrite();
  return success();
}

LogicalResult copy(memref::CopyOp op, Frame &frame) {
  // The source may overlap the destination.
  frame.array(op.getTarget()).assign(frame.array(op.getSource()).clone());
  return success();
}

LogicalResult dim(memref::DimOp op, Frame &frame) {
  int64_t dim = frame.integer(op.getIndex());
  Array source = frame.array(op.getSource());
  if (dim < 0 || dim >= source.rank())
    return op.emitOpError() << "expects a dimension in [0, " << source.rank() << "), but got " << dim;
  frame.setInteger(op, source.shape()[dim]);
  return success();
}

} // namespace

void ingot::interpreter::attachMemRefModels(MLIRContext *context) {
  using namespace memref;
  attach<AllocOp, allocate<AllocOp>>(context);
  attach<AllocaOp, allocate<AllocaOp>>(context);
  attach<DeallocOp, ::dealloc>(context);
  attach<SubViewOp, ::subview>(context);
  attach<ExpandShapeOp, expandShape>(context);
  attach<CollapseShapeOp, collapseShape>(context);
  attach<CastOp, ::cast>(context);
  attach<LoadOp, ::load>(context);
  attach<StoreOp, ::store>(context);
  attach<CopyOp, ::copy>(context);
  attach<DimOp, ::dim>(context);
}
