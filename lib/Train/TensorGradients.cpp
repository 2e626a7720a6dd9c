// Derivatives of reshapes and slices. Extents are static.
#include "lib/Train/GradientBuilder.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;

namespace {

struct ExpandGradient : Differentiable::ExternalModel<ExpandGradient, tensor::ExpandShapeOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto expand = cast<tensor::ExpandShapeOp>(op);
    b.set(0, tensor::CollapseShapeOp::create(b.getBuilder(), b.getLoc(), expand.getSrcType(), b.upstream(),
                                             expand.getReassociationIndices()));
    return success();
  }
};

struct CollapseGradient : Differentiable::ExternalModel<CollapseGradient, tensor::CollapseShapeOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto collapse = cast<tensor::CollapseShapeOp>(op);
    b.set(0, tensor::ExpandShapeOp::create(b.getBuilder(), b.getLoc(), collapse.getSrcType(), b.upstream(),
                                           collapse.getReassociationIndices()));
    return success();
  }
};

struct ReshapeGradient : Differentiable::ExternalModel<ReshapeGradient, tensor::ReshapeOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto reshape = cast<tensor::ReshapeOp>(op);
    RankedTensorType type = GradientBuilder::typeOf(reshape.getSource());
    OpBuilder &builder = b.getBuilder();
    Value shape = arith::ConstantOp::create(builder, b.getLoc(), builder.getI64TensorAttr(type.getShape()));
    b.set(0, tensor::ReshapeOp::create(builder, b.getLoc(), type, b.upstream(), shape));
    return success();
  }
};

/// A part of `value` along one dimension.
Value sliceAlong(GradientBuilder &b, Value value, int64_t dim, int64_t offset, int64_t size) {
  OpBuilder &builder = b.getBuilder();
  RankedTensorType type = GradientBuilder::typeOf(value);
  SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)),
      sizes = getAsIndexOpFoldResult(builder.getContext(), type.getShape()),
      strides(type.getRank(), builder.getIndexAttr(1));
  offsets[dim] = builder.getIndexAttr(offset);
  sizes[dim] = builder.getIndexAttr(size);
  return tensor::ExtractSliceOp::create(builder, b.getLoc(), value, offsets, sizes, strides);
}

struct ConcatGradient : Differentiable::ExternalModel<ConcatGradient, tensor::ConcatOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto concat = cast<tensor::ConcatOp>(op);
    int64_t dim = concat.getDim(), offset = 0;
    for (auto [i, input] : llvm::enumerate(concat.getInputs())) {
      int64_t size = GradientBuilder::typeOf(input).getDimSize(dim);
      if (b.needs(i))
        b.set(i, sliceAlong(b, b.upstream(), dim, offset, size));
      offset += size;
    }
    return success();
  }
};

/// Zeros around the gradient, between its elements where the slice has strides. With constant offsets these are
/// concatenations, which can be planned.
struct SliceGradient : Differentiable::ExternalModel<SliceGradient, tensor::ExtractSliceOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    RankedTensorType type = slice.getSourceType();
    if (llvm::any_of(slice.getStaticOffsets(), ShapedType::isDynamic) ||
        llvm::any_of(slice.getStaticStrides(), ShapedType::isDynamic)) {
      Value zeros = b.constant(type, 0);
      b.set(0, tensor::InsertSliceOp::create(b.getBuilder(), b.getLoc(), b.upstream(), zeros, slice.getMixedOffsets(),
                                             slice.getMixedSizes(), slice.getMixedStrides()));
      return success();
    }
    SmallVector<int64_t> dropped;
    for (unsigned dim : slice.getDroppedDims().set_bits())
      dropped.push_back(dim);
    Value gradient = b.repeat(b.upstream(), dropped, type.clone(slice.getStaticSizes()));
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
      int64_t offset = slice.getStaticOffset(dim), room = type.getDimSize(dim) - offset;
      gradient = spreadAlong(b, gradient, dim, slice.getStaticStride(dim));
      if (GradientBuilder::typeOf(gradient).getDimSize(dim) > room)
        gradient = sliceAlong(b, gradient, dim, 0, room);
      gradient = padAlong(b, gradient, dim, offset, type.getDimSize(dim));
    }
    b.set(0, gradient);
    return success();
  }

private:
  static Value zeros(GradientBuilder &b, RankedTensorType type, int64_t dim, int64_t extent) {
    SmallVector<int64_t> shape(type.getShape());
    shape[dim] = extent;
    return b.constant(type.clone(shape), 0);
  }

  /// stride - 1 zeros behind each element.
  static Value spreadAlong(GradientBuilder &b, Value value, int64_t dim, int64_t stride) {
    RankedTensorType type = GradientBuilder::typeOf(value);
    if (stride == 1 || type.getDimSize(dim) == 1)
      return value;
    SmallVector<int64_t> shape(type.getShape());
    shape.insert(shape.begin() + dim + 1, 1);
    Value apart = b.repeat(value, {dim + 1}, type.clone(shape));
    Value filled =
        tensor::ConcatOp::create(b.getBuilder(), b.getLoc(), dim + 1,
                                 ValueRange{apart, zeros(b, GradientBuilder::typeOf(apart), dim + 1, stride - 1)});
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < type.getRank(); ++i)
      groups.push_back(i == dim  ? ReassociationIndices{i, i + 1}
                       : i < dim ? ReassociationIndices{i}
                                 : ReassociationIndices{i + 1});
    return tensor::CollapseShapeOp::create(b.getBuilder(), b.getLoc(), filled, groups);
  }

  static Value padAlong(GradientBuilder &b, Value value, int64_t dim, int64_t offset, int64_t extent) {
    RankedTensorType type = GradientBuilder::typeOf(value);
    if (type.getDimSize(dim) == extent)
      return value;
    SmallVector<Value> parts;
    if (offset > 0)
      parts.push_back(zeros(b, type, dim, offset));
    parts.push_back(value);
    if (int64_t rest = extent - offset - type.getDimSize(dim); rest > 0)
      parts.push_back(zeros(b, type, dim, rest));
    return tensor::ConcatOp::create(b.getBuilder(), b.getLoc(), dim, parts);
  }
};

struct InsertSliceGradient : Differentiable::ExternalModel<InsertSliceGradient, tensor::InsertSliceOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto insert = cast<tensor::InsertSliceOp>(op);
    OpBuilder &builder = b.getBuilder();
    auto offsets = insert.getMixedOffsets(), sizes = insert.getMixedSizes(), strides = insert.getMixedStrides();
    if (b.needs(0))
      b.set(0, tensor::ExtractSliceOp::create(builder, b.getLoc(), insert.getSourceType(), b.upstream(), offsets, sizes,
                                              strides));
    if (b.needs(1)) {
      Value zeros = b.constant(insert.getSourceType(), 0);
      b.set(1, tensor::InsertSliceOp::create(builder, b.getLoc(), zeros, b.upstream(), offsets, sizes, strides));
    }
    return success();
  }
};

struct SplatGradient : Differentiable::ExternalModel<SplatGradient, tensor::SplatOp> {
  LogicalResult buildGradients(Operation *, GradientBuilder &b) const {
    int64_t rank = GradientBuilder::typeOf(b.upstream()).getRank();
    Value total = b.sum(b.upstream(), llvm::to_vector(llvm::seq<int64_t>(0, rank)));
    b.set(0, tensor::ExtractOp::create(b.getBuilder(), b.getLoc(), total, ValueRange()));
    return success();
  }
};

struct ExtractGradient : Differentiable::ExternalModel<ExtractGradient, tensor::ExtractOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto extract = cast<tensor::ExtractOp>(op);
    Value zeros = b.constant(extract.getTensor().getType(), 0);
    b.set(0, tensor::InsertOp::create(b.getBuilder(), b.getLoc(), b.upstream(), zeros, extract.getIndices()));
    return success();
  }
};

} // namespace

void ingot::registerTensorGradients(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::ExpandShapeOp::attachInterface<ExpandGradient>(*context);
    tensor::CollapseShapeOp::attachInterface<CollapseGradient>(*context);
    tensor::ReshapeOp::attachInterface<ReshapeGradient>(*context);
    tensor::ConcatOp::attachInterface<ConcatGradient>(*context);
    tensor::ExtractSliceOp::attachInterface<SliceGradient>(*context);
    tensor::InsertSliceOp::attachInterface<InsertSliceGradient>(*context);
    tensor::SplatOp::attachInterface<SplatGradient>(*context);
    tensor::ExtractOp::attachInterface<ExtractGradient>(*context);
  });
}
