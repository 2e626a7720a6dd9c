// How a step uses its workers, chosen by what steps have cost: cores may be ours alone or shared with other processes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ingot::runtime {

/// Spinning is the fastest way to wait on a core of one's own. On a shared core it burns the time that the awaited
/// worker, or the next task, could have had; who sleeps gets the core back at once when he is needed. And where steps
/// are shorter than a time slice of the system, waiting for a worker that has lost its core costs more than doing its
/// tasks.
enum class Pace : uint8_t {
  Spin,  // all workers; waits spin, then sleep
  Sleep, // all workers; waits sleep at once
  Alone, // the calling thread runs all queues
};
inline constexpr size_t kPaces = 3;

/// Chooses the pace of each step. As long as nobody sleeps in a step, which is the rule on idle cores, it stays with
/// Spin and costs one comparison; otherwise it tries all paces for some milliseconds each, keeps the fastest (Spin,
/// unless another is faster by a quarter), and looks again after a time that doubles as long as the answer stays the
/// same. Times are those of steps: between them nothing runs.
class PaceControl {
public:
  /// Without `maySpin` (more workers than cores) or `mayRunAlone` those paces are left out.
  PaceControl(uint32_t workers, bool maySpin, bool mayRunAlone);

  Pace pace() const { return static_cast<Pace>(current); }

  /// `steps` steps at `pace()` took `nanoseconds` together, of which their workers slept `slept` in all.
  void finished(uint64_t nanoseconds, uint64_t slept, uint64_t steps);

private:
  static constexpr uint64_t kWindow = 2'000'000;         // ns in which sleeping is counted
  static constexpr uint64_t kTrial = 12'000'000;         // ns per pace: some time slices of the system
  static constexpr uint64_t kShortestHold = 100'000'000; // ns between trials
  static constexpr uint64_t kLongestHold = 3'000'000'000;

  struct Trial {
    uint64_t nanoseconds = 0, steps = 0;
  };
  static bool isFaster(const Trial &a, const Trial &b, uint64_t numerator, uint64_t denominator);
  void startTrials();
  void endTrials();

  uint32_t workers;
  std::array<bool, kPaces> available;
  size_t current;
  bool trying = false;
  std::array<Trial, kPaces> trials = {};
  size_t settled;                 // the winner of the last trials
  uint64_t window = 0, slept = 0; // since the window began
  uint64_t held = 0;              // since the last trials
  uint64_t hold = 0;
};

} // namespace ingot::runtime
