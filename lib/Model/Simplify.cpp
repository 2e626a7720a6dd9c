// ingot-simplify: canonical forms and folding of constants.
#include "ConstantFolding.h"
#include "SimplifyPatterns.h"

#include "dialects/Ingot/Ingot.h"
#include "ingot/Model/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace ingot {
#define GEN_PASS_DEF_SIMPLIFY
#include "lib/Model/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// transpose(transpose(x)) -> transpose(x)
struct MergeTransposes : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<TransposeOp>();
    if (!inner)
      return failure();
    auto permutation =
        llvm::map_to_vector(op.getPermutation(), [&](int64_t dim) { return inner.getPermutation()[dim]; });
    rewriter.replaceOpWithNewOp<TransposeOp>(op, inner.getInput(), permutation);
    return success();
  }
};

/// transpose(dot(x, y)) -> dot(y, x) where that is the transposition: batch dimensions stay, the others change sides.
struct SwapDotOperands : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto dot = op.getInput().getDefiningOp<DotOp>();
    if (!dot || !dot->hasOneUse())
      return failure();
    int64_t batch = dot.getLhsBatch().size(), left = dot.getLhsFree().size(), right = dot.getRhsFree().size();
    auto order = llvm::to_vector(llvm::seq<int64_t>(0, batch));
    llvm::append_range(order, llvm::seq<int64_t>(batch + left, batch + left + right));
    llvm::append_range(order, llvm::seq<int64_t>(batch, batch + left));
    if (op.getPermutation() != ArrayRef<int64_t>(order))
      return failure();
    rewriter.replaceOpWithNewOp<DotOp>(op, op.getType(), dot.getRhs(), dot.getLhs(), dot.getRhsBatch(),
                                       dot.getLhsBatch(), dot.getRhsContract(), dot.getLhsContract());
    return success();
  }
};

/// broadcast(broadcast(x)) -> broadcast(x)
struct MergeBroadcasts : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<BroadcastOp>();
    if (!inner)
      return failure();
    auto dims = llvm::map_to_vector(inner.getDims(), [&](int64_t dim) { return op.getDims()[dim]; });
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), inner.getInput(), dims);
    return success();
  }
};

/// broadcast(x reshaped by dimensions of extent 1) -> broadcast(x)
struct BroadcastOverUnitDims : OpRewritePattern<BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BroadcastOp op, PatternRewriter &rewriter) const override {
    auto expand = op.getInput().getDefiningOp<tensor::ExpandShapeOp>();
    if (!expand)
      return failure();
    SmallVector<int64_t> dims;
    ArrayRef<int64_t> shape = cast<RankedTensorType>(expand.getType()).getShape();
    for (const ReassociationIndices &group : expand.getReassociationIndices()) {
      int64_t kept = group.front();
      for (int64_t dim : group)
        if (shape[dim] != 1) {
          if (shape[kept] != 1 && dim != kept)
            return failure();
          kept = dim;
        }
      dims.push_back(op.getDims()[kept]);
    }
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), expand.getSrc(), dims);
    return success();
  }
};

/// gather(t, extsi(i)) -> gather(t, i): the index is the same number.
struct GatherByNarrowIndices : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op, PatternRewriter &rewriter) const override {
    auto extension = op.getIndices().getDefiningOp<arith::ExtSIOp>();
    if (!extension || !cast<RankedTensorType>(extension.getIn().getType()).getElementType().isInteger(32))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getIndicesMutable().assign(extension.getIn()); });
    return success();
  }
};

/// rope(x, at extsi(p)) -> rope(x, at p)
struct RopeAtNarrowPositions : OpRewritePattern<RopeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(RopeOp op, PatternRewriter &rewriter) const override {
    auto extension = op.getPositions().getDefiningOp<arith::ExtSIOp>();
    if (!extension || !cast<RankedTensorType>(extension.getIn().getType()).getElementType().isInteger(32))
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getPositionsMutable().assign(extension.getIn()); });
    return success();
  }
};

/// concat(x) -> x
struct ConcatOfOne : OpRewritePattern<tensor::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::ConcatOp op, PatternRewriter &rewriter) const override {
    if (op.getInputs().size() != 1 || op.getInputs()[0].getType() != op.getType())
      return failure();
    rewriter.replaceOp(op, op.getInputs()[0]);
    return success();
  }
};

struct SimplifyPass : ingot::impl::SimplifyBase<SimplifyPass> {
  using SimplifyBase::SimplifyBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    SimplifyBase::getDependentDialects(registry);
    model::registerFoldingDependencies(registry);
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    for (Dialect *dialect : context->getLoadedDialects())
      dialect->getCanonicalizationPatterns(patterns);
    for (RegisteredOperationName op : context->getRegisteredOperations())
      op.getCanonicalizationPatterns(patterns, context);
    patterns.add<MergeTransposes, SwapDotOperands, MergeBroadcasts, BroadcastOverUnitDims, GatherByNarrowIndices,
                 RopeAtNarrowPositions, ConcatOfOne>(context);
    model::populateSlicePatterns(patterns);
    model::populateConstantFolding(patterns, maxBytes);
    // Stopping at the greedy driver's iteration limit is no error: the program is right after every rewrite.
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
  }
};

} // namespace
