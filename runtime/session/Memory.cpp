#include "runtime/session/Memory.h"

#include "runtime/cpu/Cores.h"

#include <cassert>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/mman.h>
#include <utility>

namespace ingot::runtime {

namespace {

constexpr uint64_t kHugePage = uint64_t(2) << 20;

} // namespace

MemoryBlock &MemoryBlock::operator=(MemoryBlock &&other) noexcept {
  std::swap(base, other.base);
  std::swap(total, other.total);
  std::swap(used, other.used);
  std::swap(count, other.count);
  return *this;
}

MemoryBlock::~MemoryBlock() {
  if (base)
    ::munmap(base, total);
}

Result<MemoryBlock> MemoryBlock::create(uint64_t bytes, uint64_t besides, uint64_t limit) {
  uint64_t needed = 0;
  std::string need = "the session needs " + std::to_string(bytes) + " bytes of memory";
  if (__builtin_add_overflow(bytes, besides, &needed) || needed >> 47)
    return Status::outOfMemory(need + ", which is more than a process can have");
  if (limit && needed > limit)
    return Status::outOfMemory(need + ", but its limit is " + std::to_string(limit));
  if (uint64_t available = availableMemory(); needed > available)
    return Status::outOfMemory(need + ", but only " + std::to_string(available) + " are available");
  MemoryBlock block;
  if (bytes == 0)
    return block;
  void *address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED)
    return Status::outOfMemory(need + ", which the system refuses: " + std::strerror(errno));
  if (bytes >= kHugePage)
    ::madvise(address, bytes, MADV_HUGEPAGE); // fewer page walks; harmless where it is not to be had
  block.base = static_cast<std::byte *>(address);
  block.total = bytes;
  return block;
}

std::byte *MemoryBlock::take(uint64_t bytes, MemoryUse use) {
  assert(padded(bytes) <= total - used && "the session's memory was planned too small");
  std::byte *part = base + used;
  used += padded(bytes);
  count[static_cast<size_t>(use)] += bytes;
  return part;
}

} // namespace ingot::runtime
