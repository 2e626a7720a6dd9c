#include "Delegate.h"

#include "Support.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <unistd.h>
#include <vector>

namespace ingot::tool {

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
  static char name[] = "ingot";
  std::vector<char *> arguments = {name};
  arguments.insert(arguments.end(), argv, argv + argc);
  arguments.push_back(nullptr);
  ::execv(compiler.c_str(), arguments.data());
  return fail("cannot start '" + compiler + "': " + std::strerror(errno));
}

} // namespace ingot::tool
