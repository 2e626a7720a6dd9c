#include "Delegate.h"

#include "Support.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace ingot::tool {

namespace {

/// What LLVM's libraries and the smallest compilation take. Where the address space is limited to less, LLVM would end
/// the process by a signal, some of it before `main`.
constexpr size_t kCompilerAddressSpace = size_t(384) << 20;

bool hasAddressSpace(size_t bytes) {
  void *address = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return address != MAP_FAILED && ::munmap(address, bytes) == 0;
}

} // namespace

std::string findHelper(const std::string &name) {
  char self[PATH_MAX];
  ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self));
  if (length <= 0 || length == sizeof(self))
    return {};
  std::string folder(self, static_cast<size_t>(length));
  folder.resize(folder.rfind('/') + 1);
  for (const std::string &path : {folder + "../libexec/ingot/" + name, folder + name})
    if (::access(path.c_str(), X_OK) == 0)
      return path;
  return {};
}

int delegateToCompiler(int argc, char **argv, const std::string &absent) {
  std::string compiler = findHelper("ingot-compiler");
  if (compiler.empty())
    return fail(absent);
  if (!hasAddressSpace(kCompilerAddressSpace))
    return fail("out of memory: the compiler needs " + std::to_string(kCompilerAddressSpace >> 20) +
                " MiB of address space");
  static char name[] = "ingot";
  std::vector<char *> arguments = {name};
  arguments.insert(arguments.end(), argv, argv + argc);
  arguments.push_back(nullptr);
  ::execv(compiler.c_str(), arguments.data());
  return fail("cannot start '" + compiler + "': " + std::strerror(errno));
}

} // namespace ingot::tool
