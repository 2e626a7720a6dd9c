// Commands that need LLVM are in a program of their own, so that `ingot` starts without it.
#pragma once

#include <string>

namespace ingot::tool {

/// The path of the program `name` in ../libexec/ingot beside the folder of the running program, or in that folder, in
/// build trees and where it was installed. Empty if there is no such program.
std::string findHelper(const std::string &name);

/// Becomes `ingot-compiler COMMAND ARGUMENTS...`; argv[0] is the command. Comes back only if that fails: prints
/// `absent`, if this build has no compiler, or why it could not be started, and returns 1.
int delegateToCompiler(int argc, char **argv, const std::string &absent);

} // namespace ingot::tool
