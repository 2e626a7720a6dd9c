// Reverse-mode differentiation within one block, through the interface `Differentiable`.
#pragma once

#include "lib/Train/GradientBuilder.h"

#include "llvm/ADT/DenseMap.h"

namespace ingot {

class ReverseMode {
public:
  /// Differentiates the operations of the builder's block before its insertion point, and builds there. No gradient
  /// flows through what computes `leaves` and the values `held`.
  ReverseMode(mlir::OpBuilder &builder, llvm::ArrayRef<mlir::Value> leaves, llvm::ArrayRef<mlir::Value> held = {});

  /// Builds the gradients of `output`.
  mlir::LogicalResult run(mlir::Value output, mlir::Location loc);

  /// The gradient of a leaf; null if `output` does not depend on it.
  mlir::Value getGradient(mlir::Value leaf) const { return gradients.lookup(leaf); }

  /// A tensor whose elements all are `value`.
  mlir::Value constant(mlir::Location loc, mlir::Type type, double value);

private:
  void findActive();
  mlir::LogicalResult differentiate(mlir::Operation *op);
  void accumulate(mlir::Value value, mlir::Value contribution, mlir::Location loc);

  mlir::OpBuilder &builder;
  mlir::Block &block;
  mlir::Block::iterator end; // where the differentiated operations end
  llvm::DenseSet<mlir::Value> leaves, held;
  /// Values of floats that depend on a leaf, by ways that carry gradients.
  llvm::DenseSet<mlir::Value> active;
  llvm::DenseMap<mlir::Value, mlir::Value> gradients;
};

} // namespace ingot
