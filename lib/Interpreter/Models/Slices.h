// Slices, subviews and reshapes: shared by the models of tensor, memref and scf.
#pragma once

#include "lib/Interpreter/Models/Models.h"

#include "mlir/Interfaces/ViewLikeInterface.h"

namespace ingot::interpreter {

/// The view of `whole` that an op with offsets, sizes and strides names; reports a box that leaves it.
mlir::FailureOr<Array> sliceOf(mlir::OffsetSizeAndStrideOpInterface op, Frame &frame, const Array &whole);

/// Values of an affine map's results for the values of its dimensions, then symbols; nothing on a division by zero.
std::optional<llvm::SmallVector<int64_t>> evaluate(mlir::AffineMap map, llvm::ArrayRef<int64_t> operands);

} // namespace ingot::interpreter
