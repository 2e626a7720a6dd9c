// ingot-runner: what `ingot compile --emit=exe` puts in front of an artifact. It runs the artifact that it ends with:
//   ./story --prompt TEXT         is  ingot generate story --prompt TEXT
//   ./story run|inspect|generate  is  ingot run|inspect|generate story
//   ./story --help                lists these
#include "Command.h"
#include "EntryPoint.h"
#include "Run.h"
#include "Support.h"

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstring>
#include <unistd.h>
#include <vector>

using namespace ingot::tool;

namespace {

struct Command {
  const char *name;
  const char *summary;
  int (*main)(int argc, char **argv);
};
constexpr Command kCommands[] = {{"generate", "continue a prompt; also done without naming it", generateMain},
                                 {"inspect", "show what this program holds", inspectMain},
                                 {"run", "run one entry of the model on tensors", runMain}};

void printUsage(FILE *out, const char *program) {
  std::fprintf(out, "usage: %s [COMMAND] [OPTIONS]\n\ncommands:\n", printable(program).c_str());
  for (const Command &command : kCommands)
    std::fprintf(out, "  %-10s %s\n", command.name, command.summary);
  std::fprintf(out, "\n`%s COMMAND --help` explains a command\n", printable(program).c_str());
}

int dispatch(int argc, char **argv) {
  char self[PATH_MAX + 1] = {};
  if (::readlink("/proc/self/exe", self, PATH_MAX) <= 0)
    return fail("cannot find the file of this program in /proc");
  const char *program = argc > 0 ? argv[0] : "program", *first = argc > 1 ? argv[1] : "-";
  if (!std::strcmp(first, "--help") || !std::strcmp(first, "-h")) {
    printUsage(stdout, program);
    Status status = finishOutput();
    return status.ok() ? 0 : fail(status);
  }
  const Command *command = &kCommands[0];
  bool named = false;
  for (const Command &candidate : kCommands)
    if (!std::strcmp(first, candidate.name)) {
      command = &candidate;
      named = true;
    }
  if (!named && first[0] != '-') {
    badUsage(program, "unknown command '" + std::string(first) + "'");
    printUsage(stderr, program);
    return 2;
  }
  setExecutable(program);
  static char none[] = "program";
  std::vector<char *> arguments = {argc > 0 ? argv[0] : none, self};
  arguments.insert(arguments.end(), argv + std::min(named ? 2 : 1, argc), argv + argc);
  return command->main(static_cast<int>(arguments.size()), arguments.data());
}

} // namespace

int ingot::tool::interpretMain(int, char **, const EntryOptions &) {
  return fail("target 'interpreter' is not supported in executables: use `ingot run`");
}

int main(int argc, char **argv) { return guardedMain(dispatch, argc, argv); }
