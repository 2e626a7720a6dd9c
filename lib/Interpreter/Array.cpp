#include "ingot/Interpreter/Array.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace ingot::interpreter;
using llvm::ArrayRef;

Shape ingot::interpreter::denseStrides(ArrayRef<int64_t> shape, int64_t unit) {
  Shape strides(shape.size());
  for (size_t dim = shape.size(); dim-- > 0; unit *= shape[dim])
    strides[dim] = unit;
  return strides;
}

Array Array::ofStorage(std::shared_ptr<std::vector<Cell>> storage, int64_t offset, Element element,
                       ArrayRef<int64_t> shape, unsigned cellsPerElement) {
  Array array;
  array.storage = std::move(storage);
  array.origin = offset;
  array.elementType = element;
  array.extents.assign(shape.begin(), shape.end());
  array.steps = denseStrides(shape, cellsPerElement);
  array.cellsPerElement = cellsPerElement;
  assert(offset + array.numElements() * cellsPerElement <= static_cast<int64_t>(array.storage->size()));
  return array;
}

Array Array::filled(Element element, ArrayRef<int64_t> shape, Cell value) {
  return ofStorage(std::make_shared<std::vector<Cell>>(llvm::product_of(shape), value), 0, element, shape, 1);
}

Array Array::uninitialized(Element element, ArrayRef<int64_t> shape) { return filled(element, shape, poison()); }

Array Array::ofFloats(Element element, ArrayRef<int64_t> shape, ArrayRef<double> values) {
  assert(isFloat(element) && static_cast<int64_t>(values.size()) == llvm::product_of(shape));
  Array array = uninitialized(element, shape);
  for (auto [cell, value] : llvm::zip(*array.storage, values))
    cell.f = value;
  return array;
}

Array Array::ofInts(Element element, ArrayRef<int64_t> shape, ArrayRef<int64_t> values) {
  assert(!isFloat(element) && static_cast<int64_t>(values.size()) == llvm::product_of(shape));
  Array array = uninitialized(element, shape);
  for (auto [cell, value] : llvm::zip(*array.storage, values))
    cell.i = value == poison().i ? value : wrapTo(element, value);
  return array;
}

Array Array::ofBytes(Element element, ArrayRef<int64_t> shape, const void *bytes) {
  Array array = uninitialized(element, shape);
  auto *from = static_cast<const char *>(bytes);
  for (Cell &cell : *array.storage) {
    cell = loadBytes(element, from);
    from += byteSize(element);
  }
  return array;
}

int64_t Array::numElements() const { return llvm::product_of(extents); }

bool Array::isDense() const {
  int64_t expected = 1;
  for (int64_t dim = rank() - 1; dim >= 0; --dim) {
    if (extents[dim] != 1 && steps[dim] != expected)
      return false;
    expected *= extents[dim];
  }
  return cellsPerElement == 1;
}

Cell &Array::at(ArrayRef<int64_t> index) const {
  assert(index.size() == extents.size());
  int64_t offset = origin;
  for (auto [i, step] : llvm::zip(index, steps))
    offset += i * step;
  return (*storage)[offset];
}

Cell &Array::flat(int64_t position) const {
  int64_t offset = origin;
  for (size_t dim = extents.size(); dim-- > 0;) {
    offset += position % extents[dim] * steps[dim];
    position /= extents[dim];
  }
  return (*storage)[offset];
}

std::vector<double> Array::floats() const {
  assert(isFloat(elementType));
  std::vector<double> values;
  Array from = dense();
  for (int64_t i = 0, e = numElements(); i < e; ++i)
    values.push_back(from.data()[i].f);
  return values;
}

std::vector<int64_t> Array::ints() const {
  assert(!isFloat(elementType));
  std::vector<int64_t> values;
  Array from = dense();
  for (int64_t i = 0, e = numElements(); i < e; ++i)
    values.push_back(from.data()[i].i);
  return values;
}

std::vector<char> Array::bytes() const {
  unsigned size = byteSize(elementType);
  std::vector<char> result(numElements() * size);
  Array from = dense();
  for (int64_t i = 0, e = numElements(); i < e; ++i)
    storeBytes(elementType, from.data()[i], result.data() + i * size);
  return result;
}

Array Array::slice(ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) const {
  Array view = *this;
  for (int64_t dim = 0; dim < rank(); ++dim) {
    view.origin += offsets[dim] * steps[dim];
    view.extents[dim] = sizes[dim];
    view.steps[dim] *= strides[dim];
  }
  return view;
}

Array Array::dropDims(const llvm::SmallBitVector &dropped) const {
  Array view = *this;
  view.extents.clear();
  view.steps.clear();
  for (int64_t dim = 0; dim < rank(); ++dim)
    if (!dropped.test(dim)) {
      view.extents.push_back(extents[dim]);
      view.steps.push_back(steps[dim]);
    }
  return view;
}

Array Array::permuted(ArrayRef<int64_t> permutation) const {
  Array view = *this;
  for (auto [to, from] : llvm::enumerate(permutation)) {
    view.extents[to] = extents[from];
    view.steps[to] = steps[from];
  }
  return view;
}

Array Array::restrided(ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) const {
  Array view = *this;
  view.extents.assign(shape.begin(), shape.end());
  view.steps.assign(strides.begin(), strides.end());
  return view;
}

std::optional<Array> Array::reshapedView(ArrayRef<int64_t> shape) const {
  // Runs of dimensions that are contiguous with each other, from the innermost; then each new dimension must lie in
  // one.
  Shape strides(shape.size(), 0);
  int64_t from = rank() - 1;
  int64_t to = static_cast<int64_t>(shape.size()) - 1;
  if (numElements() == 0)
    return restrided(shape, denseStrides(shape, cellsPerElement));
  while (to >= 0) {
    while (from >= 0 && extents[from] == 1)
      --from;
    if (shape[to] == 1) {
      strides[to--] = cellsPerElement;
      continue;
    }
    if (from < 0)
      return std::nullopt;
    int64_t run = extents[from], base = steps[from], filled = 1;
    --from;
    while (to >= 0 && filled < run) {
      strides[to] = base * filled;
      filled *= shape[to--];
      // The new dimension reaches past this run: the next old dimension must continue it.
      while (filled > run && from >= 0 && (extents[from] == 1 || steps[from] == base * run))
        run *= extents[from--];
    }
    if (filled != run)
      return std::nullopt;
  }
  return restrided(shape, strides);
}

Array Array::reshaped(ArrayRef<int64_t> shape) const {
  assert(llvm::product_of(shape) == numElements());
  if (auto view = reshapedView(shape))
    return *view;
  Array copy = clone();
  return copy.restrided(shape, denseStrides(shape));
}

Array Array::dense() const { return isDense() ? *this : clone(); }

Array Array::clone() const {
  Array copy;
  copy.elementType = elementType;
  copy.extents = extents;
  copy.steps = denseStrides(extents);
  copy.storage = std::make_shared<std::vector<Cell>>(numElements());
  copy.assign(*this);
  return copy;
}

void Array::assign(const Array &source) const {
  assert(shape() == source.shape());
  Cell *to = data(), *from = source.data();
  if (isDense() && source.isDense())
    std::copy(from, from + numElements(), to);
  else
    forEachOffset<2>(extents, {ArrayRef<int64_t>(steps), source.strides()},
                     [&](const std::array<int64_t, 2> &offset) { to[offset[0]] = from[offset[1]]; });
  finishWrite();
}

void Array::fill(Cell cell) const {
  forEachOffset<1>(extents, {ArrayRef<int64_t>(steps)},
                   [&](const std::array<int64_t, 1> &offset) { data()[offset[0]] = cell; });
  finishWrite();
}

void Array::finishWrite() const {
  if (cellsPerElement == 1)
    return;
  Cell *to = data();
  forEachOffset<1>(extents, {ArrayRef<int64_t>(steps)}, [&](const std::array<int64_t, 1> &offset) {
    std::fill_n(to + offset[0] + 1, cellsPerElement - 1, poison());
  });
}
