#include "lib/Interpreter/Kernels/Kernels.h"

using namespace ingot::interpreter;
using llvm::ArrayRef;

namespace {

/// Cell offsets of all positions of some iteration dimensions, row-major.
std::vector<int64_t> offsetsOf(const Contraction &spec, ArrayRef<unsigned> dims, const Shape &strides) {
  Shape extents, steps;
  for (unsigned dim : dims) {
    extents.push_back(spec.extents[dim]);
    steps.push_back(strides[dim]);
  }
  std::vector<int64_t> offsets;
  forEachOffset<1>(extents, {ArrayRef<int64_t>(steps)}, [&](const auto &offset) { offsets.push_back(offset[0]); });
  return offsets;
}

template <typename A> A get(const Cell &cell) {
  if constexpr (std::is_floating_point_v<A>)
    return static_cast<A>(cell.f);
  else
    return static_cast<A>(cell.i);
}

template <typename A> void put(Cell &cell, A value) {
  if constexpr (std::is_floating_point_v<A>)
    cell.f = value;
  else
    cell.i = static_cast<int64_t>(value);
}

/// Up to kWidth results at once, each summed in index order: independent sums hide the latency of addition.
constexpr int64_t kWidth = 8;

template <typename A>
void sumColumns(const Cell *lhs, const Cell *rhs, const std::vector<int64_t> &lhsSteps,
                const std::vector<int64_t> &rhsSteps, int64_t lhsColumn, int64_t rhsColumn, int64_t columns,
                Cell *out) {
  A sums[kWidth] = {};
  if (columns == kWidth && lhsColumn == 0) {
    for (size_t r = 0; r < lhsSteps.size(); ++r) {
      A factor = get<A>(lhs[lhsSteps[r]]);
      for (int64_t j = 0; j < kWidth; ++j)
        sums[j] += factor * get<A>(rhs[rhsSteps[r] + j * rhsColumn]);
    }
  } else {
    for (size_t r = 0; r < lhsSteps.size(); ++r)
      for (int64_t j = 0; j < columns; ++j)
        sums[j] += get<A>(lhs[lhsSteps[r] + j * lhsColumn]) * get<A>(rhs[rhsSteps[r] + j * rhsColumn]);
  }
  for (int64_t j = 0; j < columns; ++j)
    put<A>(out[j], sums[j]);
}

template <typename A> void contractAs(const Contraction &spec, const Array &lhs, const Array &rhs, const Array &out) {
  ArrayRef<unsigned> rows = spec.parallel;
  int64_t columns = 1, lhsColumn = 0, rhsColumn = 0;
  if (!rows.empty()) {
    unsigned dim = rows.back();
    columns = spec.extents[dim];
    lhsColumn = spec.lhsStrides[dim];
    rhsColumn = spec.rhsStrides[dim];
    rows = rows.drop_back();
  }
  auto lhsSteps = offsetsOf(spec, spec.reduction, spec.lhsStrides);
  auto rhsSteps = offsetsOf(spec, spec.reduction, spec.rhsStrides);
  auto lhsRows = offsetsOf(spec, rows, spec.lhsStrides), rhsRows = offsetsOf(spec, rows, spec.rhsStrides);
  Cell *to = out.data();
  for (size_t row = 0; row < lhsRows.size(); ++row)
    for (int64_t column = 0; column < columns; column += kWidth) {
      int64_t width = std::min(kWidth, columns - column);
      sumColumns<A>(lhs.data() + lhsRows[row] + column * lhsColumn, rhs.data() + rhsRows[row] + column * rhsColumn,
                    lhsSteps, rhsSteps, lhsColumn, rhsColumn, width, to);
      to += width;
    }
}

} // namespace

Array ingot::interpreter::contract(Mode mode, const Contraction &spec, const Array &lhs, const Array &rhs,
                                   Element result) {
  Shape shape;
  for (unsigned dim : spec.parallel)
    shape.push_back(spec.extents[dim]);
  Array out = Array::uninitialized(result, shape);
  if (isFloat(lhs.element())) {
    withAccumulator(mode, lhs.element(), [&](auto zero) { contractAs<decltype(zero)>(spec, lhs, rhs, out); });
    return out;
  }
  // Unsigned: sums wrap instead of overflowing. Narrow integers accumulate in 32 bits, which is the same modulo 2^32.
  contractAs<uint64_t>(spec, lhs, rhs, out);
  Element sum = bitWidth(lhs.element()) < 32 ? Element::i32 : lhs.element();
  for (int64_t i = 0, e = out.numElements(); i < e; ++i)
    out.data()[i].i = wrapTo(result, wrapTo(sum, out.data()[i].i));
  return out;
}
