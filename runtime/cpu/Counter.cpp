#include "runtime/cpu/Counter.h"

#include "runtime/cpu/Prefetch.h"

#include <climits>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ingot::runtime {

namespace {

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free,
              "the kernel sleeps on plain 32-bit words");

/// Whoever cancels only sets a flag (it may be a signal handler), so sleepers look at it from time to time.
constexpr timespec kCancelPeriod = {0, 20'000'000};

uint64_t now() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

void pauseCore() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

} // namespace

bool Counter::awaitSlowly(uint32_t target, WaitPolicy policy, const std::atomic<bool> *cancel) {
  for (uint32_t i = 0; i < policy.spins; ++i) {
    if (!policy.meanwhile || !policy.meanwhile->advance())
      pauseCore();
    if (reached(current.load(std::memory_order_acquire), target))
      return true;
  }
  uint64_t begin = policy.slept ? now() : 0;
  sleepers.fetch_add(1, std::memory_order_seq_cst);
  bool arrived = false;
  for (;;) {
    uint32_t value = current.load(std::memory_order_seq_cst);
    arrived = reached(value, target);
    if (arrived || (cancel && cancel->load(std::memory_order_relaxed)))
      break;
    // Returns at once if the value has changed since; any other reason to return is looked at above.
    ::syscall(SYS_futex, &current, FUTEX_WAIT_PRIVATE, value, cancel ? &kCancelPeriod : nullptr, nullptr, 0);
  }
  sleepers.fetch_sub(1, std::memory_order_relaxed);
  if (policy.slept)
    *policy.slept += now() - begin;
  return arrived;
}

void Counter::wakeAll() { ::syscall(SYS_futex, &current, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0); }

} // namespace ingot::runtime
