// Rotary embedding, positions, gather and the cache.
#include "lib/Interpreter/Kernels/Kernels.h"

using namespace ingot::interpreter;
using llvm::ArrayRef;

Array ingot::interpreter::rope(Mode mode, const Array &input, const Array &cos, const Array &sin,
                               const Array &positions, bool interleaved) {
  Array out = input.clone();
  int64_t angles = cos.shape()[1];
  withAccumulator(mode, input.element(), [&](auto zero) {
    using A = decltype(zero);
    for (int64_t b = 0; b < input.shape()[0]; ++b)
      for (int64_t c = 0; c < input.shape()[1]; ++c) {
        if (isPoison(positions.at({b, c}))) {
          out.slice({b, c, 0, 0}, {1, 1, input.shape()[2], input.shape()[3]}, {1, 1, 1, 1}).fill(poison());
          continue;
        }
        int64_t position = std::clamp<int64_t>(positions.at({b, c}).i, 0, cos.shape()[0] - 1);
        for (int64_t h = 0; h < input.shape()[2]; ++h)
          for (int64_t i = 0; i < angles; ++i) {
            Cell &first = out.at({b, c, h, interleaved ? 2 * i : i});
            Cell &second = out.at({b, c, h, interleaved ? 2 * i + 1 : i + angles});
            A x0 = static_cast<A>(first.f), x1 = static_cast<A>(second.f);
            A cosine = static_cast<A>(cos.at({position, i}).f), sine = static_cast<A>(sin.at({position, i}).f);
            first.f = x0 * cosine - x1 * sine;
            second.f = x0 * sine + x1 * cosine;
          }
      }
  });
  return out;
}

Array ingot::interpreter::positions(const Array &start, int64_t rows) {
  Array out = Array::uninitialized(start.element(), {start.shape()[0], rows});
  for (int64_t b = 0; b < start.shape()[0]; ++b)
    for (int64_t c = 0; c < rows; ++c)
      if (!isPoison(start.at({b})))
        out.at({b, c}).i = wrapTo(start.element(), start.at({b}).i + c);
  return out;
}

Array ingot::interpreter::lastRow(const Array &input, const Array &count) {
  Shape shape(input.shape()), offsets(shape.size(), 0), steps(shape.size(), 1);
  int64_t rows = shape[1];
  shape[1] = 1;
  Array out = Array::uninitialized(input.element(), shape);
  shape[0] = 1;
  for (int64_t b = 0; b < input.shape()[0]; ++b) {
    if (isPoison(count.at({b})))
      continue;
    Shape from = offsets, to = offsets;
    from[0] = to[0] = b;
    from[1] = std::clamp<int64_t>(count.at({b}).i - 1, 0, rows - 1);
    out.slice(to, shape, steps).assign(input.slice(from, shape, steps));
  }
  return out;
}

Array ingot::interpreter::gather(const Array &table, const Array &indices, bool panels) {
  ArrayRef<int64_t> stored = table.shape();
  int64_t width = panels ? stored.back() : 1, rows = stored.front() * width;
  ArrayRef<int64_t> row = panels ? stored.drop_front().drop_back() : stored.drop_front();
  ArrayRef<int64_t> steps = panels ? table.strides().drop_front().drop_back() : table.strides().drop_front();
  Shape shape(indices.shape());
  shape.append(row.begin(), row.end());
  Array out = Array::uninitialized(table.element(), shape);
  Cell *to = out.data();
  forEachOffset<1>(indices.shape(), {indices.strides()}, [&](const auto &offset) {
    bool known = !isPoison(indices.data()[offset[0]]);
    int64_t index = std::clamp<int64_t>(indices.data()[offset[0]].i, 0, rows - 1);
    const Cell *from = table.data() + index / width * table.strides().front();
    if (panels)
      from += index % width * table.strides().back();
    forEachOffset<1>(row, {steps}, [&](const auto &element) { *to++ = known ? from[element[0]] : poison(); });
  });
  return out;
}

void ingot::interpreter::appendRows(const Array &source, const Array &page, const Array &start, const Array &count) {
  ArrayRef<int64_t> shape = source.shape(), full = page.shape();
  for (int64_t b = 0; b < shape[0]; ++b) {
    // Rows at an unknown place may be anywhere.
    if (isPoison(start.at({b})) || isPoison(count.at({b}))) {
      page.slice({b, 0, 0, 0}, {1, full[1], full[2], full[3]}, {1, 1, 1, 1}).fill(poison());
      continue;
    }
    for (int64_t c = 0; c < std::min(shape[1], count.at({b}).i); ++c) {
      int64_t row = start.at({b}).i + c;
      if (row < 0 || row >= page.shape()[2])
        continue;
      for (int64_t g = 0; g < shape[2]; ++g)
        for (int64_t d = 0; d < shape[3]; ++d)
          page.at({b, g, row, d}) = source.at({b, c, g, d});
    }
  }
  page.finishWrite();
}
