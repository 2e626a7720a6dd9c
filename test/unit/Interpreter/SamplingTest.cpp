// Sampling against choices made by another implementation of docs/generation.md (the oracle of
// test/conformance/test_generation.py).
#include "test/unit/Interpreter/Testing.h"

#include <cmath>

using namespace ingot::interpreter;

namespace {

class SamplingTest : public InterpreterTest {
protected:
  struct Parameters {
    double temperature = 0, topP = 0, presence = 0, frequency = 0, repetition = 0;
    int64_t topK = 0;
  };

  /// Choices at positions 1 to 8 with one seed, one slot for each.
  std::vector<int64_t> choose(const std::vector<double> &logits, const std::vector<int64_t> &counts, int64_t seed,
                              const Parameters &p, Options options = {}) {
    constexpr int64_t kSlots = 8, kVocabulary = 5;
    std::vector<double> allLogits;
    std::vector<int64_t> allCounts, start, ones(kSlots, 1);
    for (int64_t slot = 0; slot < kSlots; ++slot) {
      allLogits.insert(allLogits.end(), logits.begin(), logits.end());
      allCounts.insert(allCounts.end(), counts.begin(), counts.end());
      start.push_back(slot);
    }
    auto each = [&](double value) { return floats({kSlots}, std::vector<double>(kSlots, value)); };
    Arrays inputs = named({{"l", floats({kSlots, 1, kVocabulary}, allLogits)},
                           {"s", ints({kSlots}, start)},
                           {"c", ints({kSlots}, ones)},
                           {"n", ints({kSlots, 2, kVocabulary}, allCounts)},
                           {"t", each(p.temperature)},
                           {"k", ints({kSlots}, std::vector<int64_t>(kSlots, p.topK))},
                           {"p", each(p.topP)},
                           {"pp", each(p.presence)},
                           {"fp", each(p.frequency)},
                           {"rp", each(p.repetition)},
                           {"seed", ints({kSlots}, std::vector<int64_t>(kSlots, seed), Element::i64)}});
    return run(R"(
      !i = tensor<8xi32>
      !f = tensor<8xf32>
      func.func @main(%l: tensor<8x1x5xf32> {ingot.input = "l"}, %s: !i {ingot.input = "s"}, %c: !i {ingot.input = "c"},
          %n: tensor<8x2x5xi32> {ingot.input = "n"}, %t: !f {ingot.input = "t"}, %k: !i {ingot.input = "k"},
          %p: !f {ingot.input = "p"}, %pp: !f {ingot.input = "pp"}, %fp: !f {ingot.input = "fp"},
          %rp: !f {ingot.input = "rp"}, %seed: tensor<8xi64> {ingot.input = "seed"}) -> (!i {ingot.output = "next"}) {
        %next = ingot.sample %l start %s count %c counts %n temperature %t top_k %k top_p %p presence %pp
            frequency %fp repetition %rp seed %seed : (tensor<8x1x5xf32>, !i, !i, tensor<8x2x5xi32>, !f, !i, !f, !f,
            !f, !f, tensor<8xi64>) -> !i
        return %next : !i
      })",
               inputs, options)["next"]
        .ints();
  }

  const std::vector<double> logits = {1, 2, 2, -1, 0.5};
  const std::vector<int64_t> none = std::vector<int64_t>(10, 0);
};

TEST_F(SamplingTest, DrawsAreThoseOfTheOracle) {
  for (Options options : {Options(), typed()}) {
    EXPECT_EQ(choose(logits, none, 0, {.temperature = 1}, options), (std::vector<int64_t>{4, 0, 2, 4, 1, 2, 2, 1}));
    EXPECT_EQ(choose(logits, none, 3, {.temperature = 1}, options), (std::vector<int64_t>{1, 2, 0, 4, 2, 2, 4, 0}));
    EXPECT_EQ(choose(logits, none, 7, {.temperature = 1}, options), (std::vector<int64_t>{1, 0, 1, 1, 1, 2, 1, 0}));
    Parameters all = {0.7, 0.8, 0.25, -1, 2, 4};
    // Token 1 stood in the prompt, token 4 was sampled twice.
    const std::vector<int64_t> counts = {0, 1, 0, 0, 0, 0, 0, 0, 0, 2};
    EXPECT_EQ(choose(logits, counts, 0, all, options), (std::vector<int64_t>{4, 2, 4, 4, 2, 4, 4, 2}));
    EXPECT_EQ(choose(logits, counts, 5, all, options), (std::vector<int64_t>{2, 4, 4, 4, 4, 4, 4, 2}));
  }
}

TEST_F(SamplingTest, GreedyTakesTheLowestOfTheLargest) {
  EXPECT_EQ(choose(logits, none, 0, {}), std::vector<int64_t>(8, 1));
  // A presence penalty counts tokens that were sampled, a repetition penalty those of the prompt as well.
  EXPECT_EQ(choose(logits, {0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, 0, {.presence = 0.5}), std::vector<int64_t>(8, 2));
  EXPECT_EQ(choose(logits, {0, 0, 1, 0, 0, 0, 1, 0, 0, 0}, 0, {.repetition = 4}), std::vector<int64_t>(8, 0));
  EXPECT_EQ(choose({NAN, 1, 2, 3, 4}, none, 0, {}), std::vector<int64_t>(8, -1));
}

TEST_F(SamplingTest, CountsTokens) {
  Arrays inputs = named({{"t", ints({2, 3}, {1, 1, 4, 2, 9, 3})},
                         {"s", ints({2}, {7, 0})},
                         {"c", ints({2}, {3, 3})},
                         {"g", ints({2}, {1, 0})},
                         {"n", ints({2, 2, 5}, std::vector<int64_t>(20, 10))}});
  Arrays outputs = run(R"(
    func.func @main(%t: tensor<2x3xi32> {ingot.input = "t"}, %s: tensor<2xi32> {ingot.input = "s"},
        %c: tensor<2xi32> {ingot.input = "c"}, %g: tensor<2xi32> {ingot.input = "g"},
        %n: tensor<2x2x5xi32> {ingot.input = "n"}) -> (tensor<2x2x5xi32> {ingot.output = "out"}) {
      %r = ingot.count_tokens %t into %n start %s count %c sampled %g : tensor<2x3xi32>, tensor<2x2x5xi32>, tensor<2xi32>
      return %r : tensor<2x2x5xi32>
    })",
                       inputs);
  EXPECT_EQ(outputs["out"].ints(),
            (std::vector<int64_t>{10, 11, 10, 10, 11, 10, 11, 10, 10, 10, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0}));
}

} // namespace
