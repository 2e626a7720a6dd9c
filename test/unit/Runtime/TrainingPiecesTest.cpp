// What a trainer is made of: learning rates, figures, data, batches.
#include "Synthetic.h"

#include "runtime/trainer/Batches.h"
#include "runtime/trainer/Metrics.h"
#include "runtime/trainer/Schedule.h"
#include "runtime/trainer/TrainingData.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

using namespace ingot::runtime;
using namespace ingot::test;

namespace {

constexpr double kExact = 1e-15;

TEST(ScheduleTest, WarmUp) {
  Schedule schedule{ScheduleKind::Constant, 6e-5, 6e-6, 3e-5, 100, 0, 0, 1000};
  EXPECT_NEAR(schedule.at(50), 3e-5, kExact);
  EXPECT_NEAR(schedule.at(100), 6e-5, kExact);
  EXPECT_EQ(schedule.at(0), 0);
  EXPECT_EQ(schedule.at(700), 6e-5);
}

TEST(ScheduleTest, Cosine) {
  Schedule schedule{ScheduleKind::Cosine, 6e-5, 6e-6, 3e-5, 100, 0, 0, 1000};
  EXPECT_NEAR(schedule.at(50), 3e-5, kExact);
  EXPECT_NEAR(schedule.at(100), 6e-5, kExact);
  EXPECT_NEAR(schedule.at(325), 5.209188309203678e-05, kExact);
  EXPECT_NEAR(schedule.at(550), 3.3e-5, kExact);
  EXPECT_NEAR(schedule.at(1000), 6e-6, kExact);
  EXPECT_EQ(schedule.at(5000), schedule.at(1000));
}

TEST(ScheduleTest, Infinite) {
  Schedule schedule{ScheduleKind::Infinite, 3e-4, 3e-5, 1.65e-4, 100, 600, 800, 1000};
  for (CoolDown coolDown : {CoolDown::Cosine, CoolDown::InverseSqrt}) {
    schedule.coolDown = coolDown;
    EXPECT_NEAR(schedule.at(100), 3e-4, kExact);
    EXPECT_NEAR(schedule.at(600), 1.65e-4, kExact);
    EXPECT_NEAR(schedule.at(800), 1.65e-4, kExact);
    EXPECT_NEAR(schedule.at(900), 7.035623639735144e-05, kExact);
    EXPECT_NEAR(schedule.at(1000), 3e-5, kExact);
    for (uint64_t joint : {100u, 600u, 800u}) // no jumps: neighbours differ by little
      for (uint64_t t : {joint, joint + 1})
        EXPECT_NEAR(schedule.at(t), schedule.at(t - 1), 4e-6) << t;
    for (uint64_t t = 101; t <= 1000; ++t)
      EXPECT_LE(schedule.at(t), schedule.at(t - 1) + kExact) << t;
  }
  schedule.coolDown = CoolDown::Cosine;
  EXPECT_NEAR(schedule.at(350), 2.325e-4, kExact);
  // h(x) = 1 / sqrt(1 + 10 x) - 1 at a half and at one.
  schedule.coolDown = CoolDown::InverseSqrt;
  double half = 1 / std::sqrt(6.0) - 1, one = 1 / std::sqrt(11.0) - 1;
  EXPECT_NEAR(schedule.at(350), 3e-4 - 1.35e-4 * half / one, kExact);
  // The stable part does not depend on how long the run is.
  Schedule longer = schedule;
  longer.annealFrom = 80000;
  longer.end = 100000;
  for (uint64_t t : {1u, 100u, 350u, 600u, 700u, 800u})
    EXPECT_EQ(longer.at(t), schedule.at(t));
}

TEST(ScheduleTest, WarmUpStableDecay) {
  Schedule schedule{ScheduleKind::Wsd, 3e-4, 3e-5, 1e-4, 100, 0, 800, 1000};
  EXPECT_NEAR(schedule.at(50), 1.5e-4, kExact);
  EXPECT_EQ(schedule.at(100), 3e-4);
  EXPECT_EQ(schedule.at(800), 3e-4);
  EXPECT_NEAR(schedule.at(900), 1.65e-4, kExact);
  EXPECT_NEAR(schedule.at(1000), 3e-5, kExact);
}

TEST(ScheduleTest, Mistakes) {
  Schedule schedule{ScheduleKind::Cosine, 3e-4, 3e-5, 1e-4, 100, 0, 0, 50};
  EXPECT_EQ(schedule.check().message(), "the schedule expects its warm-up, 100, not to be after its last step, 50");
  schedule.end = 100;
  EXPECT_TRUE(schedule.check());
  schedule.peak = NAN;
  EXPECT_NE(schedule.check().message().find("finite"), std::string::npos);
  schedule.peak = 1e-5;
  EXPECT_EQ(schedule.check().message(), "the schedule expects a last learning rate of at most the peak");
  Schedule infinite{ScheduleKind::Infinite, 3e-4, 3e-5, 1.65e-4, 100, 900, 800, 1000};
  EXPECT_EQ(infinite.check().message(),
            "the schedule expects its stable part, 900, not to be after its annealing, 800");
  infinite.stableFrom = 600;
  infinite.stable = 4e-4;
  EXPECT_FALSE(infinite.check());
}

/// The figures of nanoGPT's estimate for GPT-2 124M.
TEST(MetricsTest, Utilisation) {
  ModelShape gpt2{123653376, 12, 12, 64};
  EXPECT_EQ(gpt2.flopsPerToken(1024), 855166464.0);
  EXPECT_EQ(gpt2.flopsPerToken(1024) * 1024, 875690459136.0);
  EXPECT_DOUBLE_EQ(utilisation(gpt2.flopsPerToken(1024) * 1024 * 480, 1.0, 312e12), 1.3472160909784616);
  EXPECT_EQ(utilisation(1, 0, 1), 0);
  EXPECT_EQ(utilisation(1, 1, 0), 0);
}

TEST(MetricsTest, RunningAverage) {
  RunningAverage average(5);
  for (double skipped : {100.0, 90.0, 80.0, 70.0, 60.0}) {
    average.add(skipped);
    EXPECT_FALSE(average.known());
  }
  average.add(10);
  EXPECT_TRUE(average.known());
  EXPECT_EQ(average.value(), 10);
  average.add(20);
  EXPECT_EQ(average.value(), 0.9 * 10 + 0.1 * 20);
  RunningAverage other(5);
  other.restore(average.value(), average.count());
  average.add(7);
  other.add(7);
  EXPECT_EQ(average.value(), other.value());
}

class DataTest : public testing::Test {
protected:
  Result<TrainingData> open(const std::string &text, DataFormat format, uint64_t vocabulary) {
    writeFile(directory / "data", text);
    return TrainingData::open(directory / "data", format, tokenizer.get(), vocabulary);
  }
  TemporaryDirectory directory;
  std::unique_ptr<Tokenizer> tokenizer;
};

TEST_F(DataTest, BytesTextAndTokens) {
  Result<TrainingData> bytes = open("ab\xff", DataFormat::Text, 256);
  ASSERT_TRUE(bytes) << bytes.status().message();
  EXPECT_EQ(bytes->size(), 3u);
  EXPECT_EQ((*bytes)[0], 'a');
  EXPECT_EQ((*bytes)[2], 255);
  Result<TrainingData> words = open(std::string("a\0\0\1", 4), DataFormat::Uint16, 257);
  ASSERT_TRUE(words) << words.status().message();
  EXPECT_EQ(words->size(), 2u);
  EXPECT_EQ((*words)[0], 'a');
  EXPECT_EQ((*words)[1], 256);
  EXPECT_NE(words->checksum(), open(std::string("b\0\0\1", 4), DataFormat::Uint16, 257)->checksum());
  tokenizer = makeBytesTokenizer();
  Result<TrainingData> mapped = open("ab\xff", DataFormat::Text, 256);
  ASSERT_TRUE(mapped) << mapped.status().message();
  EXPECT_EQ(mapped->checksum(), bytes->checksum()) << "equal tokens";
}

TEST_F(DataTest, Mistakes) {
  auto message = [&](const std::string &text, DataFormat format, uint64_t vocabulary) {
    Result<TrainingData> data = open(text, format, vocabulary);
    return data ? "accepted" : data.status().message();
  };
  std::string path = "'" + (directory / "data") + "'";
  EXPECT_EQ(message("ab", DataFormat::Text, 65), "a text needs a tokenizer or a vocabulary of 256 bytes, but the "
                                                 "artifact has no tokenizer and a vocabulary of 65");
  EXPECT_EQ(message("abc", DataFormat::Uint16, 65), path + " has 3 bytes, which are no whole number of uint16 tokens");
  EXPECT_EQ(message(std::string("\1\0A\0", 4), DataFormat::Uint16, 65),
            path + " has token 65 at position 1, but the artifact's vocabulary has 65 tokens");
  tokenizer = makeBytesTokenizer();
  EXPECT_EQ(message("0123ABCD", DataFormat::Text, 65),
            path + " has token 65 at position 4, but the artifact's vocabulary has 65 tokens");
  EXPECT_NE(
      TrainingData::open(directory / "none", DataFormat::Text, nullptr, 256).status().message().find("No such file"),
      std::string::npos);
}

class BatchesTest : public DataTest {
protected:
  /// Tokens 0, 1, 2, ... so that each says where it is from.
  void count(uint64_t tokens) {
    std::string text;
    for (uint64_t i = 0; i < tokens; ++i)
      text += {static_cast<char>(i & 255), static_cast<char>(i >> 8)};
    Result<TrainingData> opened = open(text, DataFormat::Uint16, 1 << 16);
    ASSERT_TRUE(opened) << opened.status().message();
    data = std::move(*opened);
  }
  TrainingData data;
};

TEST_F(BatchesTest, AnEpochHasEachWindowOnce) {
  for (uint64_t tokens : {9u, 10u, 47u, 1000u, 4097u}) {
    count(tokens);
    Result<Batches> batches = Batches::create(data, 2, 4, 7);
    ASSERT_TRUE(batches) << batches.status().message();
    uint64_t windows = (tokens - 1) / 4;
    EXPECT_EQ(batches->windows(), windows);
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
      std::set<int32_t> starts, residues;
      for (uint64_t window = epoch * windows; window < (epoch + 1) * windows; ++window) {
        std::vector<int32_t> inputs(8), targets(8);
        batches->read(window / 2, inputs, targets);
        size_t row = window % 2 * 4;
        for (size_t i = row; i < row + 4; ++i) {
          EXPECT_EQ(inputs[i], inputs[row] + static_cast<int32_t>(i - row));
          EXPECT_EQ(targets[i], inputs[i] + 1);
        }
        EXPECT_TRUE(starts.insert(inputs[row]).second) << "window " << window << " of " << tokens;
        residues.insert(inputs[row] % 4);
      }
      EXPECT_EQ(starts.size(), windows);
      EXPECT_EQ(residues.size(), 1u) << "windows of an epoch do not overlap";
      EXPECT_LT(*starts.rbegin() + 4, static_cast<int32_t>(tokens));
    }
  }
}

TEST_F(BatchesTest, SeedsAndEpochsHaveOrdersOfTheirOwn) {
  count(4001);
  auto order = [&](uint64_t seed, uint64_t from) {
    Result<Batches> batches = Batches::create(data, 1, 4, seed);
    std::vector<int32_t> tokens(4), targets(4), starts;
    for (uint64_t i = 0; i < 1000; ++i) {
      batches->read(from + i, tokens, targets);
      starts.push_back(tokens[0] / 4);
    }
    return starts;
  };
  EXPECT_EQ(order(1, 0), order(1, 0));
  EXPECT_NE(order(1, 0), order(2, 0));
  EXPECT_NE(order(1, 0), order(1, 1000));
  // Neighbours are far apart: a third of the range on average, where a shuffle puts them.
  std::vector<int32_t> starts = order(1, 0);
  double distance = 0;
  for (size_t i = 1; i < starts.size(); ++i)
    distance += std::abs(starts[i] - starts[i - 1]);
  EXPECT_NEAR(distance / 999, 1000.0 / 3, 40);
}

TEST_F(BatchesTest, TooLittleData) {
  count(8);
  EXPECT_EQ(Batches::create(data, 2, 4, 7).status().message(),
            "the data have 8 tokens, but one batch of 2 sequences of 4 needs 9");
  count(0);
  EXPECT_EQ(Batches::create(data, 1, 1, 7).status().message(),
            "the data have 0 tokens, but one batch of 1 sequences of 1 needs 2");
}

} // namespace
