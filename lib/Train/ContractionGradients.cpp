// Derivatives of contractions, reductions and of what moves elements along dimensions.
#include "lib/Train/GradientBuilder.h"

using namespace mlir;
using namespace ingot;

namespace {

/// The gradient of one operand of a contraction is a contraction of the upstream gradient with the other operand over
/// that one's free dimensions.
class DotSide {
public:
  DotSide(DotOp dot, bool left)
      : operand(left ? dot.getLhs() : dot.getRhs()), other(left ? dot.getRhs() : dot.getLhs()),
        batch(left ? dot.getLhsBatch() : dot.getRhsBatch()), otherBatch(left ? dot.getRhsBatch() : dot.getLhsBatch()),
        contract(left ? dot.getLhsContract() : dot.getRhsContract()),
        otherContract(left ? dot.getRhsContract() : dot.getLhsContract()),
        free(left ? dot.getLhsFree() : dot.getRhsFree()), otherFree(left ? dot.getRhsFree() : dot.getLhsFree()) {
    // The upstream gradient's dimensions: batch, free of lhs, free of rhs.
    int64_t leading = batch.size(), lhsFree = dot.getLhsFree().size();
    auto numbers = [](int64_t begin, size_t count) {
      return llvm::to_vector(llvm::seq<int64_t>(begin, begin + static_cast<int64_t>(count)));
    };
    upstreamBatch = numbers(0, leading);
    upstreamContract = numbers(left ? leading + lhsFree : leading, otherFree.size());
  }

  Value build(GradientBuilder &b) const {
    // Whichever order of the two needs no transposition.
    SmallVector<int64_t> order = permutation(/*upstreamFirst=*/true), swapped = permutation(/*upstreamFirst=*/false);
    bool upstreamFirst = llvm::is_sorted(order) || !llvm::is_sorted(swapped);
    RankedTensorType type = GradientBuilder::typeOf(operand);
    Value gradient = b.convert(b.upstream(), other.getType());
    SmallVector<int64_t> shape(type.getRank());
    for (auto [dim, position] : llvm::enumerate(upstreamFirst ? order : swapped))
      shape[position] = type.getDimSize(dim);
    auto result = RankedTensorType::get(shape, type.getElementType());
    Value product = upstreamFirst ? DotOp::create(b.getBuilder(), b.getLoc(), result, gradient, other, upstreamBatch,
                                                  otherBatch, upstreamContract, otherFree)
                                  : DotOp::create(b.getBuilder(), b.getLoc(), result, other, gradient, otherBatch,
                                                  upstreamBatch, otherFree, upstreamContract);
    return b.transpose(product, upstreamFirst ? order : swapped);
  }

private:
  /// For each dimension of the operand the dimension of the contraction's result.
  SmallVector<int64_t> permutation(bool upstreamFirst) const {
    SmallVector<int64_t> sorted(otherContract);
    llvm::sort(sorted);
    int64_t leading = batch.size(), freeBegin = leading, contractBegin = leading;
    (upstreamFirst ? contractBegin : freeBegin) += upstreamFirst ? free.size() : contract.size();
    SmallVector<int64_t> order(GradientBuilder::typeOf(operand).getRank());
    for (auto [position, dim] : llvm::enumerate(batch))
      order[dim] = position;
    for (auto [position, dim] : llvm::enumerate(free))
      order[dim] = freeBegin + position;
    for (auto [dim, paired] : llvm::zip(contract, otherContract))
      order[dim] = contractBegin + (llvm::find(sorted, paired) - sorted.begin());
    return order;
  }

  Value operand, other;
  ArrayRef<int64_t> batch, otherBatch, contract, otherContract;
  SmallVector<int64_t> free, otherFree, upstreamBatch, upstreamContract;
};

struct DotGradient : Differentiable::ExternalModel<DotGradient, DotOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    for (bool left : {true, false})
      if (b.needs(left ? 0 : 1))
        b.set(left ? 0 : 1, DotSide(cast<DotOp>(op), left).build(b));
    return success();
  }
};

struct ReduceGradient : Differentiable::ExternalModel<ReduceGradient, ReduceOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto reduce = cast<ReduceOp>(op);
    RankedTensorType type = GradientBuilder::typeOf(reduce.getInput());
    switch (reduce.getKind()) {
    case ReduceKind::Sum:
      b.set(0, b.repeat(b.upstream(), reduce.getDims(), type));
      break;
    case ReduceKind::Mean: {
      double count = 1;
      for (int64_t dim : reduce.getDims())
        count *= static_cast<double>(type.getDimSize(dim));
      Value share = b.div(b.upstream(), b.constant(b.upstream().getType(), count));
      b.set(0, b.repeat(share, reduce.getDims(), type));
      break;
    }
    case ReduceKind::Max:
    case ReduceKind::Min:
      b.set(0, extremum(reduce, b));
      break;
    case ReduceKind::Product:
      b.set(0, product(reduce, b));
      break;
    }
    return success();
  }

private:
  static constexpr auto kEqual = arith::CmpFPredicate::OEQ;

  /// Equal extrema share the gradient.
  static Value extremum(ReduceOp reduce, GradientBuilder &b) {
    Value x = reduce.getInput(), best = b.repeat(reduce.getResult(), reduce.getDims(), GradientBuilder::typeOf(x));
    Value zero = b.constant(x.getType(), 0), one = b.constant(x.getType(), 1);
    Value count = b.sum(b.choose(kEqual, x, best, one, zero), reduce.getDims());
    Value share = b.repeat(b.div(b.upstream(), count), reduce.getDims(), GradientBuilder::typeOf(x));
    return b.choose(kEqual, x, best, share, zero);
  }

  /// The product of the others: with one zero among the factors only that one has a gradient, with more none has.
  static Value product(ReduceOp reduce, GradientBuilder &b) {
    Value x = reduce.getInput();
    ArrayRef<int64_t> dims = reduce.getDims();
    RankedTensorType type = GradientBuilder::typeOf(x);
    Value zero = b.constant(type, 0), one = b.constant(type, 1), nonzero = b.choose(kEqual, x, zero, one, x);
    Value rest = ReduceOp::create(b.getBuilder(), b.getLoc(), ReduceKind::Product, nonzero, dims);
    Value zeros = b.repeat(b.sum(b.choose(kEqual, x, zero, one, zero), dims), dims, type);
    Value whole = b.repeat(b.mul(b.upstream(), rest), dims, type);
    Value without = b.choose(kEqual, zeros, zero, b.div(whole, nonzero), zero);
    Value alone = b.choose(kEqual, zeros, one, whole, zero);
    return b.choose(kEqual, x, zero, alone, without);
  }
};

struct BroadcastGradient : Differentiable::ExternalModel<BroadcastGradient, BroadcastOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    auto broadcast = cast<BroadcastOp>(op);
    RankedTensorType from = GradientBuilder::typeOf(broadcast.getInput()),
                     to = GradientBuilder::typeOf(broadcast.getResult());
    SmallVector<int64_t> repeated = llvm::to_vector(llvm::seq<int64_t>(0, to.getRank())), ones;
    for (auto [i, dim] : llvm::enumerate(broadcast.getDims()))
      if (from.getDimSize(i) == to.getDimSize(dim))
        llvm::erase(repeated, dim);
      else
        ones.push_back(i); // of extent 1: summed away, then put back
    b.set(0, b.repeat(b.sum(b.upstream(), repeated), ones, from));
    return success();
  }
};

struct TransposeGradient : Differentiable::ExternalModel<TransposeGradient, TransposeOp> {
  LogicalResult buildGradients(Operation *op, GradientBuilder &b) const {
    ArrayRef<int64_t> permutation = cast<TransposeOp>(op).getPermutation();
    SmallVector<int64_t> inverse(permutation.size());
    for (auto [i, dim] : llvm::enumerate(permutation))
      inverse[dim] = i;
    b.set(0, b.transpose(b.upstream(), inverse));
    return success();
  }
};

} // namespace

void ingot::registerContractionGradients(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    DotOp::attachInterface<DotGradient>(*context);
    ReduceOp::attachInterface<ReduceGradient>(*context);
    BroadcastOp::attachInterface<BroadcastGradient>(*context);
    TransposeOp::attachInterface<TransposeGradient>(*context);
  });
}
