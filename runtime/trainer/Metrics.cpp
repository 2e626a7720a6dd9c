#include "runtime/trainer/Metrics.h"

namespace ingot::runtime {

double ModelShape::flopsPerToken(uint64_t sequence) const {
  return 6 * static_cast<double>(params) + 12 * static_cast<double>(layers) * static_cast<double>(heads) *
                                               static_cast<double>(headSize) * static_cast<double>(sequence);
}

double utilisation(double flops, double seconds, double peakFlops) {
  return seconds > 0 && peakFlops > 0 ? flops / (seconds * peakFlops) : 0;
}

void RunningAverage::add(double next) {
  if (seen == skip)
    average = next;
  else if (seen > skip)
    average = 0.9 * average + 0.1 * next;
  ++seen;
}

} // namespace ingot::runtime
