// The one synchronisation primitive: a monotone counter that threads signal and wait for.
#pragma once

#include <atomic>
#include <cstdint>

namespace ingot::runtime {

class Prefetch;

/// How long a waiting thread burns its core before it sleeps.
struct WaitPolicy {
  uint32_t spins = 10000;        // pauses of the core, some 150 microseconds in all; 0 when cores are shared
  uint64_t *slept = nullptr;     // gets the nanoseconds that the thread has slept added; null: nobody wants to know
  Prefetch *meanwhile = nullptr; // what to fetch instead of the first pauses; null: nothing
};

/// A u32 that only grows, compared wrap-safe. One per pair of cache lines (the prefetcher of x86 fetches pairs), so
/// counters do not disturb each other.
class alignas(128) Counter {
public:
  static bool reached(uint32_t value, uint32_t target) { return static_cast<int32_t>(value - target) >= 0; }

  /// Adds `amount` with release semantics. Waiters are woken when the counter arrives at `target`, so `target` must be
  /// what they wait for.
  void signal(uint32_t amount, uint32_t target) {
    // Sequentially consistent with the sleeper's increment: either it sees the new value or we see the sleeper.
    uint32_t value = current.fetch_add(amount, std::memory_order_seq_cst) + amount;
    if (value == target && sleepers.load(std::memory_order_seq_cst) != 0)
      wakeAll();
  }

  /// Returns true with acquire semantics once the counter has arrived at `target`, and false when `*cancel` becomes
  /// true before. Null means that nobody cancels.
  bool await(uint32_t target, WaitPolicy policy, const std::atomic<bool> *cancel) {
    if (reached(current.load(std::memory_order_acquire), target))
      return true;
    return awaitSlowly(target, policy, cancel);
  }

  /// Sets the value while no thread uses the counter.
  void set(uint32_t value) { current.store(value, std::memory_order_relaxed); }

private:
  bool awaitSlowly(uint32_t target, WaitPolicy policy, const std::atomic<bool> *cancel);
  void wakeAll();

  std::atomic<uint32_t> current{0};
  std::atomic<uint32_t> sleepers{0};
};

} // namespace ingot::runtime
