// Attention inside one task: what its two loop structures share.
#pragma once

#include "lib/Target/CPU/Lowering.h"

namespace ingot::cpu {

/// Operands of `tile.attention` or `tile.partial_attention` as flat arrays, and the loops' common vocabulary.
///
/// Rows of all query heads that share a kv head form one list: entry m is row m / group, head m % group.
struct AttentionTask {
  Emitter &e;
  VectorShape shape;
  mlir::Block *entry; // of the function
  mlir::Type compute; // float32, or float64 for float64
  bool causal = false;
  bool partial = false; // writes output, maximum and sum of the keys at hand instead of their quotient
  double scale = 1;
  FlatView query, key, value, start, count, bias, out; // start, count and bias: no memref when absent
  mlir::Value firstKey;                                // position of key 0 in its sequence; null for 0
  mlir::Value firstRow;                                // number of row 0, see tile.attention; null for the default

  int64_t rows() const { return query.shape[1]; }
  int64_t group() const { return query.shape[2] / key.shape[1]; }
  int64_t entries() const { return rows() * group(); }
  int64_t keys() const { return key.shape[2]; }
  int64_t depth() const { return query.shape[3]; }
  int64_t valueDepth() const { return value.shape[3]; }

  mlir::Value constant(mlir::Type type, double value) const { return floatConstant(e, type, value); }
  /// Memory of the body, 64-byte aligned, taken at its entry: in a loop it would grow the stack.
  mlir::Value temporary(int64_t elements, mlir::Type element) const;
  mlir::Value offsetOf(const FlatView &view, mlir::ValueRange indices) const;
  /// Row and head of entry `m` of kv head `g`.
  std::pair<mlir::Value, mlir::Value> rowAndHead(mlir::Value g, mlir::Value m) const;
  /// How many of the keys row c of sequence b sees; 0 for rows that are not counted.
  mlir::Value visibleKeys(mlir::Value b, mlir::Value c) const;
  /// e^x for x that is at most 0, -inf or NaN.
  mlir::Value exponential(mlir::Value x) const;
  /// What is subtracted from scores whose maximum is `maximum`: -inf - -inf would be NaN in rows with finite scores
  /// later.
  mlir::Value finiteMaximum(mlir::Value maximum) const;
  /// A value of `width` float32 lanes to the output's element type.
  mlir::Value narrowed(mlir::Value value) const { return convertFloat(e, value, out.element); }
  /// Elements of a view at a flat index, in the compute type.
  mlir::Value load(const FlatView &view, mlir::Value at, int64_t width) const {
    return convertFloat(e, loadElements(e, view.memref, at, width), compute);
  }
};

/// The larger of two, `a` if b is NaN: a score of NaN needs no maximum to become a sum of NaN.
mlir::Value larger(Emitter &emitter, mlir::Value a, mlir::Value b);
/// Sum and maximum of a row (or of a vector of rows) as they are reported by a partial result: the sum is NaN where
/// keys were seen and all scores were -inf, and the maximum is NaN where the sum is NaN for another reason.
std::pair<mlir::Value, mlir::Value> reportedSumAndMaximum(const AttentionTask &task, mlir::Value sum,
                                                          mlir::Value maximum, mlir::Value isEmpty);

/// Calls `body` for positions 0, size, 2 size, ... below `end`; `whole` says that all `size` positions are below it.
llvm::SmallVector<mlir::Value>
emitGroups(Emitter &emitter, mlir::Value end, int64_t size, mlir::ValueRange carried,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, bool, mlir::ValueRange)> body);

/// Vector i of the result holds lane i of each of the `vectors`, as many as they have lanes.
llvm::SmallVector<mlir::Value> transposed(Emitter &emitter, llvm::ArrayRef<mlir::Value> vectors);
/// Lane i of the result is the sum of the lanes of vector i, halves added first; as many vectors as lanes.
mlir::Value sumsOfLanes(Emitter &emitter, llvm::ArrayRef<mlir::Value> vectors);

/// Many entries: they lie across the lanes of vectors, blocks of keys are contracted with all of them.
void emitAttentionOfBlocks(const AttentionTask &task, mlir::Value b, mlir::Value g);
/// Few entries: keys lie across the lanes, and each block of keys serves one entry after the other.
void emitAttentionOfRows(const AttentionTask &task, mlir::Value b, mlir::Value g);

/// Emits one `tile.combine_attention`.
mlir::LogicalResult lowerCombineAttention(Emitter &emitter, tile::CombineAttentionOp op, mlir::Block *entry,
                                          int64_t lanes);

} // namespace ingot::cpu
