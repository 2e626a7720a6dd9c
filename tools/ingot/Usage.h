// How commands read their arguments: checks of values, messages about bad usage, help.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace ingot::tool {

/// Whole numbers from `low` to `high`. CLI11 alone takes "-1" for the largest unsigned number.
CLI::Validator whole(uint64_t low, uint64_t high = std::numeric_limits<uint64_t>::max());
/// One of `words`; `unnamed` are taken as well, to be refused where it can be said why.
CLI::Validator oneOf(const std::vector<std::string> &words, const std::vector<std::string> &unnamed = {});
/// "a, b or c".
std::string listed(const std::vector<std::string> &words);
/// The path of a file to write: "-", which other programs take for standard output, is refused.
CLI::Validator fileToWrite();

/// Prints "COMMAND: MESSAGE" to standard error and returns the exit status 2.
int badUsage(const std::string &command, const std::string &message);

/// Parses the arguments of a command. Returns -1 to go on, or the exit status: 0 after --help, 2 on bad usage, 1 if the
/// help cannot be written.
int parse(CLI::App &app, int argc, char **argv);

/// From now on commands run the artifact behind this program, which was called by `name`: they do not ask for an
/// artifact, and help and messages say "NAME COMMAND".
void setExecutable(const std::string &name);
bool isExecutable();

} // namespace ingot::tool
