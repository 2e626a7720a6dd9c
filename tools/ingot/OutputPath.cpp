#include "OutputPath.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace ingot::tool {

namespace fs = std::filesystem;
using runtime::Status;

fs::path canonical(fs::path path) {
  std::error_code error;
  for (int depth = 0; depth < 40 && fs::is_symlink(path, error); ++depth)
    path = path.parent_path() / fs::read_symlink(path, error);
  return fs::weakly_canonical(fs::absolute(path, error), error);
}

bool isSameFile(const std::string &a, const std::string &b) {
  std::error_code error;
  return fs::equivalent(a, b, error) || canonical(a) == canonical(b);
}

Status checkWritable(const std::string &path) {
  auto fail = [&](int error) { return Status::io("cannot write '" + path + "': " + std::strerror(error)); };
  std::error_code error;
  if (fs::is_directory(path, error))
    return fail(EISDIR);
  if (fs::exists(path, error))
    return ::access(path.c_str(), W_OK) == 0 ? Status::success() : fail(errno);
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty())
    folder = ".";
  if (fs::exists(folder, error) && !fs::is_directory(folder, error))
    return fail(ENOTDIR);
  return ::access(folder.c_str(), W_OK | X_OK) == 0 ? Status::success() : fail(errno);
}

} // namespace ingot::tool
