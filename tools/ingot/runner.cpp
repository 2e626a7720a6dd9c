// ingot-runner: what `ingot compile --emit=exe` puts in front of an artifact. It runs the artifact that it ends with:
//   ./story --prompt TEXT         is  ingot generate story --prompt TEXT
//   ./story run|inspect|generate  is  ingot run|inspect|generate story
#include "Command.h"
#include "EntryPoint.h"
#include "Run.h"
#include "Support.h"

#include <climits>
#include <cstring>
#include <unistd.h>
#include <vector>

using namespace ingot::tool;

namespace {

struct Command {
  const char *name;
  int (*main)(int argc, char **argv);
};
constexpr Command kCommands[] = {{"generate", generateMain}, {"inspect", inspectMain}, {"run", runMain}};

int dispatch(int argc, char **argv) {
  char self[PATH_MAX + 1] = {};
  if (::readlink("/proc/self/exe", self, PATH_MAX) <= 0)
    return fail("cannot find the file of this program in /proc");
  const Command *command = &kCommands[0];
  bool named = false;
  for (const Command &candidate : kCommands)
    if (argc > 1 && !std::strcmp(argv[1], candidate.name)) {
      command = &candidate;
      named = true;
    }
  std::vector<char *> arguments = {argv[0], self};
  arguments.insert(arguments.end(), argv + (named ? 2 : 1), argv + argc);
  return command->main(static_cast<int>(arguments.size()), arguments.data());
}

} // namespace

int ingot::tool::interpretMain(int, char **, const EntryOptions &) {
  return fail("target 'interpreter' is not supported in executables: use `ingot run`");
}

int main(int argc, char **argv) { return guardedMain(dispatch, argc, argv); }
