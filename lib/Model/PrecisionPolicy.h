// What each operation wants of its floats when a model is computed in a 16-bit type.
#pragma once

#include "mlir/IR/Operation.h"

namespace ingot::model {

/// In which type an operation takes an operand that was float32.
enum class OperandPrecision {
  Compute, // the 16-bit type: contractions, and what is stored for them (rows of norms, heads, caches, embeddings)
  Single,  // float32: pointwise arithmetic, statistics, weights of norms, tables of angles, biases of attention
  Moved,   // the type of the result: elements are only copied
};

/// In which type an operation gives its float32 results.
enum class ResultPrecision {
  Compute,     // as its operands: one type by definition of the operation
  Accumulated, // either: sums are float32 anyway, and rounded once if the result is stored in the 16-bit type
  Single,      // float32
  Moved,       // the type of the operands
};

/// The policy by operation: the one table. What it does not know stays float32.
OperandPrecision operandPrecision(mlir::OpOperand &operand);
ResultPrecision resultPrecision(mlir::Operation *op);

} // namespace ingot::model
