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

/// Whether the mean step of `a` took less than `numerator / denominator` of that of `b`.
bool PaceControl::isFaster(const Trial &a, const Trial &b, uint64_t numerator, uint64_t denominator) {
  return static_cast<__uint128_t>(a.nanoseconds) * b.steps * denominator <
         static_cast<__uint128_t>(b.nanoseconds) * a.steps * numerator;
}

void PaceControl::endTrials() {
  size_t best = kPaces;
  for (size_t i = 0; i < kPaces; ++i)
    if (available[i] && (best == kPaces || isFaster(trials[i], trials[best], 1, 1)))
      best = i;
  // A neighbour that comes and goes can spoil the trial of any pace; one that stays makes spinning many times slower.
  size_t spin = static_cast<size_t>(Pace::Spin);
  if (available[spin] && !isFaster(trials[best], trials[spin], 4, 5))
    best = spin;
  uint64_t total = 0;
  for (const Trial &trial : trials)
    total += trial.nanoseconds;
  // Long steps make long trials, which may not cost more than a fifth of the time, later far less.
  hold = best == settled ? std::min(2 * hold, kLongestHold) : kShortestHold;
  hold = std::max({hold, kShortestHold, 4 * total});
  trying = false;
  held = 0;
  current = settled = best;
}

} // namespace ingot::runtime
