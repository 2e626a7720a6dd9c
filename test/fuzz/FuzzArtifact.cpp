// Fuzz target for opening artifacts: bytes that begin like a zip file are opened as one, with all programs read; other
// bytes are read as a manifest, and an accepted manifest prints to a text that reads back the same.
#include "runtime/session/Artifact.h"

#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace ingot::runtime;

static void openArtifact(const uint8_t *data, size_t size) {
  static const int fd = ::memfd_create("artifact", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0 || ::pwrite(fd, data, size, 0) != static_cast<ssize_t>(size))
    abort();
  Result<std::shared_ptr<Artifact>> artifact = Artifact::open(path);
  if (!artifact) {
    if (artifact.status().message().empty())
      abort();
    return;
  }
  for (const ManifestEntry &entry : (*artifact)->manifest().entries)
    for (const auto &[isa, member] : entry.program)
      (void)(*artifact)->readProgram(entry, isa);
  for (const ZipReader::Member &member : (*artifact)->archive().members())
    (void)ZipReader::crcMatches(member);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size >= 2 && data[0] == 'P' && data[1] == 'K') {
    openArtifact(data, size);
    return 0;
  }
  Result<Manifest> manifest = parseManifest({reinterpret_cast<const char *>(data), size});
  if (!manifest)
    return 0;
  std::string text = printManifest(*manifest);
  Result<Manifest> again = parseManifest(text);
  if (!again || printManifest(*again) != text)
    abort();
  return 0;
}
