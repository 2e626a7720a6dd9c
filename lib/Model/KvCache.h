// Finds the key/value cache of an imported decoder: what `ingot-kv-in-place` rewrites.
#pragma once

#include "Masks.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace ingot::model {

/// An attention over a concatenated cache.
struct CachedAttention {
  AttentionOp op;
  bool causal = false; // by its attribute, its bias, or because there is only one row
};

/// One layer's past and present.
struct CacheLayer {
  int64_t number = 0;
  mlir::BlockArgument pastKey, pastValue;    // [batch, kv_heads, past, d]
  mlir::tensor::ConcatOp key, value;         // past, then the new rows: [batch, kv_heads, max_seq, d]
  unsigned presentKey = 0, presentValue = 0; // numbers of results
  mlir::SmallVector<CachedAttention> attentions;

  /// The later one of the two concatenations.
  mlir::Operation *last() { return key->isBeforeInBlock(value) ? value.getOperation() : key.getOperation(); }
};

/// An entry with past and present.
struct CachedDecoder {
  mlir::func::FuncOp func;
  int64_t batch = 0, rows = 0, past = 0;
  mlir::BlockArgument tokens, positions, attentionMask; // the latter two may be null
  unsigned logits = 0;                                  // number of the result
  llvm::SmallVector<CacheLayer> layers;                 // in program order
  /// Uses of the constant positions past, past + 1, ...
  llvm::SmallVector<mlir::OpOperand *> constantPositions;
};

/// Whether an input is named past_key_values.*.
bool hasPastInputs(mlir::func::FuncOp func);

/// The decoder that `func` is; failure after an error that says what of the pattern is missing.
mlir::FailureOr<CachedDecoder> findCachedDecoder(mlir::func::FuncOp func, bool finiteMasks);

} // namespace ingot::model
