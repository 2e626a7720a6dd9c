// What a waiting worker does meanwhile: it fetches the weights of the tasks to come into its cache.
#pragma once

#include "runtime/program/Program.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ingot::runtime {

/// Consecutive bytes of memory.
struct Area {
  const std::byte *begin;
  uint64_t bytes;
};

/// Bytes that a worker may fetch ahead: half of its second-level cache, which the tasks that still run need as well.
uint64_t prefetchBytes();

/// Where the stream reads of the tasks of `range` lie, task after task, the first `limit` bytes of them. `buffers`
/// holds the address of each buffer of the program. Boxes with gaps are left out.
std::vector<Area> streamedAreas(const program::Program &program, const program::TaskRange &range,
                                std::span<std::byte *const> buffers, uint64_t limit);

/// A walk through areas, some cache lines at a time.
class Prefetch {
public:
  explicit Prefetch(std::span<const Area> areas) : areas(areas) {}

  /// Asks for the next lines; false when there are none left.
  bool advance();

private:
  std::span<const Area> areas;
  uint64_t done = 0; // bytes of the first area
};

} // namespace ingot::runtime
