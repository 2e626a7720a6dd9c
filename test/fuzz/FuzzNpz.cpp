// Fuzz target for numpy's files: bytes that begin like a zip file are read as .npz, others as .npy. What is accepted is
// the same after it was written and read again.
#include "tools/ingot/Npz.h"

#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace ingot::tool;

static void checkArray(const Array &array) {
  auto again = parseNpy(printNpy(array));
  if (!again || again->dtype != array.dtype || again->shape != array.shape || again->data != array.data)
    abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2 || data[0] != 'P' || data[1] != 'K') {
    if (auto array = parseNpy({reinterpret_cast<const char *>(data), size}))
      checkArray(*array);
    else if (array.status().message().empty())
      abort();
    return 0;
  }
  static const int fd = ::memfd_create("npz", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0 || ::pwrite(fd, data, size, 0) != static_cast<ssize_t>(size))
    abort();
  auto arrays = readNpz(path);
  if (!arrays && arrays.status().message().empty())
    abort();
  if (arrays)
    for (const auto &[name, array] : *arrays)
      checkArray(array);
  return 0;
}
