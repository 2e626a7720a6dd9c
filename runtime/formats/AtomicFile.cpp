#include "runtime/formats/File.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ingot::runtime {

namespace {

/// Temporary names that a signal handler has to remove. Fixed storage: a handler can neither lock nor allocate.
struct CleanupSlot {
  std::atomic<int> used{0}; // 0 free, 1 being filled, 2 valid
  char path[PATH_MAX];
};
std::array<CleanupSlot, 16> cleanupSlots;

int addCleanup(const std::string &path) {
  if (path.size() >= PATH_MAX)
    return -1;
  for (size_t i = 0; i < cleanupSlots.size(); ++i) {
    int expected = 0;
    if (cleanupSlots[i].used.compare_exchange_strong(expected, 1)) {
      std::memcpy(cleanupSlots[i].path, path.c_str(), path.size() + 1);
      cleanupSlots[i].used.store(2);
      return static_cast<int>(i);
    }
  }
  return -1;
}

void removeCleanup(int &slot) {
  if (slot >= 0)
    cleanupSlots[slot].used.store(0);
  slot = -1;
}

extern "C" void removeUnfinishedFilesAndRaise(int signal) {
  removeUnfinishedFiles();
  // The handler was reset when it was entered, so this ends the process with the right exit status.
  ::raise(signal);
}

/// The file that a write to `path` would change: symbolic links are followed, also to where nothing is yet.
std::string resolveLinks(std::string path) {
  for (int depth = 0; depth < 40; ++depth) {
    char target[PATH_MAX];
    ssize_t length = ::readlink(path.c_str(), target, sizeof(target) - 1);
    if (length <= 0)
      break;
    std::string next(target, length);
    size_t slash = path.rfind('/');
    path = next[0] == '/' || slash == std::string::npos ? next : path.substr(0, slash + 1) + next;
  }
  return path;
}

std::string directoryOf(const std::string &path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

constexpr uint64_t kHugePage = uint64_t(2) << 20;

/// A name beside `path` that no other process or thread uses.
std::string temporaryName(const std::string &path) {
  static std::atomic<unsigned> counter{0};
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  // Names have at most 255 bytes; ours must not be longer than the final one may be.
  return directory + "." + name.substr(0, 200) + ".tmp-" + std::to_string(::getpid()) + "-" +
         std::to_string(counter.fetch_add(1));
}

} // namespace

void removeUnfinishedFiles() {
  for (CleanupSlot &slot : cleanupSlots)
    if (slot.used.load() == 2)
      ::unlink(slot.path);
}

void removeUnfinishedFilesOnSignals() {
  struct sigaction action = {};
  action.sa_handler = removeUnfinishedFilesAndRaise;
  action.sa_flags = SA_RESETHAND | SA_NODEFER;
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction old;
    // What the parent told us to ignore (nohup) stays ignored.
    if (::sigaction(signal, nullptr, &old) == 0 && old.sa_handler != SIG_IGN)
      ::sigaction(signal, &action, nullptr);
  }
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept { *this = std::move(other); }

AtomicFile &AtomicFile::operator=(AtomicFile &&other) noexcept {
  std::swap(fd, other.fd);
  std::swap(path, other.path);
  std::swap(temporary, other.temporary);
  std::swap(cleanupSlot, other.cleanupSlot);
  std::swap(pending, other.pending);
  std::swap(pendingOffset, other.pendingOffset);
  return *this;
}

AtomicFile::~AtomicFile() { discard(); }

Status AtomicFile::fail(const char *what, int error) const {
  return Status::io(std::string("cannot ") + what + " '" + path + "': " + std::strerror(error));
}

Result<AtomicFile> AtomicFile::create(const std::string &path) {
  AtomicFile file;
  file.path = resolveLinks(path);
  struct stat info;
  if (::stat(file.path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return Status::io("cannot write '" + path + "': it exists and is not a regular file");
  file.fd = ::open(directoryOf(file.path).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (file.fd >= 0)
    return file;
  // Not every file system has nameless files.
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
    return file.fail("write", errno);
  file.temporary = temporaryName(file.path);
  file.cleanupSlot = addCleanup(file.temporary);
  file.fd = ::open(file.temporary.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
  if (file.fd < 0) {
    int error = errno;
    file.temporary.clear(); // not ours to remove
    removeCleanup(file.cleanupSlot);
    return file.fail("write", error);
  }
  return file;
}

Status AtomicFile::writeAt(uint64_t offset, std::span<const std::byte> bytes) {
  if (!pending.empty() && offset != pendingOffset + pending.size())
    INGOT_RETURN_IF_ERROR(flush());
  while (!bytes.empty()) {
    uint64_t whole = bytes.size() / kHugePage * kHugePage;
    if (pending.empty() && offset % kHugePage == 0 && whole > 0) {
      INGOT_RETURN_IF_ERROR(writeNow(offset, bytes.first(whole)));
      offset += whole;
      bytes = bytes.subspan(whole);
      continue;
    }
    if (pending.empty())
      pendingOffset = offset;
    uint64_t room = kHugePage - offset % kHugePage;
    std::span<const std::byte> part = bytes.first(std::min<uint64_t>(room, bytes.size()));
    pending.insert(pending.end(), part.begin(), part.end());
    offset += part.size();
    bytes = bytes.subspan(part.size());
    if (part.size() == room)
      INGOT_RETURN_IF_ERROR(flush());
  }
  return Status::success();
}

Status AtomicFile::flush() {
  Status status = writeNow(pendingOffset, pending);
  pending.clear();
  return status;
}

Status AtomicFile::writeNow(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // Linux writes at most 2 GiB at once.
    size_t chunk = std::min<size_t>(bytes.size(), size_t(1) << 30);
    ssize_t written = ::pwrite(fd, bytes.data(), chunk, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return fail("write", written < 0 ? errno : EIO);
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Status::success();
}

Status AtomicFile::commit() {
  INGOT_RETURN_IF_ERROR(flush());
  if (::fsync(fd) != 0)
    return fail("write", errno);
  if (temporary.empty()) {
    // Only a name can be renamed over an existing file, so the nameless file gets one for a moment.
    std::string self = "/proc/self/fd/" + std::to_string(fd);
    std::string name = temporaryName(path);
    cleanupSlot = addCleanup(name);
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
      return fail("write", errno);
    temporary = name;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return fail("write", errno);
  temporary.clear();
  removeCleanup(cleanupSlot);
  // The new name itself must survive a power cut too. Some file systems cannot sync a directory; that is no failure.
  int directory = ::open(directoryOf(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    (void)::fsync(directory);
    ::close(directory);
  }
  int closing = std::exchange(fd, -1);
  if (::close(closing) != 0 && errno != EINTR)
    return fail("write", errno);
  return Status::success();
}

void AtomicFile::discard() {
  if (fd >= 0)
    ::close(fd);
  fd = -1;
  if (!temporary.empty())
    ::unlink(temporary.c_str());
  temporary.clear();
  removeCleanup(cleanupSlot);
}

} // namespace ingot::runtime
