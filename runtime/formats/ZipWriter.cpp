#include "runtime/formats/Zip.h"
#include "runtime/formats/ZipRecords.h"

#include <algorithm>
#include <cassert>
#include <zlib.h>

namespace ingot::runtime {

using namespace zip;

namespace {

/// An extra field that only takes space, as Android's zipalign writes it. Readers skip what they do not know.
constexpr uint16_t kAlignmentExtra = 0xd935;
constexpr uint64_t kMinPadding = 6; // id, size, and the two bytes that zipalign means as the alignment
constexpr uint64_t kMaxPadding = 0xffff - 20;

/// Little-endian records.
class Record {
public:
  Record &u16(uint16_t value) { return put(value, 2); }
  Record &u32(uint32_t value) { return put(value, 4); }
  Record &u64(uint64_t value) { return put(value, 8); }
  Record &text(std::string_view value) {
    bytes.append(value);
    return *this;
  }
  std::string bytes;

private:
  Record &put(uint64_t value, int count) {
    for (int i = 0; i < count; ++i)
      bytes.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }
};

std::span<const std::byte> asBytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

uint32_t updateCrc(uint32_t crc, std::span<const std::byte> data) {
  while (!data.empty()) {
    size_t chunk = std::min<size_t>(data.size(), size_t(1) << 30);
    crc = static_cast<uint32_t>(::crc32(crc, reinterpret_cast<const Bytef *>(data.data()), static_cast<uInt>(chunk)));
    data = data.subspan(chunk);
  }
  return crc;
}

} // namespace

Result<ZipWriter> ZipWriter::create(const std::string &path, MemberNames allowed, std::span<const std::byte> before) {
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  ZipWriter writer;
  writer.file = std::move(*file);
  writer.allowed = allowed;
  INGOT_RETURN_IF_ERROR(writer.file.writeAt(0, before));
  writer.position = before.size();
  return writer;
}

std::string ZipWriter::localHeader(const std::string &name, const Member &member) const {
  Record record;
  record.u32(kLocalSignature).u16(kVersionZip64).u16(kFlagUtf8).u16(kMethodStored).u16(0).u16(kDate1980);
  record.u32(member.crc).u32(kIn64).u32(kIn64).u16(static_cast<uint16_t>(name.size()));
  record.u16(static_cast<uint16_t>(20 + member.padding)).text(name);
  record.u16(kZip64Extra).u16(16).u64(member.size).u64(member.size);
  if (member.padding > 0)
    record.u16(kAlignmentExtra).u16(static_cast<uint16_t>(member.padding - 4)).text(std::string(member.padding - 4, 0));
  return record.bytes;
}

Status ZipWriter::add(std::string_view name, std::span<const std::byte> data, uint64_t alignment) {
  INGOT_RETURN_IF_ERROR(begin(name, alignment));
  INGOT_RETURN_IF_ERROR(append(data));
  return end();
}

Status ZipWriter::add(std::string_view name, std::string_view data, uint64_t alignment) {
  return add(name, asBytes(data), alignment);
}

Status ZipWriter::begin(std::string_view name, uint64_t alignment) {
  assert(!open && alignment > 0 && (alignment & (alignment - 1)) == 0);
  bool acceptable = allowed == MemberNames::Any ? !name.empty() && name.size() <= 0xffff : isSafeMemberName(name);
  if (!acceptable)
    return Status::invalidArgument("'" + std::string(name) + "' is no name for a member of an archive");
  if (!names.emplace(name, true).second)
    return Status::invalidArgument("duplicate member '" + std::string(name) + "'");
  Member member = {position, 0, 0, 0};
  uint64_t headerEnd = position + localHeader(std::string(name), member).size();
  auto align = [&](uint64_t offset) { return (offset + alignment - 1) / alignment * alignment; };
  uint64_t data = align(headerEnd);
  if (data != headerEnd) {
    // An extra field fills the space as long as it can hold it, else the header moves: the archive must begin with a
    // header, because that is how programs recognise it.
    data = align(headerEnd + kMinPadding);
    if (data - headerEnd <= kMaxPadding)
      member.padding = data - headerEnd;
    else
      member.header = data - (headerEnd - position);
  }
  members.emplace_back(name, member);
  position = data;
  open = true;
  return Status::success();
}

Status ZipWriter::append(std::span<const std::byte> data) {
  assert(open);
  Member &member = members.back().second;
  INGOT_RETURN_IF_ERROR(file.writeAt(position, data));
  position += data.size();
  member.size += data.size();
  member.crc = updateCrc(member.crc, data);
  return Status::success();
}

Status ZipWriter::end() {
  assert(open);
  open = false;
  const auto &[name, member] = members.back();
  return file.writeAt(member.header, asBytes(localHeader(name, member)));
}

Status ZipWriter::finish() {
  assert(!open);
  Record record;
  for (const auto &[name, member] : members) {
    record.u32(kCentralSignature).u16((3 << 8) | kVersionZip64).u16(kVersionZip64).u16(kFlagUtf8).u16(kMethodStored);
    record.u16(0).u16(kDate1980).u32(member.crc).u32(kIn64).u32(kIn64).u16(static_cast<uint16_t>(name.size()));
    // extra size, comment size, disk, internal attributes, external attributes: a regular file, rw-r--r--
    record.u16(28).u16(0).u16(0).u16(0).u32(0100644u << 16).u32(kIn64).text(name);
    record.u16(kZip64Extra).u16(24).u64(member.size).u64(member.size).u64(member.header);
  }
  uint64_t directorySize = record.bytes.size();
  uint64_t end64 = position + directorySize;
  record.u32(kEnd64Signature).u64(kEnd64Size - 12).u16((3 << 8) | kVersionZip64).u16(kVersionZip64).u32(0).u32(0);
  record.u64(members.size()).u64(members.size()).u64(directorySize).u64(position);
  record.u32(kLocator64Signature).u32(0).u64(end64).u32(1);
  record.u32(kEndSignature).u16(0).u16(0).u16(kIn64Short).u16(kIn64Short).u32(kIn64).u32(kIn64).u16(0);
  INGOT_RETURN_IF_ERROR(file.writeAt(position, asBytes(record.bytes)));
  return file.commit();
}

} // namespace ingot::runtime
