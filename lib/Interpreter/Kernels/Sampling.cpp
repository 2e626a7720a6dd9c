// From logits to the next token, as the definition of `ingot.sample` says it: weights are sorted, not searched.
#include "lib/Interpreter/Kernels/Kernels.h"

#include <cmath>
#include <numeric>

using namespace ingot::interpreter;
using llvm::ArrayRef;

void ingot::interpreter::countTokens(const Array &tokens, const Array &counts, const Array &start, const Array &count,
                                     const Array &sampled) {
  int64_t vocabulary = counts.shape()[2];
  for (int64_t b = 0; b < tokens.shape()[0]; ++b) {
    Array slot = counts.slice({b, 0, 0}, {1, 2, vocabulary}, {1, 1, 1});
    if (isPoison(start.at({b})) || isPoison(count.at({b})) || isPoison(sampled.at({b}))) {
      slot.fill(poison()); // unknown tokens may be any
      continue;
    }
    int64_t rows = std::min(tokens.shape()[1], count.at({b}).i);
    if (start.at({b}).i == 0 && rows > 0)
      slot.fill(Cell{.i = 0});
    for (int64_t c = 0; c < rows; ++c) {
      int64_t token = tokens.at({b, c}).i;
      if (token >= 0 && token < vocabulary)
        ++counts.at({b, c < sampled.at({b}).i ? 1 : 0, token}).i;
    }
  }
  counts.finishWrite();
}

namespace {

/// The parameters of one slot.
struct Parameters {
  double temperature, topP, presence, frequency, repetition;
  int64_t topK;

  Parameters(ArrayRef<Array> all, int64_t b)
      : temperature(all[0].at({b}).f), topP(all[2].at({b}).f), presence(all[3].at({b}).f), frequency(all[4].at({b}).f),
        repetition(all[5].at({b}).f), topK(all[1].at({b}).i) {}
};

/// The logit of one token after penalties.
template <typename A> A penalised(A logit, int64_t prompt, int64_t sampled, const Parameters &parameters) {
  if (parameters.repetition != 0 && prompt + sampled > 0)
    logit = logit > 0 ? logit / static_cast<A>(parameters.repetition) : logit * static_cast<A>(parameters.repetition);
  logit -= static_cast<A>(parameters.frequency) * static_cast<A>(sampled);
  return sampled > 0 ? logit - static_cast<A>(parameters.presence) : logit;
}

/// Keeps the first weights in descending order, lower tokens first among equals, while `more(kept, sum)`.
template <typename A, typename More> void keepLargest(std::vector<A> &weights, More more) {
  std::vector<size_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return weights[a] > weights[b]; });
  A sum = 0;
  for (size_t kept = 0; kept < order.size(); ++kept) {
    A &weight = weights[order[kept]];
    if (more(kept, sum))
      sum += weight;
    else
      weight = 0;
  }
}

/// Logits become weights.
template <typename A> void weigh(std::vector<A> &values, const Parameters &parameters) {
  auto largest = values.begin();
  for (auto it = values.begin(); it != values.end(); ++it) {
    if (std::isnan(*it))
      return values.assign(values.size(), 0);
    if (*it > *largest)
      largest = it;
  }
  if (!(parameters.temperature > 0) || std::isinf(*largest)) {
    size_t best = largest - values.begin();
    values.assign(values.size(), 0);
    values[best] = 1;
    return;
  }
  A maximum = *largest;
  for (A &value : values)
    value = std::exp((value - maximum) / static_cast<A>(parameters.temperature));
  if (parameters.topK > 0)
    keepLargest(values, [&](size_t kept, A) { return kept < static_cast<size_t>(parameters.topK); });
  if (parameters.topP > 0 && parameters.topP < 1) {
    A target = static_cast<A>(parameters.topP) * std::accumulate(values.begin(), values.end(), A(0));
    keepLargest(values, [&](size_t, A sum) { return sum < target; });
  }
}

/// Uniform in [0, 1) with 53 bits of Philox4x32-10.
double uniform(uint64_t seed, uint64_t position) {
  uint32_t counter[4] = {static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), 0, 0};
  uint32_t key[2] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
  for (int round = 0; round < 10; ++round) {
    uint64_t first = uint64_t(0xD2511F53) * counter[0], second = uint64_t(0xCD9E8D57) * counter[2];
    counter[0] = static_cast<uint32_t>(second >> 32) ^ counter[1] ^ key[0];
    counter[1] = static_cast<uint32_t>(second);
    counter[2] = static_cast<uint32_t>(first >> 32) ^ counter[3] ^ key[1];
    counter[3] = static_cast<uint32_t>(first);
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return static_cast<double>((uint64_t(counter[0]) << 32 | counter[1]) >> 11) * 0x1p-53;
}

} // namespace

Array ingot::interpreter::sampleWeights(Mode mode, const Array &logits, const Array &count, const Array &counts,
                                        ArrayRef<Array> parameters) {
  int64_t slots = logits.shape()[0], rows = logits.shape()[1], vocabulary = logits.shape()[2];
  Array out = Array::uninitialized(Element::f32, {slots, vocabulary});
  for (int64_t b = 0; b < slots; ++b) {
    bool known = !isPoison(count.at({b}));
    for (const Array &parameter : parameters)
      known &= !isPoison(parameter.at({b}));
    int64_t row = known ? std::min(count.at({b}).i, rows) - 1 : 0;
    if (known && row < 0) {
      out.slice({b, 0}, {1, vocabulary}, {1, 1}).fill(Cell{.f = 0.0});
      continue;
    }
    for (int64_t v = 0; v < vocabulary; ++v)
      known &= !isPoison(logits.at({b, row, v})) && !isPoison(counts.at({b, 0, v})) && !isPoison(counts.at({b, 1, v}));
    if (!known)
      continue;
    Parameters slot(parameters, b);
    withAccumulator(mode, Element::f32, [&](auto zero) {
      std::vector<decltype(zero)> values(vocabulary);
      for (int64_t v = 0; v < vocabulary; ++v)
        values[v] = penalised(static_cast<decltype(zero)>(logits.at({b, row, v}).f), counts.at({b, 0, v}).i,
                              counts.at({b, 1, v}).i, slot);
      weigh(values, slot);
      for (int64_t v = 0; v < vocabulary; ++v)
        out.at({b, v}).f = values[v];
    });
  }
  return out;
}

Array ingot::interpreter::draw(const Array &weights, const Array &start, const Array &count, const Array &seed) {
  int64_t slots = weights.shape()[0], vocabulary = weights.shape()[1];
  Array out = Array::uninitialized(Element::i32, {slots});
  for (int64_t b = 0; b < slots; ++b) {
    if (isPoison(weights.at({b, 0})) || isPoison(start.at({b})) || isPoison(count.at({b})) || isPoison(seed.at({b})))
      continue;
    double sum = 0, cumulative = 0;
    for (int64_t v = 0; v < vocabulary; ++v)
      sum += weights.at({b, v}).f;
    double threshold = uniform(static_cast<uint64_t>(seed.at({b}).i),
                               static_cast<uint64_t>(wrapTo(Element::i32, start.at({b}).i + count.at({b}).i))) *
                       sum;
    int64_t token = -1;
    for (int64_t v = 0; v < vocabulary && cumulative <= threshold; ++v) {
      cumulative += weights.at({b, v}).f;
      if (weights.at({b, v}).f > 0)
        token = v;
    }
    out.at({b}).i = token;
  }
  return out;
}
