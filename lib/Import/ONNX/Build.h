// Building blocks that handlers share: reshapes, broadcasts, constants, pointwise operations on tensors.
#pragma once

#include "Importer.h"

namespace ingot::onnx_import {

/// `value` with its elements in the same order as shape `to`, which has as many elements.
Value reshape(mlir::ImplicitLocOpBuilder &b, Value value, llvm::ArrayRef<int64_t> to);

/// `value` with dimension i of the result taken from dimension permutation[i].
Value transpose(mlir::ImplicitLocOpBuilder &b, Value value, llvm::ArrayRef<int64_t> permutation);

/// `value` repeated to `to`, to which it broadcasts (aligned at the last dimension).
Value broadcast(mlir::ImplicitLocOpBuilder &b, Value value, llvm::ArrayRef<int64_t> to);

/// The same for a tensor of the graph: an equal-element literal becomes a constant of the full shape.
Value broadcast(Node &node, Tensor &tensor, llvm::ArrayRef<int64_t> to);

/// A constant of `type` whose elements all are `value`.
Value splat(mlir::ImplicitLocOpBuilder &b, RankedTensorType type, double value);

/// The shape to which all broadcast, by ONNX's (NumPy's) rule; failure after an error.
FailureOr<llvm::SmallVector<int64_t>> broadcastShape(Node &node, llvm::ArrayRef<llvm::ArrayRef<int64_t>> shapes);

/// Elements [offset, offset + size) with `stride` per dimension.
Value slice(mlir::ImplicitLocOpBuilder &b, Value value, llvm::ArrayRef<int64_t> offsets, llvm::ArrayRef<int64_t> sizes,
            llvm::ArrayRef<int64_t> strides);

/// `type` with another shape.
inline RankedTensorType withShape(RankedTensorType type, llvm::ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, type.getElementType());
}

inline RankedTensorType typeOf(Value value) { return llvm::cast<RankedTensorType>(value.getType()); }

} // namespace ingot::onnx_import
