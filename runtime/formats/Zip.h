// Zip archives whose members are stored as they are and aligned, so that they can be mapped and used in place.
#pragma once

#include "runtime/formats/File.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::runtime {

inline constexpr uint64_t kMemberAlignment = 64;
inline constexpr uint64_t kParamsAlignment = uint64_t(2) << 20;

/// Which names a writer accepts: those that `isSafeMemberName` allows, or any (for .npz files, whose names are the
/// model's).
enum class MemberNames : uint8_t { Safe, Any };

/// Writes an archive. Equal members in equal order give equal bytes: time stamps are fixed (1980-01-01). Every record
/// has its zip64 form, so the format does not change with the size of a member. The file appears at `finish`, complete.
class ZipWriter {
public:
  /// `before` stands in front of the archive, for example a program that reads it.
  static Result<ZipWriter> create(const std::string &path, MemberNames allowed = MemberNames::Safe,
                                  std::span<const std::byte> before = {});

  /// Adds a member whose data begin at a multiple of `alignment`, a power of two. Fails on a name that exists or is not
  /// allowed.
  Status add(std::string_view name, std::span<const std::byte> data, uint64_t alignment = kMemberAlignment);
  Status add(std::string_view name, std::string_view data, uint64_t alignment = kMemberAlignment);

  /// The same for data that come in pieces: `begin`, any number of `append`, `end`.
  Status begin(std::string_view name, uint64_t alignment = kMemberAlignment);
  Status append(std::span<const std::byte> data);
  Status end();

  /// Writes the directory and gives the file its name.
  Status finish();

private:
  struct Member {
    uint64_t header; // offset of the local header
    uint64_t size;
    uint64_t padding; // bytes of an extra field that only moves the data
    uint32_t crc;
  };
  std::string localHeader(const std::string &name, const Member &member) const;

  AtomicFile file;
  uint64_t position = 0; // end of what is written
  std::vector<std::pair<std::string, Member>> members;
  std::map<std::string, bool, std::less<>> names;
  MemberNames allowed = MemberNames::Safe;
  bool open = false; // between begin and end
};

/// What a reader accepts: archives whose data are used where they are, as ours, or those of others too, with deflated
/// members, sizes behind the data and any names.
enum class ZipForm : uint8_t { InPlace, Any };

/// Reads an archive in memory. `parse` checks all of its structure: every record lies within the file, members overlap
/// neither each other nor the directory, names are unique, nothing is encrypted; with ZipForm::InPlace, names stay
/// inside and nothing is compressed. Checksums are not read.
class ZipReader {
public:
  /// `file` must outlive the reader.
  static Result<ZipReader> parse(std::span<const std::byte> file, ZipForm form = ZipForm::InPlace);

  struct Member {
    std::string name;
    uint64_t offset;                 // of the data in the file
    std::span<const std::byte> data; // as stored
    uint32_t crc;
    uint64_t size = 0;     // of the content
    bool deflated = false; // else `data` is the content
  };
  /// In the order of the directory.
  const std::vector<Member> &members() const { return list; }
  /// Null if there is none.
  const Member *find(std::string_view name) const;

  /// Whether the member's data have the stored CRC-32. Not for deflated members.
  static bool crcMatches(const Member &member);

  /// The content of a member, inflated if need be, with its checksum checked. Memory grows with what is there, not with
  /// what the directory says.
  static Result<std::string> extract(const Member &member);

private:
  std::vector<Member> list;
  std::map<std::string, size_t, std::less<>> byName;
};

/// Whether a name may stand in an archive: relative, without empty, "." or ".." parts, backslashes or control
/// characters.
bool isSafeMemberName(std::string_view name);

} // namespace ingot::runtime
