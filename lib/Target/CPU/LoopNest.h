// The loop nest behind contractions, reductions and pointwise maps: vectorised by construction.
#pragma once

#include "lib/Target/CPU/FlatView.h"

namespace ingot::cpu {

/// What the nest may use of the machine.
struct VectorShape {
  int64_t lanes = 8;      // float32 elements of one vector register
  int64_t registers = 16; // vector registers
};

/// `out[i] = finish(fold combine over the reduction loops, from init)` for each index i of the other loops.
///
/// Each output element has one chain of combinations, in index order of the reduction loops, the first outermost: its
/// bits depend on nothing else. Neighbouring elements share vectors and registers where strides allow; odd extents are
/// covered by ever narrower vectors, so nothing is masked and nothing outside the operands is touched.
struct LoopNest {
  using Builder = mlir::ImplicitLocOpBuilder;
  llvm::SmallVector<int64_t> extents;
  llvm::SmallVector<unsigned> reductionDims; // empty for pointwise work
  llvm::SmallVector<Access> inputs;
  Access out;
  bool vectorise = true; // false when `combine` can only take scalars

  /// Applied to each loaded scalar or vector before it is broadcast, perhaps absent: widens element types.
  std::function<mlir::Value(Builder &, mlir::Value)> convert;
  /// The first accumulator, of `width` lanes; absent without reduction loops.
  std::function<mlir::Value(Builder &, int64_t width)> init;
  /// The next accumulator; `accumulator` is null without reduction loops. All values are of one width.
  std::function<mlir::Value(Builder &, mlir::Value accumulator, mlir::ValueRange elements, int64_t width)> combine;
  /// The value to store, perhaps absent.
  std::function<mlir::Value(Builder &, mlir::Value)> finish;
};

void emitLoopNest(mlir::ImplicitLocOpBuilder &builder, const LoopNest &nest, VectorShape shape);

} // namespace ingot::cpu
