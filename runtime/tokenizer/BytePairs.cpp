#include "runtime/tokenizer/BytePairs.h"

#include <algorithm>

namespace ingot::runtime::tokenizer {

PairMerger::PairMerger(const Form &form)
    : starts(form.words(PairStarts)), rights(form.words(PairRight)), results(form.words(PairResult)),
      ranks(form.words(PairRank)) {}

void PairMerger::run(std::vector<uint32_t> &tokens) {
  if (tokens.size() < 2)
    return;
  nodes.clear();
  heap.clear();
  auto count = static_cast<uint32_t>(tokens.size());
  for (uint32_t i = 0; i < count; ++i)
    nodes.push_back({tokens[i], i ? i - 1 : kNone, i + 1 < count ? i + 1 : kNone});
  for (uint32_t i = 0; i + 1 < count; ++i)
    offer(i);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    Merge merge = heap.back();
    heap.pop_back();
    if (isCurrent(merge))
      apply(merge);
  }
  tokens.clear();
  for (uint32_t i = 0; i != kNone; i = nodes[i].next)
    tokens.push_back(nodes[i].token);
}

void PairMerger::offer(uint32_t left) {
  const Node &node = nodes[left];
  if (node.next == kNone)
    return;
  uint32_t right = nodes[node.next].token;
  auto first = rights.begin() + starts[node.token], last = rights.begin() + starts[node.token + 1];
  auto found = std::lower_bound(first, last, right);
  if (found == last || *found != right)
    return;
  size_t at = found - rights.begin();
  heap.push_back({ranks[at], left, node.token, right, results[at]});
  std::push_heap(heap.begin(), heap.end());
}

bool PairMerger::isCurrent(const Merge &merge) const {
  const Node &node = nodes[merge.left];
  return node.token == merge.leftToken && node.next != kNone && nodes[node.next].token == merge.rightToken;
}

void PairMerger::apply(const Merge &merge) {
  Node &left = nodes[merge.left];
  Node &right = nodes[left.next];
  left.token = merge.result;
  left.next = right.next;
  right.token = kNone;
  if (left.next != kNone)
    nodes[left.next].previous = merge.left;
  if (left.previous != kNone)
    offer(left.previous);
  offer(merge.left);
}

} // namespace ingot::runtime::tokenizer
