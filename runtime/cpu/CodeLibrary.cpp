#include "runtime/cpu/CodeLibrary.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U // Linux 6.3
#endif

namespace ingot::runtime {

namespace {

/// A file without a name that may hold code.
int createMemoryFile(const char *name) {
  int fd = ::memfd_create(name, MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) // older kernels do not know MFD_EXEC and always allow execution
    fd = ::memfd_create(name, MFD_CLOEXEC);
  if (fd < 0 || fd > STDERR_FILENO)
    return fd;
  // A process without standard output must not print into its code.
  int higher = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  int error = errno;
  ::close(fd);
  errno = error;
  return higher;
}

bool writeAll(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

} // namespace

Result<std::shared_ptr<const CodeLibrary>> CodeLibrary::load(std::span<const std::byte> object,
                                                             const std::string &name) {
  if (object.size() < 64 || std::memcmp(object.data(), "\177ELF", 4) != 0)
    return Status::corrupt("'" + name + "' is no shared object");
  int fd = createMemoryFile("ingot-code");
  if (fd < 0)
    return Status::io(std::string("cannot make a file in memory for code: ") + std::strerror(errno));
  if (!writeAll(fd, object)) {
    int error = errno;
    ::close(fd);
    return Status::outOfMemory("cannot hold '" + name + "' in memory: " + std::strerror(error));
  }
  std::string path = "/proc/self/fd/" + std::to_string(fd);
  void *handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const char *error = handle ? nullptr : ::dlerror();
  std::string reason = error ? error : "";
  if (!handle) {
    ::close(fd);
    return Status::corrupt("cannot load '" + name + "': " + reason);
  }
  return std::shared_ptr<const CodeLibrary>(new CodeLibrary(handle, fd, name));
}

CodeLibrary::~CodeLibrary() {
  ::dlclose(handle);
  ::close(fd);
}

Result<program::BodyFunction> CodeLibrary::body(const std::string &symbol) const {
  void *address = ::dlsym(handle, symbol.c_str());
  if (!address)
    return Status::corrupt("'" + name + "' has no function '" + symbol + "'");
  return reinterpret_cast<program::BodyFunction>(address);
}

} // namespace ingot::runtime
