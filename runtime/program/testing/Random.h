// Reproducible random numbers for generators and mutators.
#pragma once

#include "runtime/program/SplitMix64.h"

namespace ingot::program::testing {

class Random : public SplitMix64 {
public:
  using SplitMix64::SplitMix64;

  /// In [0, bound); bound >= 1.
  int64_t below(int64_t bound) { return static_cast<int64_t>(SplitMix64::below(static_cast<uint64_t>(bound))); }
  bool chance(int percent) { return below(100) < percent; }
};

} // namespace ingot::program::testing
