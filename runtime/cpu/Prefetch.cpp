#include "runtime/cpu/Prefetch.h"

#include <algorithm>
#include <unistd.h>

namespace ingot::runtime {

using namespace program;

namespace {

constexpr uint64_t kLine = 64;
/// Lines between two looks at what is waited for: about as many as a core can have under way.
constexpr uint64_t kLines = 8;

/// The bytes of a box from `begin` on, if it has no gaps: at most one dimension is cut, and those before it are single.
bool findArea(const Access &access, const Buffer &buffer, const TaskIndex &index, uint64_t &begin, uint64_t &bytes) {
  int64_t first = 0, elements = 1;
  bool whole = true; // the dimensions from here on are whole
  for (size_t d = buffer.shape.size(), stride = 1; d-- > 0; stride *= static_cast<size_t>(buffer.shape[d])) {
    if (!whole && access.size[d] != 1)
      return false;
    whole = whole && access.size[d] == buffer.shape[d];
    first += access.offset[d].at(index) * static_cast<int64_t>(stride);
    elements *= access.size[d];
  }
  begin = static_cast<uint64_t>(first) * byteSize(buffer.dtype);
  bytes = static_cast<uint64_t>(elements) * byteSize(buffer.dtype);
  return true;
}

} // namespace

uint64_t prefetchBytes() {
  static const long size = ::sysconf(_SC_LEVEL2_CACHE_SIZE);
  return size > 0 ? static_cast<uint64_t>(size) / 2 : uint64_t(256) << 10;
}

std::vector<Area> streamedAreas(const Program &program, const TaskRange &range, std::span<std::byte *const> buffers,
                                uint64_t limit) {
  std::vector<Area> areas;
  const Launch &launch = program.launches[range.launch];
  for (int64_t task = range.begin; task < range.end && limit > 0; ++task)
    for (const Access &read : launch.reads) {
      uint64_t begin = 0, bytes = 0;
      if (!read.stream || !buffers[read.buffer] ||
          !findArea(read, program.buffers[read.buffer], launch.indexOf(task), begin, bytes))
        continue;
      const std::byte *address = buffers[read.buffer] + begin;
      bytes = std::min(bytes, limit);
      limit -= bytes;
      if (!areas.empty() && areas.back().begin + areas.back().bytes == address)
        areas.back().bytes += bytes;
      else if (bytes > 0)
        areas.push_back({address, bytes});
    }
  return areas;
}

bool Prefetch::advance() {
  if (areas.empty())
    return false;
  const Area &area = areas.front();
  for (uint64_t end = std::min(done + kLines * kLine, area.bytes); done < end; done += kLine)
    __builtin_prefetch(area.begin + done, /*write=*/0, /*locality: second level*/ 2);
  if (done >= area.bytes) {
    areas = areas.subspan(1);
    done = 0;
  }
  return true;
}

} // namespace ingot::runtime
