// What the main functions of `ingot` and `ingot-compiler` share.
#pragma once

namespace ingot::tool {

/// Sets signals up and calls `dispatch`; what it throws becomes a message and the exit status 1.
int guardedMain(int (*dispatch)(int argc, char **argv), int argc, char **argv);

} // namespace ingot::tool
