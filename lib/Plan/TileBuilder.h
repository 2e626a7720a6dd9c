// Short forms of tile ops on private temporaries, for kernels that are written as several of them.
#pragma once

#include "lib/Plan/KernelBuilder.h"

namespace ingot {

/// An input of a `tile.map`: dimension i of `value` is dimension `dims[i]` of the result.
struct TileInput {
  mlir::Value value;
  llvm::SmallVector<unsigned> dims;
};

class TileBuilder {
public:
  using Body = llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::ValueRange)>;
  explicit TileBuilder(KernelBuilder &kernel) : kernel(kernel), b(kernel.getBuilder()), loc(kernel.getLoc()) {}

  /// Float32, or float64 for float64.
  mlir::Type computeType(mlir::Type element) const { return element.isF64() ? element : mlir::Type(b.getF32Type()); }
  /// `body` of the inputs' elements at each index of `shape`, in `destination` or private memory.
  mlir::Value map(llvm::ArrayRef<int64_t> shape, mlir::Type element, llvm::ArrayRef<TileInput> inputs, Body body,
                  mlir::Value destination = {});
  mlir::Value reduce(ReduceKind kind, mlir::Value input, llvm::ArrayRef<int64_t> dims);
  /// Sum of products over the iteration dimensions that `outDims` lacks, the first outermost. Each list names the
  /// iteration dimension of each dimension of one operand.
  mlir::Value contract(mlir::Value lhs, llvm::ArrayRef<unsigned> lhsDims, mlir::Value rhs,
                       llvm::ArrayRef<unsigned> rhsDims, mlir::Value out, llvm::ArrayRef<unsigned> outDims);
  /// 0, 1, 2, ... as [count] of int32.
  mlir::Value iota(int64_t count);
  /// `value` in its compute type; a copy if it has another type.
  mlir::Value widened(mlir::Value value);
  /// [m, n] to [n, m], in the compute type.
  mlir::Value transposed(mlir::Value value);
  mlir::Value temporary(llvm::ArrayRef<int64_t> shape, mlir::Type element) { return kernel.temporary(shape, element); }
  /// A slice with constant offsets.
  mlir::Value slice(mlir::Value value, llvm::ArrayRef<int64_t> offsets, llvm::ArrayRef<int64_t> sizes,
                    llvm::ArrayRef<int64_t> dropped = {});

private:
  KernelBuilder &kernel;
  mlir::OpBuilder &b;
  mlir::Location loc;
};

/// Scalar arithmetic in one type inside a `tile.map`.
struct ScalarMath {
  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type type;

  mlir::Value widen(mlir::Value x);
  mlir::Value narrow(mlir::Value x, mlir::Type element);
  mlir::Value constant(double value);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  mlir::Value mul(mlir::Value x, mlir::Value y);
  mlir::Value div(mlir::Value x, mlir::Value y);
  mlir::Value exp(mlir::Value x);
  mlir::Value log(mlir::Value x);
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y);
  mlir::Value isZero(mlir::Value x);
};

} // namespace ingot
