// Values seen through views: what a value is, up to reshapes, broadcasts, transposes and slices.
//
// Exporters write the same formula with many different reshapes and broadcasts around each operand. Matching works on
// terms instead: a term says which element of which value stands at each index of a common index space (the shape of
// the formula's result), so two operands are equal exactly if their terms are.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

#include <optional>

namespace ingot::model {

/// How one dimension of a value is indexed from the index space: `offset + stride * space[dim]`, or the constant
/// `offset` when `dim` is -1. Dimensions of extent 1 are always the constant 0.
struct DimAccess {
  int64_t dim = -1, offset = 0, stride = 0;
  bool operator==(const DimAccess &other) const {
    return dim == other.dim && offset == other.offset && stride == other.stride;
  }
  bool varies() const { return dim >= 0; }
  /// Exactly the space's dimension `d`.
  bool is(int64_t d) const { return dim == d && offset == 0 && stride == 1; }
};

/// A value and how it is indexed, one entry per dimension of the value.
struct Term {
  mlir::Value value;
  llvm::SmallVector<DimAccess> access;
  bool operator==(const Term &other) const { return value == other.value && access == other.access; }
  /// Whether the term's elements differ along dimension `dim` of the space.
  bool variesAlong(int64_t dim) const;
  template <typename Op> Op getDefiningOp() const { return value.getDefiningOp<Op>(); }
};

inline mlir::RankedTensorType tensorType(mlir::Value value) {
  return llvm::dyn_cast<mlir::RankedTensorType>(value.getType());
}

/// `value` over its own shape, seen through views.
Term termOf(mlir::Value value);

/// `operand` indexed as `term` is (an operand of a pointwise operation), seen through views.
Term operandTerm(const Term &term, mlir::Value operand);

/// The same elements without the reshapes, broadcasts, transposes and slices that make `term`'s value.
Term peel(Term term);

/// The number, if every element of the term is the same known number.
std::optional<double> splatNumber(const Term &term);

/// `value` with its elements in the same order as shape `shape`, which has as many.
mlir::Value reshapeTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> shape);

/// `value` with result dimension i taken from dimension permutation[i]; `value` itself for the identity.
mlir::Value transposeTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> permutation);

/// The term as a tensor with one dimension per entry of `dims` (dimensions of the space): of the space's extent where
/// the term varies, else 1. Nothing if the term varies along a dimension not in `dims` or along a diagonal.
mlir::Value materialize(mlir::OpBuilder &b, mlir::Location loc, const Term &term, llvm::ArrayRef<int64_t> dims,
                        llvm::ArrayRef<int64_t> space);

/// As `materialize`, then broadcast to the space's extents in `dims`.
mlir::Value materializeFull(mlir::OpBuilder &b, mlir::Location loc, const Term &term, llvm::ArrayRef<int64_t> dims,
                            llvm::ArrayRef<int64_t> space);

} // namespace ingot::model
