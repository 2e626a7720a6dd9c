// The subcommands of `ingot`. Each takes the arguments behind its name and returns the exit status: 0 done, 1 bad input
// or failed work, 2 bad usage.
#pragma once

namespace ingot::tool {

int benchMain(int argc, char **argv);
/// `ingot` passes its arguments on to `ingot-compiler`, which does the work.
int compileMain(int argc, char **argv);
int debugMain(int argc, char **argv); // the same
int generateMain(int argc, char **argv);
int inspectMain(int argc, char **argv);
int runMain(int argc, char **argv);
int traceMain(int argc, char **argv);
int trainMain(int argc, char **argv);

} // namespace ingot::tool
