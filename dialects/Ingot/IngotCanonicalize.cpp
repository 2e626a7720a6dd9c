// Canonicalisation patterns of the `ingot` dialect.
#include "dialects/Ingot/Ingot.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace ingot;

namespace {

/// dot(transpose(a), b) -> dot(a, b): a contraction names its dimensions, so a transposed operand only renumbers them.
/// The operand's free dimensions must keep their order, else the result would change.
struct FoldTransposeIntoDot : OpRewritePattern<DotOp> {
  using OpRewritePattern::OpRewritePattern;

  static SmallVector<int64_t> renumber(ArrayRef<int64_t> dims, ArrayRef<int64_t> permutation) {
    return llvm::map_to_vector(dims, [&](int64_t dim) { return permutation[dim]; });
  }

  LogicalResult matchAndRewrite(DotOp op, PatternRewriter &rewriter) const override {
    for (bool left : {true, false}) {
      auto transpose = (left ? op.getLhs() : op.getRhs()).getDefiningOp<TransposeOp>();
      if (!transpose)
        continue;
      ArrayRef<int64_t> permutation = transpose.getPermutation();
      if (!llvm::is_sorted(renumber(left ? op.getLhsFree() : op.getRhsFree(), permutation)))
        continue;
      auto batch = renumber(left ? op.getLhsBatch() : op.getRhsBatch(), permutation);
      auto contract = renumber(left ? op.getLhsContract() : op.getRhsContract(), permutation);
      rewriter.modifyOpInPlace(op, [&] {
        op->setOperand(left ? 0 : 1, transpose.getInput());
        left ? op.setLhsBatch(batch) : op.setRhsBatch(batch);
        left ? op.setLhsContract(contract) : op.setRhsContract(contract);
      });
      return success();
    }
    return failure();
  }
};

} // namespace

void DotOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldTransposeIntoDot>(context);
}
