#include "runtime/program/Boxes.h"

#include <algorithm>

namespace ingot::program {

namespace {

struct Box {
  std::vector<int64_t> low, high;
  bool empty() const {
    for (size_t d = 0; d < low.size(); ++d)
      if (low[d] >= high[d])
        return true;
    return false;
  }
};

Box boxOf(const Access &access, const TaskIndex &index) {
  Box box;
  for (size_t d = 0; d < access.size.size(); ++d) {
    box.low.push_back(access.offset[d].at(index));
    box.high.push_back(box.low.back() + access.size[d]);
  }
  return box;
}

/// Appends the parts of `box` outside `hole` to `rest`.
void subtract(Box box, const Box &hole, std::vector<Box> &rest) {
  Box common = box;
  for (size_t d = 0; d < box.low.size(); ++d) {
    common.low[d] = std::max(box.low[d], hole.low[d]);
    common.high[d] = std::min(box.high[d], hole.high[d]);
  }
  if (common.empty()) {
    rest.push_back(std::move(box));
    return;
  }
  // Peel slabs off until only the common part is left.
  for (size_t d = 0; d < box.low.size(); ++d) {
    Box below = box, above = box;
    below.high[d] = common.low[d];
    above.low[d] = common.high[d];
    for (Box *slab : {&below, &above})
      if (!slab->empty())
        rest.push_back(std::move(*slab));
    box.low[d] = common.low[d];
    box.high[d] = common.high[d];
  }
}

bool covered(const Access &must, const std::vector<Access> &writes, const TaskIndex &index) {
  std::vector<Box> left = {boxOf(must, index)}, next;
  if (left[0].empty())
    return true;
  for (const Access &write : writes) {
    if (write.buffer != must.buffer)
      continue;
    Box hole = boxOf(write, index);
    if (hole.empty())
      continue;
    next.clear();
    for (Box &box : left)
      subtract(std::move(box), hole, next);
    left.swap(next);
  }
  return left.empty();
}

} // namespace

bool sameBox(const Access &a, const Access &b) {
  auto same = [](const Affine &x, const Affine &y) {
    return x.constant == y.constant && x.coefficients == y.coefficients && x.divisor == y.divisor;
  };
  return a.buffer == b.buffer && a.size == b.size &&
         std::equal(a.offset.begin(), a.offset.end(), b.offset.begin(), b.offset.end(), same);
}

std::optional<MustOutsideMay> findMustOutsideMay(const Launch &launch) {
  for (const Access &must : launch.mustWrite) {
    if (std::any_of(launch.writes.begin(), launch.writes.end(), [&](const Access &w) { return sameBox(w, must); }))
      continue;
    for (int64_t task = 0, tasks = launch.numTasks(); task < tasks; ++task)
      if (!covered(must, launch.writes, launch.indexOf(task)))
        return MustOutsideMay{task, must.buffer};
  }
  return std::nullopt;
}

} // namespace ingot::program
