// What a command is doing, for people who wait in front of a terminal.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace ingot::tool {

/// One line on standard error, "compiling for avx2  3.4 s", that is rewritten as time goes by (of all that was shown)
/// and erased at the end, also when SIGINT, SIGTERM or SIGHUP ends the process. Nothing at all where standard error is
/// no terminal, or one that cannot erase (TERM is dumb or not set). There is one at a time.
class Progress {
public:
  Progress();
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// From now on the line says `what`. It appears when the command has taken a moment.
  void show(const std::string &what);
  /// Erases the line until the next `show`: something else is about to be printed.
  void erase();

private:
  using Clock = std::chrono::steady_clock;
  void draw();
  void wipe();

  bool terminal;
  std::mutex mutex;
  std::condition_variable changed;
  std::string text;        // empty: none
  Clock::time_point begin; // of the first `show`
  bool ended = false;
  std::thread painter; // from the first `show` on
};

} // namespace ingot::tool
