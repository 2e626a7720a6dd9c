// The interpreter's tensors and buffers: typed, strided views of reference-counted cells.
#pragma once

#include "ingot/Interpreter/Element.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <vector>

namespace ingot::interpreter {

using Shape = llvm::SmallVector<int64_t, 6>;

/// A view of cells. Copying an Array copies the view, not the cells. A tensor's cells are never written once another
/// Array may see them; a memref's are.
class Array {
public:
  Array() = default;

  /// New cells in row-major order, all poison (NaN).
  static Array uninitialized(Element element, llvm::ArrayRef<int64_t> shape);
  /// New cells, all `value`.
  static Array filled(Element element, llvm::ArrayRef<int64_t> shape, Cell value);
  /// From row-major values. Floats are taken as they are, not rounded; integers are wrapped; poison stays.
  static Array ofFloats(Element element, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<double> values);
  static Array ofInts(Element element, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> values);
  /// From row-major little-endian bytes: as many as the shape says.
  static Array ofBytes(Element element, llvm::ArrayRef<int64_t> shape, const void *bytes);
  /// `cellsPerElement` > 1 spreads elements in an arena whose cells are smaller than the element. `offset` in cells.
  static Array ofStorage(std::shared_ptr<std::vector<Cell>> storage, int64_t offset, Element element,
                         llvm::ArrayRef<int64_t> shape, unsigned cellsPerElement);

  Element element() const { return elementType; }
  llvm::ArrayRef<int64_t> shape() const { return extents; }
  /// In cells.
  llvm::ArrayRef<int64_t> strides() const { return steps; }
  int64_t rank() const { return static_cast<int64_t>(extents.size()); }
  int64_t numElements() const;
  /// The cell of index 0.
  Cell *data() const { return storage->data() + origin; }
  /// Row-major without gaps.
  bool isDense() const;
  /// Whether this is the only view of its cells.
  bool isUnique() const { return storage.use_count() == 1; }
  bool isSameStorage(const Array &other) const { return storage == other.storage; }

  /// The cell at an index (one number per dimension).
  Cell &at(llvm::ArrayRef<int64_t> index) const;
  /// The cell at a row-major position; slow unless dense.
  Cell &flat(int64_t position) const;
  /// Row-major values.
  std::vector<double> floats() const;
  std::vector<int64_t> ints() const;
  /// Row-major little-endian bytes; floats are rounded to the element type.
  std::vector<char> bytes() const;

  // Views of the same cells.
  Array slice(llvm::ArrayRef<int64_t> offsets, llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> strides) const;
  /// Without the dimensions in `dropped` (each of extent 1).
  Array dropDims(const llvm::SmallBitVector &dropped) const;
  Array permuted(llvm::ArrayRef<int64_t> permutation) const;
  /// Any extents and strides (in cells) from the same origin.
  Array restrided(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> strides) const;
  /// Other extents for the same elements in order: a view where strides allow it, else a copy.
  Array reshaped(llvm::ArrayRef<int64_t> shape) const;
  /// As `reshaped`, but nothing instead of a copy.
  std::optional<Array> reshapedView(llvm::ArrayRef<int64_t> shape) const;
  /// Itself if dense, else a dense copy.
  Array dense() const;
  /// A dense copy.
  Array clone() const;

  /// Copies the elements of `source`, which has the same shape, into this view's cells.
  void assign(const Array &source) const;
  /// Sets all elements of this view.
  void fill(Cell cell) const;
  /// Poisons what a write of elements wider than a cell also overwrites in an arena. Writers through a view call it.
  void finishWrite() const;

private:
  std::shared_ptr<std::vector<Cell>> storage;
  int64_t origin = 0;
  Shape extents, steps;
  Element elementType = Element::f32;
  unsigned cellsPerElement = 1;
};

/// Row-major strides of `shape` in units of `unit` cells.
Shape denseStrides(llvm::ArrayRef<int64_t> shape, int64_t unit = 1);

/// Calls fn(offset of each view in cells) for every index of `shape` in row-major order.
template <unsigned N, typename Fn>
void forEachOffset(llvm::ArrayRef<int64_t> shape, const std::array<llvm::ArrayRef<int64_t>, N> &strides, Fn fn) {
  std::array<int64_t, N> offsets = {};
  if (llvm::is_contained(shape, 0))
    return;
  if (shape.empty()) {
    fn(offsets);
    return;
  }
  Shape index(shape.size(), 0);
  size_t last = shape.size() - 1;
  while (true) {
    for (int64_t i = 0; i < shape[last]; ++i) {
      fn(offsets);
      for (unsigned n = 0; n < N; ++n)
        offsets[n] += strides[n][last];
    }
    for (unsigned n = 0; n < N; ++n)
      offsets[n] -= strides[n][last] * shape[last];
    size_t dim = last;
    while (true) {
      if (dim == 0)
        return;
      --dim;
      ++index[dim];
      for (unsigned n = 0; n < N; ++n)
        offsets[n] += strides[n][dim];
      if (index[dim] < shape[dim])
        break;
      for (unsigned n = 0; n < N; ++n)
        offsets[n] -= strides[n][dim] * shape[dim];
      index[dim] = 0;
    }
  }
}

} // namespace ingot::interpreter
