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

struct CastGradient : Differentiable::ExternalModel<CastGradient, tensor::CastOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    Type type = cast<tensor::CastOp>(op).getSource().getType();
    b.set(0, tensor::CastOp::create(b.getBuilder(), b.getLoc(), type, b.upstream()));
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

/// Zeros around the gradient: a concatenation along each dimension where the slice is a part without gaps, which the
/// planner reads as views, else an insertion into zeros.
struct SliceGradient : Differentiable::ExternalModel<SliceGradient, tensor::ExtractSliceOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    RankedTensorType type = slice.getSourceType();
    auto isStatic = [](ArrayRef<int64_t> numbers) { return llvm::none_of(numbers, ShapedType::isDynamic); };
    bool plain = isStatic(slice.getStaticOffsets()) && slice.getDroppedDims().none() &&
                 llvm::all_of(slice.getStaticStrides(), [](int64_t stride) { return stride == 1; });
    if (!plain) {
      Value zeros = b.constant(type, 0);
      b.set(0, tensor::InsertSliceOp::create(b.getBuilder(), b.getLoc(), b.upstream(), zeros, slice.getMixedOffsets(),
                                             slice.getMixedSizes(), slice.getMixedStrides()));
      return success();
    }
    Value gradient = b.upstream();
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim)
      gradient = padAlong(b, gradient, dim, slice.getStaticOffset(dim), type.getDimSize(dim));
    b.set(0, gradient);
    return success();
  }

private:
  static Value padAlong(GradientBuilder &b, Value value, int64_t dim, int64_t offset, int64_t extent) {
    RankedTensorType type = GradientBuilder::typeOf(value);
    if (type.getDimSize(dim) == extent)
      return value;
    SmallVector<Value> parts;
    auto zeros = [&](int64_t size) {
      SmallVector<int64_t> shape(type.getShape());
      shape[dim] = size;
      if (size > 0)
        parts.push_back(b.constant(type.clone(shape), 0));
    };
    zeros(offset);
    parts.push_back(value);
    zeros(extent - offset - type.getDimSize(dim));
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
    tensor::CastOp::attachInterface<CastGradient>(*context);
    tensor::ConcatOp::attachInterface<ConcatGradient>(*context);
    tensor::ExtractSliceOp::attachInterface<SliceGradient>(*context);
    tensor::InsertSliceOp::attachInterface<InsertSliceGradient>(*context);
    tensor::SplatOp::attachInterface<SplatGradient>(*context);
    tensor::ExtractOp::attachInterface<ExtractGradient>(*context);
  });
}
