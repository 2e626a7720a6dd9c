#include "EntryPoint.h"

#include "runtime/formats/File.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

int ingot::tool::guardedMain(int (*dispatch)(int argc, char **argv), int argc, char **argv) {
  runtime::removeUnfinishedFilesOnSignals();
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
