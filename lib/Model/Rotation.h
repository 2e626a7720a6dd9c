// A rotation that was found, and its making as `ingot.rope`: common to all forms in which it is written.
#pragma once

#include "Terms.h"

namespace ingot::model {

/// What is turned. Either pair and member are different dimensions of its value: a term over [d0, d1, d2, pair,
/// member]. Or they are one dimension, in the order that `ingot.rope` wants: a term over [d0, d1, d2, 2 * pairs].
struct Members {
  Term term;
  bool inOneDimension;
};

/// A rotation found over the space [d0, d1, d2, pair]: heads and rows are dimensions 1 and 2 in either order.
struct Rotation {
  Members x;
  Term cos, sin;                    // over [d0, d1, d2, pair]
  llvm::SmallVector<int64_t> space; // [d0, d1, d2, pair]
  bool interleaved;
};

/// The rotation as `ingot.rope`, of type [d0, d1, d2, 2 * pairs]; nothing if it does not fit.
mlir::Value buildRope(mlir::OpBuilder &b, mlir::Location loc, const Rotation &rotation);

} // namespace ingot::model
