// Bufferizes kernels with upstream's one-shot analysis; see Passes.td.
#include "ingot/Plan/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace ingot {
#define GEN_PASS_DEF_BUFFERIZEKERNELS
#include "lib/Plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct BufferizeKernels : ingot::impl::BufferizeKernelsBase<BufferizeKernels> {
  using BufferizeKernelsBase::BufferizeKernelsBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      markReadOnlyArguments(func);
    SmallVector<tensor::EmptyOp> empties;
    getOperation().walk([&](tensor::EmptyOp empty) { empties.push_back(empty); });
    llvm::for_each(empties, ownTemporary);
    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.setFunctionBoundaryTypeConversion(bufferization::LayoutMapOption::IdentityLayoutMap);
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(getOperation(), options, state)))
      return signalPassFailure();
    getOperation().walk([](memref::AllocOp alloc) { keepPrivate(alloc); });
  }

private:
  /// Arguments are writable unless marked otherwise; only states may be.
  static void markReadOnlyArguments(func::FuncOp func) {
    OpBuilder builder(func.getContext());
    for (unsigned i = 0; i < func.getNumArguments(); ++i) {
      bool state = static_cast<bool>(func.getArgAttr(i, IngotDialect::kState));
      func.setArgAttr(i, bufferization::BufferizationDialect::kWritableAttrName, builder.getBoolAttr(state));
    }
  }

  /// A task makes its temporaries itself. CSE unites them with equal `tensor.empty` outside, and for a grid of one
  /// task, which is not parallel to upstream, bufferization would leave them there: shared memory that no launch
  /// declares.
  static void ownTemporary(tensor::EmptyOp empty) {
    for (OpOperand &use : llvm::make_early_inc_range(empty->getUses())) {
      auto forall = use.getOwner()->getParentOfType<scf::ForallOp>();
      if (!forall || forall->isAncestor(empty))
        continue;
      OpBuilder builder(use.getOwner());
      use.set(builder.clone(*empty)->getResult(0));
    }
  }

  /// A temporary of a task lives in its worker's private memory.
  static void keepPrivate(memref::AllocOp alloc) {
    if (!alloc->getParentOfType<scf::ForallOp>())
      return;
    OpBuilder builder(alloc);
    auto alloca = memref::AllocaOp::create(builder, alloc.getLoc(), alloc.getType(), builder.getI64IntegerAttr(64));
    alloc.replaceAllUsesWith(alloca.getResult());
    alloc.erase();
  }
};

} // namespace
