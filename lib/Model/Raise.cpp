// ingot-raise: named operations from the decomposed forms that exporters write.
#include "Raise.h"

#include "dialects/Ingot/Ingot.h"
#include "ingot/Model/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace ingot {
#define GEN_PASS_DEF_RAISE
#include "lib/Model/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct RaisePass : ingot::impl::RaiseBase<RaisePass> {
  /// Last operations first, so that the longest form wins: the scale of a norm before the norm without it. What a
  /// raised form alone needed is dead by the time it is visited.
  void runOnOperation() override {
    for (Block &block : getOperation().getBlocks())
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block.getOperations()))) {
        if (isOpTriviallyDead(&op)) {
          op.erase();
          continue;
        }
        if (op.getNumResults() != 1 || !isa<RankedTensorType>(op.getResult(0).getType()))
          continue;
        if (Value value = raise(&op)) {
          op.getResult(0).replaceAllUsesWith(value);
          op.erase();
        }
      }
  }

  Value raise(Operation *op) {
    OpBuilder builder(op);
    if (Value value = model::raiseNorm(builder, op))
      return value;
    if (Value value = model::raiseActivation(builder, op))
      return value;
    if (Value value = model::raiseSoftmax(builder, op))
      return value;
    return model::raiseRope(builder, op);
  }
};

} // namespace
