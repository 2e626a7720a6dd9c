#include "Progress.h"

#include "Support.h"

#include <algorithm>
#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ingot::tool {

namespace {

/// Work that is done before that is not worth a line.
constexpr std::chrono::milliseconds kPatience(400);
constexpr std::chrono::milliseconds kPeriod(100);

size_t columns() {
  winsize size = {};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

} // namespace

Progress::Progress() : terminal(::isatty(STDERR_FILENO)) {}

Progress::~Progress() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    ended = true;
    wipe();
  }
  changed.notify_all();
  if (painter.joinable())
    painter.join();
}

void Progress::show(const std::string &what) {
  if (!terminal)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  wipe();
  text = printable(what);
  changed.notify_all();
  if (painter.joinable())
    return;
  begin = Clock::now();
  painter = std::thread([this] { draw(); });
}

void Progress::erase() {
  std::lock_guard<std::mutex> lock(mutex);
  wipe();
  text.clear();
}

void Progress::draw() {
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    changed.wait(lock, [this] { return ended || !text.empty(); });
    if (changed.wait_for(lock, kPeriod, [this] { return ended; }))
      return;
    auto elapsed = Clock::now() - begin;
    if (text.empty() || elapsed < kPatience)
      continue;
    char time[32];
    std::snprintf(time, sizeof(time), "  %.1f s", std::chrono::duration<double>(elapsed).count());
    // A line that wraps could not be erased.
    std::string line = text.substr(0, columns() - std::min(columns(), std::string(time).size() + 1)) + time;
    std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    drawn = true;
  }
}

void Progress::wipe() {
  if (drawn)
    std::fprintf(stderr, "\r\x1b[K");
  drawn = false;
}

} // namespace ingot::tool
