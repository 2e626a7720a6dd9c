// Compiled sampling against its definition (docs/generation.md) in float64, and against exact probabilities.
#include "BodyRunner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>

using namespace ingot::test;

namespace {

/// Philox4x32-10 (Salmon et al., SC 2011).
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t low = uint64_t(0xD2511F53) * counter[0], high = uint64_t(0xCD9E8D57) * counter[2];
    counter = {static_cast<uint32_t>(high >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(high),
               static_cast<uint32_t>(low >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(low)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// All that concerns one slot.
struct Slot {
  std::vector<float> logits;            // [rows, vocabulary]
  std::vector<int32_t> prompt, sampled; // counts [vocabulary]
  int32_t start = 0, count = 1, topK = 0;
  float temperature = 1, topP = 0, presence = 0, frequency = 0, repetition = 0;
  int64_t seed = 0;
};

Slot slotOf(std::vector<float> logits) {
  Slot slot;
  slot.prompt.assign(logits.size(), 0);
  slot.sampled.assign(logits.size(), 0);
  slot.logits = std::move(logits);
  return slot;
}

struct Choice {
  std::vector<float> weights;
  int32_t next;
  bool operator==(const Choice &) const = default;
};

/// `tile.sample_weights` and `tile.draw`, compiled for a batch.
class Sampler {
public:
  Sampler(int64_t slots, int64_t rows, int64_t vocabulary, const std::string &isa)
      : slots(slots), rows(rows), vocabulary(vocabulary), body(text(slots, rows, vocabulary), isa) {}

  std::vector<Choice> run(const std::vector<Slot> &batch) const {
    EXPECT_EQ(static_cast<int64_t>(batch.size()), slots);
    std::vector<float> logits, weights(slots * vocabulary, NAN);
    std::vector<int32_t> counts, next(slots, -7);
    for (const Slot &slot : batch) {
      logits.insert(logits.end(), slot.logits.begin(), slot.logits.end());
      counts.insert(counts.end(), slot.prompt.begin(), slot.prompt.end());
      counts.insert(counts.end(), slot.sampled.begin(), slot.sampled.end());
    }
    EXPECT_EQ(static_cast<int64_t>(logits.size()), slots * rows * vocabulary);
    auto start = each(batch, &Slot::start), count = each(batch, &Slot::count), topK = each(batch, &Slot::topK);
    auto temperature = each(batch, &Slot::temperature), topP = each(batch, &Slot::topP);
    auto presence = each(batch, &Slot::presence), frequency = each(batch, &Slot::frequency),
         repetition = each(batch, &Slot::repetition);
    auto seed = each(batch, &Slot::seed);
    body.run({logits.data(), start.data(), count.data(), counts.data(), temperature.data(), topK.data(), topP.data(),
              presence.data(), frequency.data(), repetition.data(), seed.data(), weights.data(), next.data()});
    std::vector<Choice> choices;
    for (int64_t b = 0; b < slots; ++b)
      choices.push_back({{weights.begin() + b * vocabulary, weights.begin() + (b + 1) * vocabulary}, next[b]});
    return choices;
  }

private:
  template <typename T> static std::vector<T> each(const std::vector<Slot> &batch, T Slot::*member) {
    std::vector<T> values;
    for (const Slot &slot : batch)
      values.push_back(slot.*member);
    return values;
  }

  static std::string text(int64_t b, int64_t c, int64_t v) {
    std::string l = memref({b, c, v}), i32 = memref({b}, "i32"), f32 = memref({b}), n = memref({b, 2, v}, "i32"),
                i64 = memref({b}, "i64"), w = memref({b, v});
    return "(%i: index, %l: " + l + ", %s: " + i32 + ", %c: " + i32 + ", %n: " + n + ", %t: " + f32 + ", %k: " + i32 +
           ", %p: " + f32 + ", %pp: " + f32 + ", %fp: " + f32 + ", %rp: " + f32 + ", %seed: " + i64 + ", %w: " + w +
           ", %y: " + i32 + ") {\ntile.sample_weights ins(%l, %c, %n : " + l + ", " + i32 + ", " + n +
           ") parameters(%t, %k, %p, %pp, %fp, %rp : " + f32 + ", " + i32 + ", " + f32 + ", " + f32 + ", " + f32 +
           ", " + f32 + ") outs(%w : " + w + ")\ntile.draw ins(%w, %s, %c, %seed : " + w + ", " + i32 + ", " + i32 +
           ", " + i64 + ") outs(%y : " + i32 + ")\n}";
  }

  int64_t slots, rows, vocabulary;
  CompiledBody body;
};

/// The definition: probabilities of the tokens of a slot with one row, in float64.
std::vector<double> exactProbabilities(const Slot &slot) {
  size_t vocabulary = slot.logits.size();
  std::vector<double> z(slot.logits.begin(), slot.logits.end()), p(vocabulary);
  for (size_t i = 0; i < vocabulary; ++i) {
    double r = slot.repetition == 0 ? 1.0 : slot.repetition;
    if (slot.prompt[i] + slot.sampled[i] > 0)
      z[i] = z[i] > 0 ? z[i] / r : z[i] * r;
    z[i] -= double(slot.frequency) * slot.sampled[i] + (slot.sampled[i] > 0 ? double(slot.presence) : 0.0);
  }
  double largest = *std::max_element(z.begin(), z.end());
  std::vector<size_t> order(vocabulary);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return z[a] > z[b]; });
  size_t kept = slot.topK > 0 ? std::min<size_t>(slot.topK, vocabulary) : vocabulary;
  double sum = 0, before = 0;
  for (size_t i = 0; i < kept; ++i)
    sum += p[order[i]] = std::exp((z[order[i]] - largest) / slot.temperature);
  if (slot.topP > 0 && slot.topP < 1)
    for (size_t i = 0; i < kept; ++i) {
      double weight = p[order[i]];
      if (before >= slot.topP * sum)
        p[order[i]] = 0;
      before += weight;
    }
  sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double &probability : p)
    probability /= sum;
  return p;
}

/// Draws at 100,000 positions and compares frequencies with the exact probabilities; p = 0.001.
void expectFrequencies(const Slot &slot, const std::string &isa) {
  constexpr int64_t kSlots = 500, kRuns = 200;
  static_assert(kSlots * kRuns >= 100'000);
  auto vocabulary = static_cast<int64_t>(slot.logits.size());
  Sampler sampler(kSlots, 1, vocabulary, isa);
  std::vector<double> exact = exactProbabilities(slot), counts(vocabulary);
  std::vector<Slot> batch(kSlots, slot);
  for (int64_t run = 0; run < kRuns; ++run) {
    for (int64_t b = 0; b < kSlots; ++b)
      batch[b].start = static_cast<int32_t>(run * kSlots + b);
    for (const Choice &choice : sampler.run(batch))
      counts.at(choice.next) += 1;
  }
  // Tokens that are hardly ever drawn share a bin.
  double chiSquare = 0, rareCount = 0, rareExpected = 0;
  int bins = 0;
  auto addBin = [&](double count, double expected) {
    chiSquare += (count - expected) * (count - expected) / expected;
    ++bins;
  };
  for (int64_t v = 0; v < vocabulary; ++v) {
    double expected = exact[v] * kSlots * kRuns;
    if (exact[v] == 0)
      EXPECT_EQ(counts[v], 0) << "token " << v << " is not to be drawn";
    else if (expected >= 20)
      addBin(counts[v], expected);
    else
      rareCount += counts[v], rareExpected += expected;
  }
  if (rareExpected >= 5)
    addBin(rareCount, rareExpected);
  ASSERT_GE(bins, 2);
  // The 0.999 quantile by Wilson and Hilferty.
  double freedom = bins - 1, spread = 2 / (9 * freedom);
  EXPECT_LT(chiSquare, freedom * std::pow(1 - spread + 3.0902 * std::sqrt(spread), 3)) << bins << " bins";
}

} // namespace

class Sample : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Isa, Sample, testing::ValuesIn(runnableIsas()), [](const auto &info) { return info.param; });

TEST(Philox, knownAnswers) { // of the Random123 distribution (kat_vectors, philox4x32 10)
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

/// With equal weights the token is the random number itself.
TEST_P(Sample, randomNumbersArePhilox) {
  constexpr int64_t kVocabulary = 65536;
  Sampler sampler(1, 1, kVocabulary, GetParam());
  Slot slot = slotOf(std::vector<float>(kVocabulary, 0.5f));
  for (int64_t seed : {int64_t(0), int64_t(1), int64_t(-1), int64_t(0x123456789abcdef)})
    for (int32_t start : {0, 1, 1000, 2147483646}) {
      slot.seed = seed, slot.start = start;
      uint32_t position = static_cast<uint32_t>(start) + 1;
      uint32_t word = philox({position, 0, 0, 0}, {uint32_t(seed), uint32_t(uint64_t(seed) >> 32)})[0];
      EXPECT_EQ(sampler.run({slot})[0].next, static_cast<int32_t>(word >> 16)) << seed << " " << start;
    }
}

TEST_P(Sample, weightsAreThoseOfTheDefinition) {
  for (int64_t vocabulary : {1, 2, 7, 50, 512, 1000, 4096 + 37}) {
    Sampler sampler(1, 1, vocabulary, GetParam());
    int cases = 0;
    for (float temperature : {0.3f, 1.0f, 2.5f})
      for (int32_t topK : {0, 1, 3, 40})
        for (float topP : {0.0f, 0.05f, 0.7f, 0.99f, 1.0f})
          for (bool penalised : {false, true}) {
            Slot slot = slotOf(randomFloats(vocabulary, 100 + cases++));
            slot.temperature = temperature, slot.topK = topK, slot.topP = topP;
            for (int64_t v = 0; penalised && v < vocabulary; ++v)
              slot.prompt[v] = v % 3 == 0, slot.sampled[v] = v % 5 == 0 ? static_cast<int32_t>(v % 4) : 0;
            if (penalised)
              slot.presence = 0.7f, slot.frequency = 0.3f, slot.repetition = 1.3f;
            std::vector<double> exact = exactProbabilities(slot);
            std::vector<float> weights = sampler.run({slot})[0].weights;
            double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
            for (int64_t v = 0; v < vocabulary; ++v)
              ASSERT_NEAR(weights[v] / sum, exact[v], 1e-6 + 1e-5 * exact[v])
                  << vocabulary << " tokens, temperature " << temperature << ", top-k " << topK << ", top-p " << topP
                  << ", token " << v;
          }
  }
}

TEST_P(Sample, frequenciesAreThoseOfTheDefinition) {
  Slot plain = slotOf(randomFloats(50, 7));
  std::vector<Slot> slots;
  for (float temperature : {0.5f, 1.0f, 2.0f}) {
    slots.push_back(plain);
    slots.back().temperature = temperature;
  }
  slots.push_back(plain), slots.back().topK = 5;
  slots.push_back(plain), slots.back().topP = 0.8f;
  slots.push_back(plain), slots.back().topK = 20, slots.back().topP = 0.5f, slots.back().temperature = 1.5f;
  Slot penalised = plain;
  for (int v = 0; v < 50; v += 2)
    penalised.prompt[v] = 1 + v % 3, penalised.sampled[v + 1] = v % 4;
  slots.push_back(penalised), slots.back().presence = 1.2f;
  slots.push_back(penalised), slots.back().frequency = 0.6f;
  slots.push_back(penalised), slots.back().repetition = 1.4f;
  slots.push_back(penalised), slots.back().repetition = 0.8f, slots.back().presence = -0.5f, slots.back().topP = 0.9f;
  int64_t seed = 42;
  for (Slot &slot : slots) {
    slot.seed = seed++;
    SCOPED_TRACE(slot.seed);
    expectFrequencies(slot, GetParam());
  }
}

TEST_P(Sample, equalWeightsGoToLowerTokens) {
  for (int64_t vocabulary : {6, 40, 1000}) {
    Sampler sampler(1, 1, vocabulary, GetParam());
    Slot slot = slotOf(std::vector<float>(vocabulary, 1));
    slot.logits[3] = 2;
    auto kept = [&] {
      std::vector<int64_t> tokens;
      std::vector<float> weights = sampler.run({slot})[0].weights;
      for (int64_t v = 0; v < vocabulary; ++v)
        if (weights[v] > 0)
          tokens.push_back(v);
      return tokens;
    };
    slot.topK = 3;
    EXPECT_EQ(kept(), (std::vector<int64_t>{0, 1, 3}));
    slot.topK = 5;
    EXPECT_EQ(kept(), (std::vector<int64_t>{0, 1, 2, 3, 4}));
    slot.topK = 4;
    slot.topP = 0.6f; // of weights e, 1, 1, 1: e + 1 is 65%
    EXPECT_EQ(kept(), (std::vector<int64_t>{0, 3}));
    slot.temperature = 0;
    slot.logits[5] = 2;
    EXPECT_EQ(kept(), (std::vector<int64_t>{3}));
  }
}

TEST_P(Sample, rowsThatAreSpecial) {
  Sampler sampler(1, 3, 20, GetParam());
  Slot slot = slotOf(std::vector<float>(20, 0));
  slot.logits.assign(60, 0);
  slot.count = 2;
  slot.logits[20 + 11] = 1; // row count - 1 counts
  slot.temperature = 0;
  auto next = [&] { return sampler.run({slot})[0].next; };
  EXPECT_EQ(next(), 11);
  slot.count = 0;
  EXPECT_EQ(next(), -1);
  slot.logits[40 + 13] = 1;
  for (int32_t beyond : {3, 4, 1000}) { // the last row stands for all behind it: it may be the only one
    slot.count = beyond;
    EXPECT_EQ(next(), 13);
  }
  slot.count = 2;
  for (float temperature : {0.0f, 0.7f}) {
    slot.temperature = temperature;
    slot.logits[20 + 5] = NAN;
    EXPECT_EQ(next(), -1);
    slot.logits[20 + 5] = INFINITY;
    EXPECT_EQ(next(), 5);
    std::fill(slot.logits.begin() + 20, slot.logits.begin() + 40, -INFINITY);
    EXPECT_EQ(next(), 0);
    slot.logits[20 + 7] = -3e38f;
    EXPECT_EQ(next(), 7);
    std::fill(slot.logits.begin() + 20, slot.logits.begin() + 40, 0.0f);
  }
  slot.temperature = 1e-6f;
  slot.logits[20 + 13] = 0.5f;
  EXPECT_EQ(next(), 13);
}

TEST_P(Sample, choicesDoNotDependOnTheBatch) {
  constexpr int64_t kVocabulary = 700;
  Sampler single(1, 2, kVocabulary, GetParam()), batched(4, 2, kVocabulary, GetParam());
  std::vector<Slot> batch;
  for (int i = 0; i < 4; ++i) {
    Slot slot = slotOf(randomFloats(2 * kVocabulary, 30 + i));
    slot.prompt.assign(kVocabulary, 0), slot.sampled.assign(kVocabulary, i % 2);
    slot.start = 10 * i, slot.count = 1 + i % 2, slot.seed = i / 2;
    slot.temperature = static_cast<float>(i) * 0.5f, slot.topK = 100 * (i % 3), slot.topP = i == 3 ? 0.9f : 0.0f;
    slot.frequency = 0.1f;
    batch.push_back(slot);
  }
  std::vector<Choice> together = batched.run(batch);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(single.run({batch[i]})[0], together[i]) << i;
}

TEST_P(Sample, countsTokens) {
  CompiledBody body("(%i: index, %t: memref<2x3xi32>, %s: memref<2xi32>, %c: memref<2xi32>, %g: memref<2xi32>, "
                    "%n: memref<2x2x5xi32>) {\ntile.count_tokens ins(%t, %s, %c, %g : memref<2x3xi32>, memref<2xi32>, "
                    "memref<2xi32>, memref<2xi32>) outs(%n : memref<2x2x5xi32>)\n}",
                    GetParam());
  std::vector<int32_t> tokens = {1, 1, 4, 2, 9, 3}, start = {7, 0}, count = {3, 3}, sampled = {1, 0};
  std::vector<int32_t> counts(20, 10);
  body.run({tokens.data(), start.data(), count.data(), sampled.data(), counts.data()});
  // Slot 0 goes on; slot 1 begins, and token 9 is outside the vocabulary.
  EXPECT_EQ(counts, (std::vector<int32_t>{10, 11, 10, 10, 11, 10, 11, 10, 10, 10, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0}));
  tokens = {-1, 0, 0, 3, 3, 3}, start = {10, 0}, count = {2, 0}, sampled = {2, 0};
  body.run({tokens.data(), start.data(), count.data(), sampled.data(), counts.data()});
  // Idle slots keep their counts, even at position 0.
  EXPECT_EQ(counts, (std::vector<int32_t>{10, 11, 10, 10, 11, 11, 11, 10, 10, 10, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0}));
}
