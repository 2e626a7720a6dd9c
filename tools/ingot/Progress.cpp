#include "Progress.h"

#include "Support.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iterator>
#include <string_view>
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

constexpr char kErase[] = "\r\x1b[K";

/// What a signal handler has to know: whether a line stands there, whether one is just being drawn, and that no other
/// may be.
std::atomic<bool> drawn, drawing, ending;

constexpr int kEndingSignals[] = {SIGINT, SIGTERM, SIGHUP};
struct sigaction previousActions[std::size(kEndingSignals)];

/// Never runs on the thread that draws, which blocks signals.
extern "C" void eraseAndRaise(int signal) {
  ending = true;
  // A terminal that was stopped may hold a drawing up for long.
  for (int i = 0; drawing && i < 100; ++i) {
    timespec millisecond = {0, 1000000};
    ::nanosleep(&millisecond, nullptr);
  }
  if (drawn)
    static_cast<void>(!::write(STDERR_FILENO, kErase, sizeof(kErase) - 1));
  for (size_t i = 0; i < std::size(kEndingSignals); ++i)
    if (kEndingSignals[i] == signal)
      ::sigaction(signal, &previousActions[i], nullptr);
  ::raise(signal);
}

void eraseOnSignals() {
  struct sigaction action = {};
  action.sa_handler = eraseAndRaise;
  action.sa_flags = SA_NODEFER; // what it raises is handled before it returns
  for (size_t i = 0; i < std::size(kEndingSignals); ++i)
    // What the parent told us to ignore (nohup) stays ignored.
    if (::sigaction(kEndingSignals[i], nullptr, &previousActions[i]) == 0 && previousActions[i].sa_handler != SIG_IGN)
      ::sigaction(kEndingSignals[i], &action, nullptr);
}

bool canErase() {
  const char *terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) && terminal && *terminal && terminal != std::string_view("dumb");
}

/// A thread on which no signal handler runs.
template <typename Work> std::thread startWithoutSignals(Work work) {
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  std::thread thread(work);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

} // namespace

Progress::Progress() : terminal(canErase()) {}

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
  static std::once_flag once;
  std::call_once(once, eraseOnSignals);
  painter = startWithoutSignals([this] { draw(); });
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
    drawing = true;
    if (!ending) {
      drawn = true;
      std::fprintf(stderr, "%s%s", kErase, line.c_str());
    }
    drawing = false;
  }
}

void Progress::wipe() {
  if (drawn)
    std::fprintf(stderr, "%s", kErase);
  drawn = false;
}

} // namespace ingot::tool
