#include "runtime/formats/File.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace ingot::runtime {

MappedFile::MappedFile(MappedFile &&other) noexcept
    : data(std::exchange(other.data, nullptr)), size(std::exchange(other.size, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(data, other.data);
  std::swap(size, other.size);
  return *this;
}

static constexpr off_t kWorthHugePages = off_t(4) << 20;

MappedFile::~MappedFile() {
  if (data)
    ::munmap(const_cast<std::byte *>(data), size);
}

Result<MappedFile> MappedFile::open(const std::string &path) {
  auto fail = [&](int error) {
    std::string message = "cannot read '" + path + "': " + std::strerror(error);
    return error == ENOMEM ? Status::outOfMemory(message) : Status::io(message);
  };
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); // O_NONBLOCK: a fifo must not hang us
  if (fd < 0)
    return fail(errno);
  struct stat info;
  MappedFile file;
  Status status;
  if (::fstat(fd, &info) != 0) {
    status = fail(errno);
  } else if (!S_ISREG(info.st_mode)) {
    status = Status::io("cannot read '" + path + "': it is not a regular file");
  } else if (info.st_size > 0) {
    void *address = ::mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) {
      status = fail(errno);
    } else {
      // What has to be read from the disk comes into memory in large pages, where the file system can do that.
      if (info.st_size >= kWorthHugePages)
        ::madvise(address, static_cast<size_t>(info.st_size), MADV_HUGEPAGE);
      file.data = static_cast<const std::byte *>(address);
      file.size = static_cast<size_t>(info.st_size);
    }
  }
  ::close(fd);
  if (!status.ok())
    return status;
  return file;
}

} // namespace ingot::runtime
