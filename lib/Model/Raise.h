// The matchers of `ingot-raise`, one per family of named operations. Each looks at one operation as the last of a
// decomposed form and returns the value that replaces its result, built with `b`, or nothing.
#pragma once

#include "Terms.h"

namespace ingot::model {

mlir::Value raiseNorm(mlir::OpBuilder &b, mlir::Operation *root);
mlir::Value raiseActivation(mlir::OpBuilder &b, mlir::Operation *root);
mlir::Value raiseSoftmax(mlir::OpBuilder &b, mlir::Operation *root);
mlir::Value raiseRope(mlir::OpBuilder &b, mlir::Operation *root);

} // namespace ingot::model
