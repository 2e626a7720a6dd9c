// Files: read-only mappings, and output that appears complete or not at all.
#pragma once

#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ingot::runtime {

/// A whole file mapped read-only. The bytes are those of the file: who shrinks it meanwhile makes reads fault.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  /// Maps `path`, which must be a regular file. Errors (io, outOfMemory) name the path.
  static Result<MappedFile> open(const std::string &path);

  std::span<const std::byte> bytes() const { return {data, size}; }

private:
  const std::byte *data = nullptr;
  size_t size = 0;
};

/// A file under construction. It has no name until `commit`, where the file system allows that, and a temporary one
/// beside its final path elsewhere; in either case nothing is left behind unless `commit` succeeds.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&other) noexcept;
  ~AtomicFile();

  /// Starts a file that will replace `path`. A symbolic link is followed; anything else that exists and is not a
  /// regular file is refused.
  static Result<AtomicFile> create(const std::string &path);

  /// Writes all of `bytes` at byte `offset`. Bytes never written are zero. Consecutive writes reach the system as whole
  /// 2 MiB of the file where they can: it then keeps them in pages of that size, which whoever maps the file reads up
  /// to a third faster. A failure may show in a later call, at the latest in `commit`.
  Status writeAt(uint64_t offset, std::span<const std::byte> bytes);

  /// Flushes the content to the disk and gives it its name, replacing what stood there.
  Status commit();

private:
  void discard();
  Status writeNow(uint64_t offset, std::span<const std::byte> bytes);
  Status flush();
  Status fail(const char *what, int error) const;

  int fd = -1;
  std::string path;      // final path, links resolved
  std::string temporary; // name while unfinished; empty if it has none
  int cleanupSlot = -1;
  std::vector<std::byte> pending; // not written yet, within one huge page of the file
  uint64_t pendingOffset = 0;
};

/// Makes SIGINT, SIGTERM and SIGHUP remove the temporary names of unfinished AtomicFiles before they end the process as
/// usual. For tools; a library must not take signals from its host.
void removeUnfinishedFilesOnSignals();

/// The same for a process that is about to end in another way. Takes no memory.
void removeUnfinishedFiles();

} // namespace ingot::runtime
