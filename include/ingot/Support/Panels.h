// The panel layout (`#ingot.panels`) on plain bytes: shared by everything that stores or loads parameters. No MLIR.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace ingot {

/// Stored shape of a row-major tensor of `shape` in panels: [shape[axis] / width, the other extents in order, width].
/// Expects `axis` < rank and `width` dividing shape[axis].
inline std::vector<int64_t> panelShape(const std::vector<int64_t> &shape, size_t axis, int64_t width) {
  assert(axis < shape.size() && width >= 1 && shape[axis] % width == 0);
  std::vector<int64_t> stored = {shape[axis] / width};
  for (size_t dim = 0; dim < shape.size(); ++dim)
    if (dim != axis)
      stored.push_back(shape[dim]);
  stored.push_back(width);
  return stored;
}

namespace detail {

/// Calls move(row-major byte offset, panel byte offset, bytes) for each piece that is contiguous in both layouts.
template <typename Move>
void forEachPanelPiece(const std::vector<int64_t> &shape, size_t axis, int64_t width, size_t elementSize, Move move) {
  assert(axis < shape.size() && width >= 1 && shape[axis] % width == 0);
  int64_t outer = 1, inner = 1, extent = shape[axis];
  for (size_t dim = 0; dim < axis; ++dim)
    outer *= shape[dim];
  for (size_t dim = axis + 1; dim < shape.size(); ++dim)
    inner *= shape[dim];
  // Row-major [outer, extent, inner]; stored [extent / width, outer, inner, width].
  for (int64_t panel = 0; panel < extent / width; ++panel)
    for (int64_t o = 0; o < outer; ++o) {
      size_t row = static_cast<size_t>((o * extent + panel * width) * inner) * elementSize;
      size_t stored = static_cast<size_t>((panel * outer + o) * inner * width) * elementSize;
      if (inner == 1) {
        move(row, stored, static_cast<size_t>(width) * elementSize);
        continue;
      }
      for (int64_t i = 0; i < inner; ++i)
        for (int64_t w = 0; w < width; ++w)
          move(row + static_cast<size_t>(w * inner + i) * elementSize,
               stored + static_cast<size_t>(i * width + w) * elementSize, elementSize);
    }
}

} // namespace detail

/// Copies a row-major tensor of `shape` into panels of `width` along `axis`. Both buffers hold product(shape) elements
/// of `elementSize` bytes and do not overlap.
inline void packPanels(const void *rowMajor, void *panels, const std::vector<int64_t> &shape, size_t axis,
                       int64_t width, size_t elementSize) {
  auto *from = static_cast<const char *>(rowMajor);
  auto *to = static_cast<char *>(panels);
  detail::forEachPanelPiece(shape, axis, width, elementSize, [&](size_t row, size_t stored, size_t bytes) {
    std::memcpy(to + stored, from + row, bytes);
  });
}

/// The inverse of packPanels.
inline void unpackPanels(const void *panels, void *rowMajor, const std::vector<int64_t> &shape, size_t axis,
                         int64_t width, size_t elementSize) {
  auto *from = static_cast<const char *>(panels);
  auto *to = static_cast<char *>(rowMajor);
  detail::forEachPanelPiece(shape, axis, width, elementSize, [&](size_t row, size_t stored, size_t bytes) {
    std::memcpy(to + row, from + stored, bytes);
  });
}

} // namespace ingot
