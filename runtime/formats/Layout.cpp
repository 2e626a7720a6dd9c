#include "runtime/formats/Layout.h"

#include "ingot/Support/Panels.h"

#include <cstdio>
#include <cstring>
#include <functional>
#include <numeric>

namespace ingot::runtime {

std::string printLayout(const PanelLayout &layout) {
  return "panels<axis = " + std::to_string(layout.axis) + ", width = " + std::to_string(layout.width) + ">";
}

Result<StoredLayout> StoredLayout::parse(const std::string &layout, const std::vector<int64_t> &storedShape) {
  StoredLayout result;
  result.logicalShape = storedShape;
  if (layout.empty())
    return result;
  PanelLayout panels;
  unsigned axis = 0;
  int width = 0;
  if (std::sscanf(layout.c_str(), "panels<axis = %2u, width = %6d>", &axis, &width) != 2)
    return Status::unsupported("layout '" + layout + "' is not supported yet");
  panels = {axis, width};
  if (printLayout(panels) != layout)
    return Status::unsupported("layout '" + layout + "' is not supported yet");
  // Stored as [shape[axis] / width, the other extents in order, width].
  if (storedShape.size() < 2 || axis + 2 > storedShape.size() || width < 1 || storedShape.back() != width)
    return Status::corrupt("layout '" + layout + "' does not fit the shape of what is stored");
  result.panels = panels;
  result.logicalShape.assign(storedShape.begin() + 1, storedShape.end() - 1);
  result.logicalShape.insert(result.logicalShape.begin() + axis, storedShape.front() * width);
  return result;
}

namespace {

size_t bytesOf(const std::vector<int64_t> &shape, program::DType dtype) {
  return static_cast<size_t>(std::accumulate(shape.begin(), shape.end(), int64_t(1), std::multiplies<int64_t>())) *
         byteSize(dtype);
}

} // namespace

void StoredLayout::store(const std::byte *rowMajor, std::byte *stored, program::DType dtype) const {
  if (panels)
    packPanels(rowMajor, stored, logicalShape, panels->axis, panels->width, byteSize(dtype));
  else if (size_t bytes = bytesOf(logicalShape, dtype))
    std::memcpy(stored, rowMajor, bytes);
}

void StoredLayout::load(const std::byte *stored, std::byte *rowMajor, program::DType dtype) const {
  if (panels)
    unpackPanels(stored, rowMajor, logicalShape, panels->axis, panels->width, byteSize(dtype));
  else if (size_t bytes = bytesOf(logicalShape, dtype))
    std::memcpy(rowMajor, stored, bytes);
}

} // namespace ingot::runtime
