// Which operations of an entry get kernels, in which order, and which of them update a state in place.
#pragma once

#include "lib/Plan/KernelBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ingot {

/// Decides which operations get a kernel of their own (roots) and which are computed inside the kernels that use them.
class KernelPlan {
public:
  /// Operations in `separate` are roots in any case.
  KernelPlan(mlir::func::FuncOp func, const llvm::DenseSet<mlir::Operation *> &separate);

  bool isRoot(mlir::Operation *op) const { return roots.contains(op); }
  const llvm::DenseSet<mlir::Operation *> &getInlined() const { return inlined; }
  /// Roots whose kernels read `value`, itself or behind what is computed inside them.
  llvm::SmallSetVector<mlir::Operation *, 2> readersOf(mlir::Value value) const;

private:
  void decideLocally(mlir::Operation *op);
  void separateShared(mlir::Operation *op);
  bool leadsToContraction(mlir::Value value) const;
  void joinCheap(mlir::Block &block, const llvm::DenseSet<mlir::Operation *> &separate);

  llvm::DenseSet<mlir::Operation *> roots, inlined, heavy;
  llvm::DenseMap<mlir::Operation *, llvm::SmallSetVector<mlir::Operation *, 2>> usedBy;
};

/// An entry's kernels in the order in which they are formed.
struct KernelOrder {
  explicit KernelOrder(KernelPlan plan) : plan(std::move(plan)) {}

  KernelPlan plan;
  llvm::SmallVector<mlir::Operation *> roots;
  /// Roots that write into the argument of a state: their results are its new value.
  llvm::DenseMap<mlir::Operation *, mlir::BlockArgument> updates;
};

/// Plans `func`. Kernels are in program order, but a new value of a state (other than by the operations that append to
/// one) is written over the old one, as soon as what it needs is there and all kernels that read the old one are before
/// it. Where that cannot be (the kernel reads other elements of the state than it writes, or states exchange their
/// values), the value gets memory of its own and is copied at the end; this adds the copies to `func`.
KernelOrder orderKernels(mlir::func::FuncOp func);

} // namespace ingot
