// The memory of a session: one block, taken once, handed out in parts and accounted by use.
#pragma once

#include "runtime/support/Status.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace ingot::runtime {

enum class MemoryUse : uint8_t { State, Arena, Inputs, Outputs, Private };
inline constexpr size_t kMemoryUses = 5;

/// Bytes by use, as handed out (without what alignment adds).
using MemoryCount = std::array<uint64_t, kMemoryUses>;

/// A zeroed block of anonymous memory.
class MemoryBlock {
public:
  static constexpr uint64_t kAlignment = 64;

  MemoryBlock() = default;
  MemoryBlock(MemoryBlock &&other) noexcept { *this = static_cast<MemoryBlock &&>(other); }
  MemoryBlock &operator=(MemoryBlock &&other) noexcept;
  ~MemoryBlock();

  /// Bytes that a part takes from the block.
  static uint64_t padded(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

  /// Takes `bytes` from the system, after checking that they (and `besides`, which the caller takes elsewhere) are to
  /// be had and within `limit` (0: none). Fails with `outOfMemory`, saying what is needed and what there is.
  static Result<MemoryBlock> create(uint64_t bytes, uint64_t besides, uint64_t limit);

  /// The next part of the block, 64-byte aligned. Expects that it is large enough.
  std::byte *take(uint64_t bytes, MemoryUse use);

  const MemoryCount &taken() const { return count; }
  std::byte *begin() const { return base; }
  uint64_t size() const { return total; }

private:
  std::byte *base = nullptr;
  uint64_t total = 0;
  uint64_t used = 0;
  MemoryCount count = {};
};

} // namespace ingot::runtime
