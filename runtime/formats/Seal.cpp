#include "runtime/formats/Seal.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <zlib.h>

namespace ingot::runtime {

namespace {

// Entries, their number (u64), magic; all little-endian.
constexpr char kMagic[] = "INGOTSEA";
constexpr size_t kMagicSize = 8;
constexpr size_t kEntrySize = 16; // CRC-32, Adler-32, size (u64)

using Entry = std::array<std::byte, kEntrySize>;

void put(std::byte *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    at[i] = static_cast<std::byte>(value >> (8 * i));
}

Entry entryOf(std::span<const std::byte> program) {
  uLong crc = 0, adler = 1;
  for (std::span<const std::byte> rest = program; !rest.empty();) {
    auto chunk = static_cast<uInt>(std::min<size_t>(rest.size(), size_t(1) << 30));
    crc = ::crc32(crc, reinterpret_cast<const Bytef *>(rest.data()), chunk);
    adler = ::adler32(adler, reinterpret_cast<const Bytef *>(rest.data()), chunk);
    rest = rest.subspan(chunk);
  }
  Entry entry;
  put(entry.data(), crc, 4);
  put(entry.data() + 4, adler, 4);
  put(entry.data() + 8, program.size(), 8);
  return entry;
}

} // namespace

std::string makeSeal(const std::vector<std::span<const std::byte>> &programs) {
  std::string seal;
  for (std::span<const std::byte> program : programs) {
    Entry entry = entryOf(program);
    seal.append(reinterpret_cast<const char *>(entry.data()), entry.size());
  }
  std::array<std::byte, 8> count;
  put(count.data(), programs.size(), 8);
  seal.append(reinterpret_cast<const char *>(count.data()), count.size());
  return seal + kMagic;
}

bool isSealed(std::span<const std::byte> code, std::span<const std::byte> program) {
  if (code.size() < kMagicSize + 8 || std::memcmp(&code[code.size() - kMagicSize], kMagic, kMagicSize) != 0)
    return false;
  std::span<const std::byte> rest = code.first(code.size() - kMagicSize - 8);
  uint64_t count = 0;
  for (size_t i = 0; i < 8; ++i)
    count |= static_cast<uint64_t>(code[rest.size() + i]) << (8 * i);
  if (count > rest.size() / kEntrySize)
    return false;
  std::span<const std::byte> entries = rest.last(count * kEntrySize);
  const Entry wanted = entryOf(program);
  for (; !entries.empty(); entries = entries.subspan(kEntrySize))
    if (std::memcmp(entries.data(), wanted.data(), kEntrySize) == 0)
      return true;
  return false;
}

} // namespace ingot::runtime
