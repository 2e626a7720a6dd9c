// Learning rates by step. Steps count from 1, so step t has rate eta(t) and a run of `end` steps closes with eta(end).
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>

namespace ingot::runtime {

/// How the rate goes on after the warm-up, in which it is peak * t / warmup.
enum class ScheduleKind : uint8_t {
  Constant, // stays at the peak
  Cosine,   // falls to `least` along half a cosine
  Wsd,      // warm-up, stable, decay: stays at the peak until `annealFrom`, then falls to `least` along a line
  Infinite, // arXiv 2403.08763: falls to `stable` until `stableFrom`, stays there, and from `annealFrom` on falls to
            // `least` exponentially; a checkpoint of the stable part can be gone on from for any number of steps
};

/// How an infinite schedule falls from the peak.
enum class CoolDown : uint8_t {
  Cosine,
  InverseSqrt, // along 1 / sqrt(1 + 10 x), stretched to end at `stable`
};

struct Schedule {
  ScheduleKind kind = ScheduleKind::Cosine;
  double peak = 1e-3, least = 1e-4, stable = 5.5e-4;
  uint64_t warmup = 0, stableFrom = 0, annealFrom = 0, end = 1;
  CoolDown coolDown = CoolDown::Cosine;

  /// Rates must be finite and positive and the steps in order: warmup <= stableFrom <= annealFrom <= end, as far as the
  /// kind uses them.
  Status check() const;
  /// The rate of a step; after `end` that of `end`.
  double at(uint64_t step) const;
};

} // namespace ingot::runtime
