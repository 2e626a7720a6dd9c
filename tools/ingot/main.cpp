// ingot: compiles models and runs what was compiled.
#include "Command.h"

#include "runtime/formats/File.h"

#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iterator>
#include <new>

using namespace ingot::tool;

namespace {

struct Command {
  const char *name;
  const char *summary;
  int (*main)(int argc, char **argv); // null: not supported yet
};

#ifdef INGOT_WITH_COMPILER
constexpr auto kCompile = compileMain;
#else
constexpr int (*kCompile)(int, char **) = nullptr;
#endif

constexpr Command kCommands[] = {
    {"compile", "turn a model into an artifact", kCompile},
    {"run", "run one entry of an artifact on tensors", runMain},
    {"generate", "continue a prompt", generateMain},
    {"inspect", "show what an artifact holds", inspectMain},
    {"train", nullptr, nullptr},
    {"eval", nullptr, nullptr},
    {"bench", nullptr, nullptr},
    {"trace", nullptr, nullptr},
    {"debug", nullptr, nullptr},
};

void printUsage(FILE *out) {
  std::fprintf(out, "usage: ingot COMMAND [OPTIONS]\n\ncommands:\n");
  for (const Command &command : kCommands)
    if (command.main)
      std::fprintf(out, "  %-10s %s\n", command.name, command.summary);
  std::fprintf(out, "\n`ingot COMMAND --help` explains a command\n");
}

int dispatch(int argc, char **argv) {
  if (argc < 2) {
    printUsage(stderr);
    return 2;
  }
  if (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h")) {
    printUsage(stdout);
    return 0;
  }
  for (const Command &command : kCommands) {
    if (std::strcmp(argv[1], command.name))
      continue;
    if (command.main)
      return command.main(argc - 1, argv + 1);
    std::fprintf(stderr, "ingot: '%s' is not supported yet%s\n", command.name,
                 command.summary ? " in builds without the compiler" : "");
    return 1;
  }
  std::fprintf(stderr, "ingot: unknown command '%s'\n", argv[1]);
  printUsage(stderr);
  return 2;
}

} // namespace

int main(int argc, char **argv) {
  ingot::runtime::removeUnfinishedFilesOnSignals();
  // Failed writes are reported as such instead of ending the process.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return dispatch(argc, argv);
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "ingot: out of memory\n");
    return 1;
  } catch (const std::exception &error) { // of the standard library
    std::fprintf(stderr, "ingot: %s\n", error.what());
    return 1;
  }
}
