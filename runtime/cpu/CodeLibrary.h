// Compiled bodies, loaded from memory.
#pragma once

#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace ingot::runtime {

/// A shared object that exists only in memory. Code is trusted like any program: it runs with the rights of the
/// process.
class CodeLibrary {
public:
  CodeLibrary(const CodeLibrary &) = delete;
  CodeLibrary &operator=(const CodeLibrary &) = delete;
  ~CodeLibrary();

  /// Loads an ELF shared object. `name` is for messages.
  static Result<std::shared_ptr<const CodeLibrary>> load(std::span<const std::byte> object, const std::string &name);

  /// The function called `symbol`. Fails with `corrupt`, naming the library and the symbol.
  Result<program::BodyFunction> body(const std::string &symbol) const;

private:
  CodeLibrary(void *handle, int fd, std::string name) : handle(handle), fd(fd), name(std::move(name)) {}

  void *handle;
  int fd; // stays open: the loader takes equal paths for equal libraries, and ours ends in this number
  std::string name;
};

} // namespace ingot::runtime
