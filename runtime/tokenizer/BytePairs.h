// Merging of neighbouring tokens.
#pragma once

#include "runtime/tokenizer/Form.h"

#include <vector>

namespace ingot::runtime::tokenizer {

/// Merges the neighbours of best rank, the leftmost of equals, until none is left: time n log n. To be reused: it keeps
/// its memory.
class PairMerger {
public:
  explicit PairMerger(const Form &form);

  /// Merges `tokens` in place.
  void run(std::vector<uint32_t> &tokens);

private:
  struct Node {
    uint32_t token; // kNone once merged into its left neighbour
    uint32_t previous, next;
  };
  struct Merge {
    uint32_t rank, left, leftToken, rightToken, result;
    /// The heap's top is the largest.
    bool operator<(const Merge &other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };

  void offer(uint32_t left);
  bool isCurrent(const Merge &merge) const;
  void apply(const Merge &merge);

  std::span<const uint32_t> starts, rights, results, ranks;
  std::vector<Node> nodes;
  std::vector<Merge> heap;
};

} // namespace ingot::runtime::tokenizer
