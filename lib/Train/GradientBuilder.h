// The builder with which operations build the gradients of their operands.
#pragma once

#include "dialects/Ingot/Ingot.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseSet.h"

namespace ingot {

/// One operation while its gradients are built. Values are float tensors, or float scalars where the operation has
/// such.
class GradientBuilder {
public:
  /// `upstream` holds one gradient per result, null where the loss does not depend on it; `active` are the values that
  /// depend on a parameter.
  GradientBuilder(mlir::OpBuilder &builder, mlir::Operation *op, llvm::ArrayRef<mlir::Value> upstream,
                  const llvm::DenseSet<mlir::Value> &active);

  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::Location getLoc() const { return op->getLoc(); }
  mlir::Value upstream(unsigned result = 0) const { return gradients[result]; }
  /// Whether the loss's gradient is asked of what computes this operand.
  bool needs(unsigned operand) const;
  /// The gradient of an operand, of its type. Nothing happens where it is not needed.
  void set(unsigned operand, mlir::Value gradient);
  /// Another operation takes the place of this one, for what its gradients need; it may have more results.
  void replaceWith(mlir::Operation *replacement);
  bool isReplaced() const { return replaced; }
  /// Per operand; null where none was set.
  llvm::ArrayRef<mlir::Value> getResults() const { return results; }

  static mlir::RankedTensorType typeOf(mlir::Value value) {
    return llvm::cast<mlir::RankedTensorType>(value.getType());
  }

  // Pointwise expressions. Operands have one type.
  mlir::Value constant(mlir::Type type, double value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value neg(mlir::Value a);
  /// a * factor. A factor that is no float32 is two of them for float32 elements, so that nothing is lost where they
  /// are interpreted in float64.
  mlir::Value scale(mlir::Value a, double factor);
  /// a + term, in the same way.
  mlir::Value plus(mlir::Value a, double term);
  /// condition(a, b) ? yes : no
  mlir::Value choose(mlir::arith::CmpFPredicate condition, mlir::Value a, mlir::Value b, mlir::Value yes,
                     mlir::Value no);
  /// In float32, or float64 where it is that: the type in which named operations compute.
  mlir::Value widen(mlir::Value value);
  /// With the element type of `type`.
  mlir::Value convert(mlir::Value value, mlir::Type type);

  // Shapes.
  mlir::Value sum(mlir::Value value, llvm::ArrayRef<int64_t> dims);
  mlir::Value mean(mlir::Value value, llvm::ArrayRef<int64_t> dims);
  /// The inverse of a reduction over `dims`: repeats along them up to the shape of `type`.
  mlir::Value repeat(mlir::Value value, llvm::ArrayRef<int64_t> dims, mlir::RankedTensorType type);
  /// Repeats a vector along all but the last dimension of `type`.
  mlir::Value repeatRows(mlir::Value vector, mlir::RankedTensorType type);
  mlir::Value transpose(mlir::Value value, llvm::ArrayRef<int64_t> permutation);

private:
  mlir::OpBuilder &builder;
  mlir::Operation *op;
  llvm::ArrayRef<mlir::Value> gradients;
  const llvm::DenseSet<mlir::Value> &active;
  llvm::SmallVector<mlir::Value> results;
  bool replaced = false;
};

} // namespace ingot

#include "lib/Train/DifferentiableInterface.h.inc"

namespace ingot {

/// Models of the families of operations; `registerDifferentiationModels` calls all.
void registerArithGradients(mlir::DialectRegistry &registry);
void registerMathGradients(mlir::DialectRegistry &registry);
void registerTensorGradients(mlir::DialectRegistry &registry);
void registerContractionGradients(mlir::DialectRegistry &registry);
void registerRowGradients(mlir::DialectRegistry &registry);
void registerAttentionGradients(mlir::DialectRegistry &registry);
void registerLossGradients(mlir::DialectRegistry &registry);

} // namespace ingot
