// ingot: compiles models and runs what was compiled. This program stands on the runtime alone.
#include "Command.h"
#include "Delegate.h"
#include "EntryPoint.h"
#include "Run.h"
#include "Support.h"

#include <cstdio>
#include <cstring>

using namespace ingot::tool;

namespace {

struct Command {
  const char *name;
  const char *summary;
  int (*main)(int argc, char **argv); // null: not supported yet
};

constexpr Command kCommands[] = {
    {"compile", "turn a model into an artifact", compileMain},
    {"run", "run one entry of an artifact on tensors", runMain},
    {"generate", "continue a prompt", generateMain},
    {"inspect", "show what an artifact holds", inspectMain},
    {"train", "train a model on a text", trainMain},
    {"eval", nullptr, nullptr},
    {"bench", "time the steps of an artifact's entries", benchMain},
    {"trace", "record when the tasks of a step run", traceMain},
    {"debug", "find the first value that compiled code gets wrong", debugMain},
};

void printUsage(FILE *out) {
  std::fprintf(out, "usage: ingot COMMAND [OPTIONS]\n\ncommands:\n");
  bool hasCompiler = !findHelper("ingot-compiler").empty();
  for (const Command &command : kCommands)
    if (command.main && ((command.main != compileMain && command.main != debugMain) || hasCompiler))
      std::fprintf(out, "  %-10s %s\n", command.name, command.summary);
  std::fprintf(out, "\n`ingot COMMAND --help` explains a command, `ingot --version` says which this is\n");
}

int dispatch(int argc, char **argv) {
  if (argc < 2) {
    printUsage(stderr);
    return 2;
  }
  if (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h")) {
    printUsage(stdout);
    Status status = finishOutput();
    return status.ok() ? 0 : fail(status);
  }
  if (!std::strcmp(argv[1], "--version")) {
    std::printf("ingot %s\n", ingot_runtime_version());
    Status status = finishOutput();
    return status.ok() ? 0 : fail(status);
  }
  for (const Command &command : kCommands) {
    if (std::strcmp(argv[1], command.name))
      continue;
    if (command.main)
      return command.main(argc - 1, argv + 1);
    std::fprintf(stderr, "ingot: '%s' is not supported yet\n", command.name);
    return 1;
  }
  std::fprintf(stderr, "ingot: unknown command '%s'\n", argv[1]);
  printUsage(stderr);
  return 2;
}

} // namespace

int ingot::tool::compileMain(int argc, char **argv) {
  return delegateToCompiler(argc, argv, "'compile' is not supported yet in builds without the compiler");
}

int ingot::tool::debugMain(int argc, char **argv) {
  return delegateToCompiler(argc, argv, "'debug' is not supported yet in builds without the compiler");
}

int ingot::tool::interpretMain(int argc, char **argv, const EntryOptions &) {
  return delegateToCompiler(argc, argv, "target 'interpreter' is not supported in builds without the compiler");
}

int main(int argc, char **argv) { return guardedMain(dispatch, argc, argv); }
