#include "EntryPoint.h"

#include "runtime/formats/File.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <new>

/// Makes descriptors 0 to 2 exist. A file that took the number of a closed one would be read as input or written over
/// by output; these fail every read (0) and write (1, 2) as the closed ones would.
static void occupyStandardDescriptors() {
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0)
      static_cast<void>(::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY)); // takes the lowest free number: this one
}

int ingot::tool::guardedMain(int (*dispatch)(int argc, char **argv), int argc, char **argv) {
  occupyStandardDescriptors();
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
