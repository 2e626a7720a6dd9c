// Runs the command line tool as a user does.
#pragma once

#include "Synthetic.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <sys/wait.h>

namespace ingot::test {

struct Outcome {
  int exit;
  std::string out, err;
};

class CliTest : public testing::Test {
protected:
  /// Runs `ingot ARGUMENTS` through the shell. `@` stands for the test's directory.
  Outcome run(std::string arguments, const std::string &prefix = "") {
    for (size_t at = 0; (at = arguments.find('@', at)) != std::string::npos;)
      arguments.replace(at, 1, directory.path);
    std::string command = prefix + INGOT_BINARY_DIR "/bin/ingot " + arguments + " > " + (directory / "out") + " 2> " +
                          (directory / "err");
    int status = std::system(("bash -c '" + command + "'").c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, readFile(directory / "out"), readFile(directory / "err")};
  }

  TemporaryDirectory directory;
};

} // namespace ingot::test
