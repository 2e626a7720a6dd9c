// Constants whose elements the importer computes with: shapes, indices, masks, scalars.
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>
#include <vector>

namespace ingot::onnx_import {

/// Elements in row-major order: integers (also i1, as 0 and 1) as int64, floats as double. The type is kept beside it.
class Literal {
public:
  static Literal ofInts(std::vector<int64_t> values);
  static Literal ofFloats(std::vector<double> values);
  /// Decodes little-endian elements of `type`.
  static Literal ofBytes(mlir::Type type, llvm::ArrayRef<char> bytes);
  /// `count` equal elements; `value` is read as the kind of `type`.
  static Literal splat(mlir::Type type, size_t count, double value);

  bool isFloat() const { return floating; }
  size_t size() const { return floating ? floats.size() : ints.size(); }
  int64_t intAt(size_t i) const { return ints[i]; }
  double floatAt(size_t i) const { return floats[i]; }
  /// The element as a double, whatever its kind.
  double number(size_t i) const { return floating ? floats[i] : static_cast<double>(ints[i]); }
  llvm::ArrayRef<int64_t> allInts() const { return ints; }

  /// At least one element, and all equal bit by bit.
  bool isSplat() const;

  /// The literal whose element i is element source(i) of this one.
  Literal pick(size_t count, llvm::function_ref<size_t(size_t)> source) const;

  /// The elements as an attribute of `type`, whose element count is size().
  mlir::DenseElementsAttr toAttribute(mlir::RankedTensorType type) const;

private:
  bool floating = false;
  std::vector<int64_t> ints;
  std::vector<double> floats;
};

/// `value` rounded to the float type `type`.
double roundTo(mlir::Type type, double value);

/// `value` wrapped to the integer type `type`; i1 keeps the lowest bit as 0 or 1.
int64_t wrapTo(mlir::Type type, int64_t value);

/// Walks a strided view in row-major order: element i of a tensor of shape `shape` lies at offset + sum of coordinate
/// times stride. Slices, transposes and broadcasts of a literal are such views.
struct StridedView {
  llvm::SmallVector<int64_t> shape, strides;
  int64_t offset = 0;
  /// Element i is element i.
  bool identity = false;

  size_t operator()(size_t i) const;
};

/// Row-major strides of `shape`.
llvm::SmallVector<int64_t> rowMajorStrides(llvm::ArrayRef<int64_t> shape);

/// How a tensor of shape `from` is read as `to`, to which it broadcasts (aligned at the last dimension).
StridedView broadcastView(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to);

} // namespace ingot::onnx_import
