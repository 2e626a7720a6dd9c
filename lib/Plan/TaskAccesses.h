// What the tasks of a body touch, derived from the subviews in it.
#pragma once

#include "dialects/Task/Task.h"

namespace ingot {

/// A box of one memref argument of a body. Offsets are affine in the body's index-typed arguments: the task indices are
/// the first dimensions, then the integers.
struct BodyAccess {
  unsigned argument; // number of the block argument
  mlir::AffineMap offsets;
  llvm::SmallVector<int64_t> sizes;
  bool write;
  bool certain;  // write: every element is written
  bool streamed; // read: the right operand of a contraction, worth prefetching
  int64_t moved; // elements of the box that one task touches, at most; what it costs

  /// Whether this declares what `other` declares.
  bool sameBox(const BodyAccess &other) const {
    return argument == other.argument && offsets == other.offsets && sizes == other.sizes && write == other.write &&
           certain == other.certain && streamed == other.streamed;
  }
};

/// All boxes that the tile ops of `body` read and write, without duplicates.
llvm::SmallVector<BodyAccess> accessesOf(task::BodyOp body);

/// Smallest and one past the largest index that `offset` + [0, size) reaches over all tasks of `grid`; the whole
/// dimension where the expression is not monotone.
std::pair<int64_t, int64_t> boundsOver(mlir::AffineExpr offset, int64_t size, int64_t extent,
                                       llvm::ArrayRef<int64_t> grid);

} // namespace ingot
