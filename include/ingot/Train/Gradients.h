// Gradients of one value of a program with respect to others.
#pragma once

#include "mlir/IR/Builders.h"

namespace ingot {

/// Builds, at `builder`'s insertion point, the gradients of `output`, a float tensor of one element, with respect to
/// the float tensors `inputs`, by reverse mode. All are values of the builder's block, and what lies between them comes
/// before the insertion point. Inputs and the values `held` count as independent of each other: no gradient flows
/// through the operations that compute them. An input on which `output` does not depend has zeros.
///
/// Operations in between may be replaced by others with more results: the caller must not keep values that are not
/// operands of an operation. Failure after a diagnostic, where an operation is not differentiable.
mlir::FailureOr<llvm::SmallVector<mlir::Value>> buildGradients(mlir::OpBuilder &builder, mlir::Location loc,
                                                               mlir::Value output, llvm::ArrayRef<mlir::Value> inputs,
                                                               llvm::ArrayRef<mlir::Value> held);

} // namespace ingot
