#include "lib/Target/CPU/Link.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace llvm;
using namespace ingot;

namespace {

/// A folder for LLD's files, which cannot read or write memory; removed with what it holds.
class TemporaryFolder {
public:
  TemporaryFolder() { error = sys::fs::createUniqueDirectory("ingot-link", path); }
  ~TemporaryFolder() {
    // What cannot be removed is left to the system, which empties its folder for temporary files.
    std::error_code ignored = error ? error : sys::fs::remove_directories(path);
    (void)ignored;
  }
  std::string file(StringRef name) const {
    SmallString<128> result(path);
    sys::path::append(result, name);
    return std::string(result);
  }
  std::error_code error;

private:
  SmallString<128> path;
};

} // namespace

static Error writeFile(StringRef path, StringRef bytes) {
  std::error_code code;
  raw_fd_ostream stream(path, code);
  if (code)
    return createStringError(code, "cannot write " + path + ": " + code.message());
  stream << bytes;
  stream.close();
  if (stream.has_error()) {
    code = stream.error();
    stream.clear_error();
    return createStringError(code, "cannot write " + path + ": " + code.message());
  }
  return Error::success();
}

Expected<std::vector<char>> cpu::linkSharedObject(ArrayRef<char> object, ArrayRef<std::string> symbols) {
  TemporaryFolder folder;
  if (folder.error)
    return createStringError(folder.error, "cannot make a temporary folder: " + folder.error.message());
  std::string input = folder.file("bodies.o"), output = folder.file("bodies.so"), exports = folder.file("exports.txt");
  std::string version = symbols.empty() ? "{ " : "{ global: " + llvm::join(symbols, "; ") + "; ";
  version += "local: *; };\n";
  if (Error error = writeFile(input, StringRef(object.data(), object.size())))
    return error;
  if (Error error = writeFile(exports, version))
    return error;

  std::string versionScript = "--version-script=" + exports;
  const char *arguments[] = {"ld.lld",
                             "-shared",
                             "-z",
                             "defs",
                             "--build-id=sha1",
                             "--hash-style=gnu",
                             "--gc-sections",
                             "--strip-all",
                             "--threads=1",
                             versionScript.c_str(),
                             input.c_str(),
                             "-o",
                             output.c_str()};
  const lld::DriverDef drivers[] = {{lld::Gnu, &lld::elf::link}};
  std::string messages;
  raw_string_ostream stream(messages);
  {
    // LLD keeps its state in globals: one link at a time.
    static std::mutex mutex;
    std::lock_guard<std::mutex> lock(mutex);
    lld::Result result = lld::lldMain(arguments, stream, stream, drivers);
    if (result.retCode != 0)
      return createStringError("linking failed: " + StringRef(messages).rtrim());
  }
  auto linked = MemoryBuffer::getFile(output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!linked)
    return createStringError(linked.getError(), "cannot read " + output + ": " + linked.getError().message());
  return std::vector<char>((*linked)->getBufferStart(), (*linked)->getBufferEnd());
}
