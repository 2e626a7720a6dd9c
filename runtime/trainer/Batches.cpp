#include "runtime/trainer/Batches.h"

#include "runtime/program/SplitMix64.h"

#include <string>

namespace ingot::runtime {

using program::SplitMix64;

Result<Batches> Batches::create(const TrainingData &data, uint64_t rows, uint64_t length, uint64_t seed) {
  Batches batches;
  batches.data = &data;
  batches.rows = rows;
  batches.length = length;
  batches.seed = seed;
  batches.count = data.size() > 0 ? (data.size() - 1) / length : 0;
  if (batches.count < rows)
    return Status::invalidArgument("the data have " + std::to_string(data.size()) + " tokens, but one batch of " +
                                   std::to_string(rows) + " sequences of " + std::to_string(length) + " needs " +
                                   std::to_string(rows * length + 1));
  return batches;
}

/// A permutation of [0, count) without a table: a Feistel network on the next even number of bits, walked until it
/// gives an index that is in range.
uint64_t Batches::shuffled(uint64_t index, uint64_t key) const {
  unsigned half = 1;
  while (half < 31 && (uint64_t(1) << (2 * half)) < count)
    ++half;
  uint64_t mask = (uint64_t(1) << half) - 1;
  do {
    uint64_t left = index >> half, right = index & mask;
    for (uint64_t round = 0; round < 4; ++round) {
      uint64_t next = left ^ (SplitMix64(key + round * 0x9e3779b97f4a7c15 + (right << 2)).next() & mask);
      left = right;
      right = next;
    }
    index = left << half | right;
  } while (index >= count);
  return index;
}

uint64_t Batches::start(uint64_t window) const {
  uint64_t epoch = window / count;
  SplitMix64 random(SplitMix64(seed).next() + epoch);
  uint64_t key = random.next(), spare = data->size() - 1 - count * length;
  return random.below(spare + 1) + shuffled(window % count, key) * length;
}

void Batches::read(uint64_t number, std::span<int32_t> tokens, std::span<int32_t> targets) const {
  for (uint64_t row = 0; row < rows; ++row) {
    uint64_t from = start(number * rows + row);
    for (uint64_t i = 0; i < length; ++i) {
      tokens[row * length + i] = (*data)[from + i];
      targets[row * length + i] = (*data)[from + i + 1];
    }
  }
}

} // namespace ingot::runtime
