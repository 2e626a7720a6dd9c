// Figures of a run: model FLOPs utilisation and running averages.
#pragma once

#include <cstdint>

namespace ingot::runtime {

/// What the usual estimate of a transformer's work counts: 6 operations for each parameter and token (forward, and
/// twice that backward) and 12 L H Q T for attention, recomputation not included (PaLM, arXiv 2204.02311, appendix B).
struct ModelShape {
  uint64_t params = 0; // without position embeddings
  uint64_t layers = 0, heads = 0, headSize = 0;

  double flopsPerToken(uint64_t sequence) const;
};

/// Share of the machine's peak that `flops` operations in `seconds` are; 0 where one of the latter is not known.
double utilisation(double flops, double seconds, double peakFlops);

/// 0.9 of what was, 0.1 of what is new; begins with the first value after those that are skipped.
class RunningAverage {
public:
  explicit RunningAverage(uint64_t skip) : skip(skip) {}
  void add(double next);
  /// Whether there is a value yet.
  bool known() const { return seen > skip; }
  double value() const { return average; }
  uint64_t count() const { return seen; }
  /// Goes on from where another one was.
  void restore(double value, uint64_t count) { average = value, seen = count; }

private:
  uint64_t skip, seen = 0;
  double average = 0;
};

} // namespace ingot::runtime
