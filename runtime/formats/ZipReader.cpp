#include "runtime/formats/Zip.h"
#include "runtime/formats/ZipRecords.h"

#include <algorithm>
#include <memory>
#include <zlib.h>

namespace ingot::runtime {

using namespace zip;

namespace {

using Bytes = std::span<const std::byte>;

constexpr uint64_t kMaxMembers = 1 << 20;
constexpr uint64_t kMaxCommentSize = 0xffff;

/// Little-endian fields at offsets that the caller has checked against `bytes`.
uint64_t read(Bytes bytes, uint64_t offset, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i)
    value |= static_cast<uint64_t>(bytes[offset + i]) << (8 * i);
  return value;
}
uint16_t read16(Bytes bytes, uint64_t offset) { return static_cast<uint16_t>(read(bytes, offset, 2)); }
uint32_t read32(Bytes bytes, uint64_t offset) { return static_cast<uint32_t>(read(bytes, offset, 4)); }
uint64_t read64(Bytes bytes, uint64_t offset) { return read(bytes, offset, 8); }

Status corrupt(const std::string &what) { return Status::corrupt("archive is broken: " + what); }

bool contains(uint64_t size, uint64_t offset, uint64_t length) { return offset <= size && length <= size - offset; }

std::string_view textAt(Bytes bytes, uint64_t offset, uint64_t length) {
  return {reinterpret_cast<const char *>(bytes.data()) + offset, length};
}

/// Where the central directory is and how many members it has.
struct Directory {
  uint64_t offset, size, members;
};

Result<uint64_t> findEnd(Bytes file) {
  if (file.size() < kEndSize)
    return corrupt("it has only " + std::to_string(file.size()) + " bytes");
  uint64_t first = file.size() - std::min<uint64_t>(file.size(), kEndSize + kMaxCommentSize);
  for (uint64_t at = file.size() - kEndSize + 1; at-- > first;)
    if (read32(file, at) == kEndSignature && at + kEndSize + read16(file, at + 20) == file.size())
      return at;
  return corrupt("it has no end record, so it is no zip file or truncated");
}

Result<Directory> findDirectory(Bytes file) {
  Result<uint64_t> end = findEnd(file);
  if (!end)
    return end.status();
  uint64_t at = *end;
  if (read16(file, at + 4) != read16(file, at + 6) || read16(file, at + 8) != read16(file, at + 10))
    return corrupt("it is one of several volumes");
  Directory directory = {read32(file, at + 16), read32(file, at + 12), read16(file, at + 10)};
  if (directory.offset == kIn64 || directory.size == kIn64 || directory.members == kIn64Short) {
    if (at < kLocator64Size || read32(file, at - kLocator64Size) != kLocator64Signature)
      return corrupt("its zip64 locator is missing");
    uint64_t end64 = read64(file, at - kLocator64Size + 8);
    if (!contains(at - kLocator64Size, end64, kEnd64Size) || read32(file, end64) != kEnd64Signature)
      return corrupt("its zip64 end record is missing");
    directory = {read64(file, end64 + 48), read64(file, end64 + 40), read64(file, end64 + 32)};
    if (read64(file, end64 + 24) != directory.members)
      return corrupt("it is one of several volumes");
    at = end64;
  }
  if (!contains(at, directory.offset, directory.size))
    return corrupt("its directory lies outside of the file");
  if (directory.members > kMaxMembers || directory.members * kCentralSize > directory.size)
    return corrupt("its directory is too small for " + std::to_string(directory.members) + " members");
  return directory;
}

/// One directory entry with its zip64 fields applied.
struct Entry {
  std::string name;
  uint64_t stored, size, header;
  uint32_t crc;
  bool deflated;
};

/// Replaces the fields that say "see the zip64 record" by that record's, which holds exactly those, in this order.
Status applyZip64(Bytes extra, Entry &entry) {
  for (uint64_t at = 0; at < extra.size();) {
    if (extra.size() - at < 4 || extra.size() - at - 4 < read16(extra, at + 2))
      return corrupt("member '" + entry.name + "' has a broken extra field");
    uint64_t length = read16(extra, at + 2);
    if (read16(extra, at) == kZip64Extra) {
      uint64_t field = at + 4, end = field + length;
      for (uint64_t *value : {&entry.size, &entry.stored, &entry.header}) {
        if (*value != kIn64)
          continue;
        if (end - field < 8)
          return corrupt("member '" + entry.name + "' has a short zip64 field");
        *value = read64(extra, field);
        field += 8;
      }
      return Status::success();
    }
    at += 4 + length;
  }
  if (entry.size == kIn64 || entry.stored == kIn64 || entry.header == kIn64)
    return corrupt("member '" + entry.name + "' lacks its zip64 field");
  return Status::success();
}

/// What local and central headers both say, at different offsets.
Status checkMethod(const std::string &name, uint16_t flags, uint16_t method, ZipForm form) {
  if (flags & (kFlagEncrypted | kFlagStrongEncryption | kFlagMaskedHeader))
    return Status::unsupported("member '" + name + "' is encrypted");
  if (form == ZipForm::Any && (method == kMethodStored || method == kMethodDeflated))
    return Status::success();
  if (form == ZipForm::Any)
    return Status::unsupported("member '" + name + "' is compressed in an unknown way");
  if (method != kMethodStored)
    return Status::unsupported("member '" + name + "' is compressed; members must be stored");
  if (flags & kFlagDataDescriptor)
    return Status::unsupported("member '" + name + "' has its sizes behind the data; they must be in front");
  return Status::success();
}

/// Reads the entry at `at` of the directory and moves `at` behind it.
Result<Entry> readEntry(Bytes directory, uint64_t &at, ZipForm form) {
  if (!contains(directory.size(), at, kCentralSize) || read32(directory, at) != kCentralSignature)
    return corrupt("a directory entry is missing");
  uint64_t nameSize = read16(directory, at + 28), extraSize = read16(directory, at + 30);
  uint64_t total = kCentralSize + nameSize + extraSize + read16(directory, at + 32);
  if (!contains(directory.size(), at, total))
    return corrupt("a directory entry is truncated");
  Entry entry;
  entry.name = std::string(textAt(directory, at + kCentralSize, nameSize));
  if (form == ZipForm::InPlace && !isSafeMemberName(entry.name))
    return corrupt("a member has no acceptable name");
  entry.crc = read32(directory, at + 16);
  entry.stored = read32(directory, at + 20);
  entry.size = read32(directory, at + 24);
  entry.header = read32(directory, at + 42);
  uint16_t method = read16(directory, at + 10);
  entry.deflated = method == kMethodDeflated;
  INGOT_RETURN_IF_ERROR(checkMethod(entry.name, read16(directory, at + 8), method, form));
  INGOT_RETURN_IF_ERROR(applyZip64(directory.subspan(at + kCentralSize + nameSize, extraSize), entry));
  if (!entry.deflated && entry.stored != entry.size)
    return corrupt("member '" + entry.name + "' is stored, but its sizes differ");
  at += total;
  return entry;
}

/// Checks the local header and returns where the data begin. Everything must lie before `limit`.
Result<uint64_t> dataOffset(Bytes file, const Entry &entry, uint64_t limit, ZipForm form) {
  uint64_t at = entry.header;
  if (!contains(limit, at, kLocalSize) || read32(file, at) != kLocalSignature)
    return corrupt("member '" + entry.name + "' has no local header");
  uint64_t nameSize = read16(file, at + 26), extraSize = read16(file, at + 28);
  uint64_t offset = at + kLocalSize + nameSize + extraSize;
  if (offset > limit || !contains(limit, offset, entry.stored))
    return corrupt("member '" + entry.name + "' reaches beyond the file");
  if (textAt(file, at + kLocalSize, nameSize) != entry.name)
    return corrupt("member '" + entry.name + "' has another name in its local header");
  uint16_t method = read16(file, at + 8);
  INGOT_RETURN_IF_ERROR(checkMethod(entry.name, read16(file, at + 6), method, form));
  if ((method == kMethodDeflated) != entry.deflated)
    return corrupt("member '" + entry.name + "' has another method in its local header");
  return offset;
}

/// Appends what `data` inflate to, at most `limit` bytes, to `content`.
Status inflate(Bytes data, uint64_t limit, std::string &content) {
  z_stream stream = {};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) // no header around it in zip files
    return Status::outOfMemory("cannot be inflated");
  std::unique_ptr<z_stream, int (*)(z_stream *)> guard(&stream, ::inflateEnd);
  std::vector<char> chunk(size_t(1) << 18);
  int result = Z_OK;
  while (result == Z_OK && content.size() <= limit) {
    if (stream.avail_in == 0) {
      size_t next = std::min<size_t>(data.size(), size_t(1) << 30);
      stream.next_in = reinterpret_cast<Bytef *>(const_cast<std::byte *>(data.data()));
      stream.avail_in = static_cast<uInt>(next);
      data = data.subspan(next);
    }
    stream.next_out = reinterpret_cast<Bytef *>(chunk.data());
    stream.avail_out = static_cast<uInt>(chunk.size());
    result = ::inflate(&stream, Z_NO_FLUSH); // Z_BUF_ERROR when the data end too early
    content.append(chunk.data(), chunk.size() - stream.avail_out);
  }
  return result == Z_STREAM_END ? Status::success() : Status::corrupt("is damaged: it cannot be inflated");
}

} // namespace

bool isSafeMemberName(std::string_view name) {
  if (name.empty() || name.size() > 1024)
    return false;
  for (char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\')
      return false;
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('/', begin), name.size());
    std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..")
      return false;
    begin = end + 1;
  }
  return true;
}

Result<ZipReader> ZipReader::parse(Bytes file, ZipForm form) {
  Result<Directory> directory = findDirectory(file);
  if (!directory)
    return directory.status();
  Bytes entries = file.subspan(directory->offset, directory->size);
  ZipReader reader;
  std::vector<std::pair<uint64_t, uint64_t>> ranges; // of whole members, header included
  uint64_t at = 0;
  for (uint64_t i = 0; i < directory->members; ++i) {
    Result<Entry> entry = readEntry(entries, at, form);
    if (!entry)
      return entry.status();
    Result<uint64_t> offset = dataOffset(file, *entry, directory->offset, form);
    if (!offset)
      return offset.status();
    if (!reader.byName.emplace(entry->name, reader.list.size()).second)
      return corrupt("member '" + entry->name + "' appears twice");
    reader.list.push_back(
        {entry->name, *offset, file.subspan(*offset, entry->stored), entry->crc, entry->size, entry->deflated});
    ranges.emplace_back(entry->header, *offset + entry->stored);
  }
  if (at != entries.size())
    return corrupt("its directory has bytes to spare");
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].first < ranges[i - 1].second)
      return corrupt("members overlap");
  return reader;
}

const ZipReader::Member *ZipReader::find(std::string_view name) const {
  auto it = byName.find(name);
  return it == byName.end() ? nullptr : &list[it->second];
}

namespace {

uint32_t checksum(Bytes data) {
  uint32_t crc = 0;
  for (; !data.empty(); data = data.subspan(std::min<size_t>(data.size(), size_t(1) << 30)))
    crc = static_cast<uint32_t>(::crc32(crc, reinterpret_cast<const Bytef *>(data.data()),
                                        static_cast<uInt>(std::min<size_t>(data.size(), size_t(1) << 30))));
  return crc;
}

} // namespace

bool ZipReader::crcMatches(const Member &member) { return checksum(member.data) == member.crc; }

Result<std::string> ZipReader::extract(const Member &member) {
  std::string content;
  if (!member.deflated)
    content.assign(reinterpret_cast<const char *>(member.data.data()), member.data.size());
  else
    INGOT_RETURN_IF_ERROR(inflate(member.data, member.size, content));
  if (content.size() != member.size || checksum(std::as_bytes(std::span(content))) != member.crc)
    return Status::corrupt("is damaged: its size or checksum does not match");
  return content;
}

} // namespace ingot::runtime
