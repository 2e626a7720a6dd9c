#include "runtime/cpu/Pace.h"

#include <algorithm>

namespace ingot::runtime {

PaceControl::PaceControl(uint32_t workers, bool maySpin, bool mayRunAlone)
    : workers(workers), available{maySpin, workers > 1, mayRunAlone && workers > 1},
      current(static_cast<size_t>(maySpin || workers == 1 ? Pace::Spin : Pace::Sleep)), settled(current) {}

void PaceControl::finished(uint64_t nanoseconds, uint64_t sleptInSteps, uint64_t steps) {
  if (workers == 1)
    return;
  if (trying) {
    Trial &trial = trials[current];
    trial.nanoseconds += nanoseconds;
    trial.steps += steps;
    // One step may be the lucky or the unlucky one.
    if (trial.steps < 2 || trial.nanoseconds < kTrial)
      return;
    do
      ++current;
    while (current < kPaces && !available[current]);
    if (current == kPaces)
      endTrials();
    return;
  }
  held += nanoseconds;
  window += nanoseconds;
  slept += sleptInSteps;
  if (window < kWindow)
    return;
  // Where workers wait for each other on cores of their own, they spin. Other paces are left again by trial alone.
  bool disturbed = slept > window / 10 * workers || pace() != Pace::Spin;
  window = slept = 0;
  if (disturbed && held >= hold)
    startTrials();
}

void PaceControl::startTrials() {
  trying = true;
  trials = {};
  current = 0;
  while (!available[current])
    ++current;
}

void PaceControl::endTrials() {
  size_t best = kPaces;
  // Means of steps, compared without division.
  auto isFaster = [&](const Trial &a, const Trial &b) {
    return static_cast<__uint128_t>(a.nanoseconds) * b.steps < static_cast<__uint128_t>(b.nanoseconds) * a.steps;
  };
  for (size_t i = 0; i < kPaces; ++i)
    if (available[i] && (best == kPaces || isFaster(trials[i], trials[best])))
      best = i;
  hold = best == settled ? std::clamp(2 * hold, kShortestHold, kLongestHold) : kShortestHold;
  // Long steps make long trials: they may not cost more than a tenth of the time.
  uint64_t total = 0;
  for (const Trial &trial : trials)
    total += trial.nanoseconds;
  hold = std::max(hold, 10 * total);
  trying = false;
  held = 0;
  current = settled = best;
}

} // namespace ingot::runtime
