// Sums and maxima along a row, in an order that its extent alone decides.
#pragma once

#include "lib/Target/CPU/FlatView.h"

namespace ingot::cpu {

/// Lane i of a row's partial result combines elements i, i + widest, i + 2 widest, ...; then halves are combined with
/// each other down to one lane, the remainder of the row joining where its width fits. So the order of combination is a
/// fixed tree.
struct RowFold {
  int64_t extent = 0;
  int64_t widest = 1; // a power of two; 1 folds in index order
  /// The elements of the row from position `index` on, `width` of them.
  std::function<mlir::Value(Emitter &, mlir::Value index, int64_t width)> element;
  std::function<mlir::Value(Emitter &, mlir::Value, mlir::Value)> combine;
};

/// The fold's scalar result. The extent is at least 1.
mlir::Value emitFold(Emitter &emitter, const RowFold &fold);

/// The tree alone: all lanes of a vector to a scalar; a scalar as it is.
mlir::Value foldLanes(Emitter &emitter, mlir::Value value,
                      const std::function<mlir::Value(Emitter &, mlir::Value, mlir::Value)> &combine);

/// Calls `body` for each piece of a row: in a loop over whole vectors of `widest`, then with narrower ones.
void emitPieces(Emitter &emitter, int64_t extent, int64_t widest,
                llvm::function_ref<void(mlir::Value index, int64_t width)> body);

/// The maximum of two values; NaN if one is.
mlir::Value maximum(Emitter &emitter, mlir::Value a, mlir::Value b);

} // namespace ingot::cpu
