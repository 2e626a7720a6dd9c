// Memrefs seen as flat arrays: how generated loops address tiles of any strided layout.
#pragma once

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/SmallVector.h"

namespace ingot::cpu {

using Emitter = mlir::ImplicitLocOpBuilder;

/// A memref of static shape and strides as one flat array. Element (i, j, ...) lies at i * strides[0] + j * strides[1]
/// + ...; subviews, expanded and collapsed shapes all look alike.
struct FlatView {
  mlir::Value memref; // rank 1, stride 1, dynamic offset
  mlir::Type element;
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<int64_t> strides; // in elements
};

/// Emits the flat view of a memref. Fails with a diagnostic when shape or strides are not static.
mlir::FailureOr<FlatView> flatten(mlir::ImplicitLocOpBuilder &builder, mlir::Value memref);
/// The same for each of `memrefs`.
mlir::FailureOr<llvm::SmallVector<FlatView>> flattenAll(mlir::ImplicitLocOpBuilder &builder, mlir::ValueRange memrefs);

/// The elements of an operand as a function of the indices of a loop nest: element `offset + sum(iv[d] * strides[d])`.
struct Access {
  mlir::Value memref; // flat
  mlir::Type element;
  llvm::SmallVector<int64_t> strides; // one per loop of the nest, 0 where the operand does not depend on it
  mlir::Value offset;                 // index
};

/// Access of `view` through `map` from loop indices to the view's dimensions; results are dimensions or constants.
Access accessThrough(mlir::ImplicitLocOpBuilder &builder, const FlatView &view, mlir::AffineMap map);

/// Access of `view` by its own dimensions.
Access accessDirectly(mlir::ImplicitLocOpBuilder &builder, const FlatView &view);

mlir::Value indexConstant(mlir::ImplicitLocOpBuilder &builder, int64_t value);
/// `base + value`, nothing emitted for 0.
mlir::Value addConstant(mlir::ImplicitLocOpBuilder &builder, mlir::Value base, int64_t value);
/// `base + iv * stride`, nothing emitted for stride 0.
mlir::Value addScaled(mlir::ImplicitLocOpBuilder &builder, mlir::Value base, mlir::Value iv, int64_t stride);

/// The vector type of `width` elements, or the element type itself for a width of 1.
mlir::Type widen(mlir::Type element, int64_t width);
/// Loads `width` neighbouring elements at a flat index.
mlir::Value loadElements(mlir::ImplicitLocOpBuilder &builder, mlir::Value memref, mlir::Value index, int64_t width);
void storeElements(mlir::ImplicitLocOpBuilder &builder, mlir::Value value, mlir::Value memref, mlir::Value index);
/// A scalar in all lanes; the scalar itself for a width of 1.
mlir::Value splat(mlir::ImplicitLocOpBuilder &builder, mlir::Value scalar, int64_t width);
/// A floating-point constant of a scalar or vector type.
mlir::Value floatConstant(mlir::ImplicitLocOpBuilder &builder, mlir::Type type, double value);

/// Widths of the vectors that cover `extent` elements: as many of `widest` as fit, then halves down to 1.
llvm::SmallVector<int64_t> chunkWidths(int64_t extent, int64_t widest);

/// The type in which values of `element` are computed: float32 for 16-bit floats, else itself.
mlir::Type computeType(mlir::Type element);
/// Converts a float scalar or vector to the element type `element` of the same kind; rounds to nearest even.
mlir::Value convertFloat(mlir::ImplicitLocOpBuilder &builder, mlir::Value value, mlir::Type element);

/// Emits loops over `extents` and calls `body` with their indices; loops of extent 1 are left out.
void emitLoops(mlir::ImplicitLocOpBuilder &builder, llvm::ArrayRef<int64_t> extents,
               llvm::function_ref<void(mlir::ValueRange)> body);
/// Emits `for i in [0, end) step` with carried values; `body` returns the next ones.
llvm::SmallVector<mlir::Value>
emitLoop(mlir::ImplicitLocOpBuilder &builder, mlir::Value end, int64_t step, mlir::ValueRange carried,
         llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);

/// Flags of generated arithmetic: products and sums may fuse, nothing else.
mlir::Value addf(mlir::ImplicitLocOpBuilder &builder, mlir::Value a, mlir::Value b);
mlir::Value subf(mlir::ImplicitLocOpBuilder &builder, mlir::Value a, mlir::Value b);
mlir::Value mulf(mlir::ImplicitLocOpBuilder &builder, mlir::Value a, mlir::Value b);
/// a * b + c, one rounding where the target has it.
mlir::Value mulAdd(mlir::ImplicitLocOpBuilder &builder, mlir::Value a, mlir::Value b, mlir::Value c);

} // namespace ingot::cpu
