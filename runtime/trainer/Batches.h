// Which piece of the data each step sees: shuffled, the same for equal seeds, and told by one number.
#pragma once

#include "runtime/trainer/TrainingData.h"

#include <cstdint>
#include <span>

namespace ingot::runtime {

/// The data as an endless sequence of batches. Each epoch cuts the tokens into windows of `length` (what does not fill
/// one is left out at either end, differently in each epoch) and takes them in another random order. A batch is the
/// next `rows` windows; it may lie in two epochs.
class Batches {
public:
  /// Fails if the data are shorter than one batch. `data` must outlive the result.
  static Result<Batches> create(const TrainingData &data, uint64_t rows, uint64_t length, uint64_t seed);

  /// Fills tokens[rows, length] and targets[rows, length] of batch `number`: each target is the token behind.
  void read(uint64_t number, std::span<int32_t> tokens, std::span<int32_t> targets) const;

  uint64_t windows() const { return count; }

private:
  uint64_t start(uint64_t window) const;
  uint64_t shuffled(uint64_t index, uint64_t key) const;

  const TrainingData *data = nullptr;
  uint64_t rows = 0, length = 0, seed = 0, count = 0;
};

} // namespace ingot::runtime
