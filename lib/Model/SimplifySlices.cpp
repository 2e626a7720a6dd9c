// Patterns of `ingot-simplify` that move slices to where less is computed.
#include "SimplifyPatterns.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace {

bool isStatic(tensor::ExtractSliceOp op) {
  return op.getOffsets().empty() && op.getSizes().empty() && op.getStrides().empty();
}

/// slice(f(x, y)) -> f(slice(x), slice(y)) for a pointwise f that nobody else uses.
struct SliceOfPointwise : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op, PatternRewriter &rewriter) const override {
    Operation *producer = op.getSource().getDefiningOp();
    if (!producer || !producer->hasOneUse() || !producer->hasTrait<OpTrait::Elementwise>() || !isPure(producer) ||
        producer->getNumResults() != 1 || producer->getNumOperands() == 0 || !isStatic(op))
      return failure();
    auto shapeOf = [](Value value) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      return type ? type.getShape() : ArrayRef<int64_t>();
    };
    auto source = cast<RankedTensorType>(op.getSource().getType());
    if (llvm::any_of(producer->getOperands(), [&](Value operand) {
          return !isa<RankedTensorType>(operand.getType()) || shapeOf(operand) != source.getShape();
        }))
      return failure();
    auto result = cast<RankedTensorType>(op.getType());
    IRMapping slices;
    for (Value operand : producer->getOperands())
      if (!slices.contains(operand)) {
        auto type = result.clone(cast<RankedTensorType>(operand.getType()).getElementType());
        slices.map(operand, tensor::ExtractSliceOp::create(rewriter, op.getLoc(), type, operand, op.getMixedOffsets(),
                                                           op.getMixedSizes(), op.getMixedStrides()));
      }
    Operation *moved = rewriter.clone(*producer, slices);
    rewriter.modifyOpInPlace(moved, [&] { moved->getResult(0).setType(result); });
    rewriter.replaceOp(op, moved->getResults());
    return success();
  }
};

/// slice(concat(x, y)) -> slice(x) where the slice lies in one part.
struct SliceOfConcat : OpRewritePattern<tensor::ExtractSliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ExtractSliceOp op, PatternRewriter &rewriter) const override {
    auto concat = op.getSource().getDefiningOp<tensor::ConcatOp>();
    if (!concat || !isStatic(op))
      return failure();
    int64_t dim = concat.getDim(), begin = op.getStaticOffset(dim);
    int64_t end = begin + (op.getStaticSize(dim) - 1) * op.getStaticStride(dim) + 1;
    for (Value part : concat.getInputs()) {
      int64_t extent = cast<RankedTensorType>(part.getType()).getDimSize(dim);
      if (begin >= 0 && end <= extent) {
        SmallVector<OpFoldResult> offsets = op.getMixedOffsets();
        offsets[dim] = rewriter.getIndexAttr(begin);
        rewriter.replaceOpWithNewOp<tensor::ExtractSliceOp>(op, cast<RankedTensorType>(op.getType()), part, offsets,
                                                            op.getMixedSizes(), op.getMixedStrides());
        return success();
      }
      begin -= extent;
      end -= extent;
    }
    return failure();
  }
};

} // namespace

void ingot::model::populateSlicePatterns(RewritePatternSet &patterns) {
  patterns.add<SliceOfPointwise, SliceOfConcat>(patterns.getContext());
}
