// ingot-compiler: the commands of `ingot` that need LLVM. `ingot` starts it with its own arguments.
#include "Command.h"
#include "EntryPoint.h"

#include <cstdio>
#include <cstring>

using namespace ingot::tool;

namespace {

int dispatch(int argc, char **argv) {
  if (argc >= 2 && !std::strcmp(argv[1], "compile"))
    return compileMain(argc - 1, argv + 1);
  if (argc >= 2 && !std::strcmp(argv[1], "run"))
    return runMain(argc - 1, argv + 1);
  if (argc >= 2 && !std::strcmp(argv[1], "debug"))
    return debugMain(argc - 1, argv + 1);
  std::fprintf(stderr, "ingot-compiler: a part of ingot: run `ingot compile`, `ingot debug` or `ingot run --target "
                       "interpreter`\n");
  return 2;
}

} // namespace

int main(int argc, char **argv) { return guardedMain(dispatch, argc, argv); }
