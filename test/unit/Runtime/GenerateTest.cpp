// Generation: the reference with and without prefill, how it ends, what it refuses.
#include "SessionFixture.h"

#include <chrono>
#include <cmath>
#include <thread>

using namespace ingot;
using namespace ingot::test;

namespace {

using GenerateTest = SessionTest;

TEST_F(GenerateTest, GeneratesTheReferenceWithAndWithoutPrefill) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  for (size_t length : {1u, 2u, 3u, 4u, 5u, 8u, 11u}) {
    GenerateOptions options;
    options.prompts.resize(1);
    for (size_t i = 0; i < length; ++i)
      options.prompts[0].tokens.push_back(static_cast<int32_t>(i * 37 % 256));
    options.maxTokens = 12;
    std::vector<int32_t> expected = decoderReference(decoder, options.prompts[0].tokens, 12);
    for (bool decodeOnly : {false, true}) {
      options.decodeOnly = decodeOnly;
      EXPECT_EQ(generateTokens(*makeSession(2), options), expected) << length << " tokens, decode only " << decodeOnly;
    }
  }
}

TEST_F(GenerateTest, GenerationContinuesAndForks) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  std::vector<int32_t> expected = decoderReference(decoder, {1, 2, 3}, 12);
  std::unique_ptr<Session> session = makeSession(2);
  GenerateOptions options;
  options.prompts.resize(1);
  options.prompts[0].tokens = {1, 2, 3};
  options.maxTokens = 5;
  std::vector<int32_t> tokens = generateTokens(*session, options);
  Result<std::unique_ptr<Session>> fork = session->fork();
  ASSERT_TRUE(fork);
  options.prompts[0].tokens.clear();
  options.maxTokens = 7;
  for (Session *each : {session.get(), fork->get()}) {
    std::vector<int32_t> all = tokens, more = generateTokens(*each, options);
    all.insert(all.end(), more.begin(), more.end());
    EXPECT_EQ(all, expected);
  }
  ASSERT_TRUE(session->reset());
  options.prompts[0].tokens = {1, 2, 3};
  options.maxTokens = 12;
  EXPECT_EQ(generateTokens(*session, options), expected);
}

TEST_F(GenerateTest, GenerationEnds) {
  Synthetic decoder = makeDecoder(16);
  std::vector<int32_t> expected = decoderReference(decoder, {9}, 40);
  decoder.manifest.eos = {expected[3]};
  write(decoder);
  GenerateOptions options;
  options.prompts.resize(1);
  options.prompts[0].tokens = {9};
  std::vector<int32_t> untilEos = generateTokens(*makeSession(1), options);
  EXPECT_EQ(untilEos.back(), expected[3]);
  EXPECT_LE(untilEos.size(), 4u);
  options.ignoreEos = true;
  // 16 positions: the prompt's and 15 tokens' are in the cache, one more token is known after that.
  std::vector<int32_t> untilFull = generateTokens(*makeSession(1), options);
  EXPECT_EQ(untilFull, std::vector<int32_t>(expected.begin(), expected.begin() + 16));
  options.prompts[0].tokens.assign(17, 1);
  Result<GenerateResult> tooLong = generate(*makeSession(1), options, [](auto &) { return true; });
  ASSERT_FALSE(tooLong);
  EXPECT_EQ(tooLong.status().message(), "the prompt has 17 tokens, but only 16 of max_seq 16 positions are free");
  options.prompts[0].tokens = {256};
  EXPECT_FALSE(generate(*makeSession(1), options, [](auto &) { return true; }));
  options.prompts[0].tokens = {};
  EXPECT_FALSE(generate(*makeSession(1), options, [](auto &) { return true; }));
}

TEST_F(GenerateTest, StopTextsAreHeldBackAndCutOff) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  std::vector<int32_t> expected = decoderReference(decoder, {'a', 'b'}, 12);
  std::string text(expected.begin(), expected.end());
  GenerateOptions options;
  options.prompts.resize(1);
  options.prompts[0].text = "ab";
  options.maxTokens = 12;
  options.stops = {text.substr(5, 3)};
  std::string shown;
  Result<GenerateResult> result = generate(*makeSession(2), options, [&](const GeneratedToken &token) {
    shown += token.text;
    return true;
  });
  ASSERT_TRUE(result);
  EXPECT_EQ(shown, text.substr(0, text.find(options.stops[0])));
  EXPECT_EQ(result->sequences[0].reason, FinishReason::Stop);
}

TEST_F(GenerateTest, ChecksTokensAndPositions) {
  write(makeDecoder(32));
  std::unique_ptr<Session> session = makeSession(2);
  auto decode = [&](int32_t token, int32_t start, int32_t count) {
    std::vector<float> logits(256);
    std::vector<int64_t> matrix = {1, 1}, vector = {1}, cube = {1, 1, 256};
    TensorView inputs[] = {{DType::i32, matrix, reinterpret_cast<std::byte *>(&token)},
                           {DType::i32, vector, reinterpret_cast<std::byte *>(&start)},
                           {DType::i32, vector, reinterpret_cast<std::byte *>(&count)}};
    TensorView output = {DType::f32, cube, reinterpret_cast<std::byte *>(logits.data())};
    return session->run("decode", inputs, {&output, 1});
  };
  EXPECT_TRUE(decode(3, 31, 1));
  EXPECT_EQ(decode(3, 32, 1).message(), "positions 32 to 32 do not fit into max_seq 32");
  EXPECT_EQ(decode(256, 0, 1).message(), "input 'tokens' expects values from 0 to 255, but got 256");
  EXPECT_FALSE(decode(-1, 0, 1));
  EXPECT_FALSE(decode(0, -1, 1));
  EXPECT_FALSE(decode(0, 0, 2));
  EXPECT_FALSE(decode(0, 0, -1));
  EXPECT_FALSE(decode(0, INT32_MAX, 1));
}

TEST_F(GenerateTest, ChecksHowTheNextTokenIsChosen) {
  write(makeDecoder(32));
  std::unique_ptr<Session> session = makeSession(2);
  Session::Entry *decode = session->findEntry("decode");
  *reinterpret_cast<int32_t *>(decode->inputOfRole(kRoleCount)) = 1;
  auto with = [&]<typename T>(const char *role, T value) {
    auto *input = reinterpret_cast<T *>(decode->inputOfRole(role));
    *input = value;
    Status status = session->runStep(*decode);
    *input = 0;
    return status.message();
  };
  EXPECT_EQ(with(kRoleTemperature, NAN), "temperature expects a finite number of at least 0, but got nan");
  EXPECT_EQ(with(kRoleTemperature, -1.0f), "temperature expects a finite number of at least 0, but got -1.000000");
  EXPECT_EQ(with(kRoleTopK, int32_t(-1)), "top_k expects a number from 0 to 2147483647, but got -1");
  EXPECT_EQ(with(kRoleTopP, 1.5f), "top_p expects a number from 0 to 1, but got 1.500000");
  EXPECT_EQ(with(kRolePresence, INFINITY), "presence_penalty expects a finite number, but got inf");
  EXPECT_EQ(with(kRoleFrequency, NAN), "frequency_penalty expects a finite number, but got nan");
  EXPECT_EQ(with(kRoleRepetition, -2.0f),
            "repetition_penalty expects a finite number of at least 0, but got -2.000000");
  EXPECT_EQ(with(kRoleSampled, int32_t(2)), "sampled expects values from 0 to count, which is 1, but got 2");
  EXPECT_EQ(with(kRoleSampled, int32_t(-1)), "sampled expects values from 0 to count, which is 1, but got -1");
  EXPECT_EQ(with(kRoleSampled, int32_t(1)), "");
}

/// What the body `test__sample` makes of its inputs: each parameter moves the token.
int32_t mixed(const SamplerOptions &sampler, int64_t position, int sampled, int32_t largest) {
  int64_t mixture = static_cast<int64_t>(sampler.temperature * 8) + 3 * static_cast<int64_t>(sampler.topK) +
                    5 * static_cast<int64_t>(sampler.topP * 16) +
                    7 * static_cast<int64_t>(sampler.presencePenalty * 8) +
                    11 * static_cast<int64_t>(sampler.frequencyPenalty * 8) +
                    13 * static_cast<int64_t>(sampler.repetitionPenalty * 8) + 17 * static_cast<int64_t>(sampler.seed) +
                    19 * position + 23 * sampled + largest;
  return static_cast<int32_t>(mixture % 256);
}

TEST_F(GenerateTest, ParametersReachTheProgram) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  GenerateOptions options;
  options.prompts.resize(1);
  options.sampler = {0.5f, 7, 0.25f, 1.5f, 0.75f, 1.25f, 9};
  for (size_t length : {1u, 4u, 6u}) {
    std::vector<int32_t> text(length, 3);
    options.prompts[0].tokens = text;
    options.maxTokens = 5;
    std::vector<int32_t> expected;
    for (int i = 0; i < 5; ++i) {
      int32_t largest = decoderReference(decoder, text, 1)[0];
      expected.push_back(mixed(options.sampler, static_cast<int64_t>(text.size()), i > 0, largest));
      text.push_back(expected.back());
    }
    EXPECT_EQ(generateTokens(*makeSession(2), options), expected) << length;
  }
}

TEST_F(GenerateTest, PendingTokensCountAsSampled) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  std::unique_ptr<Session> session = makeSession(1);
  GenerateOptions options;
  options.prompts.resize(1);
  options.prompts[0].tokens = {1, 2};
  options.sampler.temperature = 1;
  options.maxTokens = 1;
  std::vector<int32_t> text = {1, 2}, first = generateTokens(*session, options);
  text.insert(text.end(), {first[0], 4, 5});
  // One of the three tokens of the next step was sampled, and stands in front.
  options.prompts[0].tokens = {4, 5};
  EXPECT_EQ(generateTokens(*session, options)[0], mixed(options.sampler, 5, 1, decoderReference(decoder, text, 1)[0]));
}

TEST_F(GenerateTest, StepsInOneLaunchGiveTheSame) {
  Synthetic decoder = makeDecoder();
  std::vector<int32_t> expected = decoderReference(decoder, {1, 2, 3}, 26);
  decoder.manifest.eos = {expected[20]};
  write(decoder);
  GenerateOptions options;
  options.prompts.resize(1);
  options.prompts[0].tokens = {1, 2, 3};
  for (bool ignoreEos : {false, true})
    for (uint64_t maxTokens : {1u, 2u, 17u, 26u}) {
      options.ignoreEos = ignoreEos, options.maxTokens = maxTokens;
      options.stepsPerLaunch = 1;
      std::vector<int32_t> oneByOne = generateTokens(*makeSession(2), options);
      for (uint32_t steps : {2u, 5u, 64u})
        for (uint32_t workers : {1u, 2u, 3u, 16u}) {
          options.stepsPerLaunch = steps;
          std::unique_ptr<Session> session = makeSession(workers);
          EXPECT_EQ(generateTokens(*session, options), oneByOne) << steps << " steps, " << workers << " workers";
          // The session stands where it would stand.
          EXPECT_EQ(session->slots[0].position, static_cast<int64_t>(2 + oneByOne.size()));
          EXPECT_EQ(session->slots[0].pendingToken, oneByOne.back());
        }
    }
}

TEST_F(GenerateTest, LaunchesOfSeveralStepsStop) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  std::vector<int32_t> expected = decoderReference(decoder, {'a'}, 20);
  std::string text(expected.begin(), expected.end());
  GenerateOptions options;
  options.prompts.resize(1);
  options.prompts[0].text = "a";
  options.maxTokens = 20;
  options.stepsPerLaunch = 8;
  options.stops = {text.substr(5, 3)};
  std::string shown;
  std::unique_ptr<Session> session = makeSession(2);
  Result<GenerateResult> result = generate(*session, options, [&](const GeneratedToken &token) {
    shown += token.text;
    return true;
  });
  ASSERT_TRUE(result);
  EXPECT_EQ(shown, text.substr(0, text.find(options.stops[0])));
  EXPECT_EQ(result->sequences[0].reason, FinishReason::Stop);
  // Asked for each token of the launch, and heeded after it: the first comes from the prompt's step.
  options.stops.clear();
  ASSERT_TRUE(session->reset());
  int heard = 0;
  result = generate(*session, options, [&](const GeneratedToken &) { return ++heard < 3; });
  ASSERT_TRUE(result);
  EXPECT_EQ(heard, 9);
  EXPECT_EQ(result->sequences[0].reason, FinishReason::Caller);
  // Interleaved steps go the same way.
  SessionOptions interleaved;
  interleaved.interleavingSeed = 5;
  EXPECT_EQ(generateTokens(*makeSession(2, interleaved), options), expected);
}

TEST_F(GenerateTest, CancellationReachesIntoALaunch) {
  Synthetic decoder = makeDecoder(8192);
  write(decoder);
  std::unique_ptr<Session> session = makeSession(3);
  GenerateOptions options;
  options.prompts = {{std::nullopt, {1, 2, 3}}};
  options.maxTokens = 8000; // seconds of work in one launch
  options.stepsPerLaunch = 8000;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    session->cancel();
  });
  Result<GenerateResult> result = generate(*session, options, [](auto &) { return true; });
  other.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.status().code(), StatusCode::cancelled);
  ASSERT_TRUE(session->reset());
  options.maxTokens = 5;
  EXPECT_EQ(generateTokens(*session, options), decoderReference(decoder, {1, 2, 3}, 5));
}

TEST_F(GenerateTest, WhatCannotSampleCannotGenerate) {
  Synthetic decoder = makeDecoder();
  for (ManifestEntry &entry : decoder.manifest.entries)
    entry.outputs.back().role = "";
  write(decoder);
  GenerateOptions options;
  options.prompts = {{std::nullopt, {1}}};
  Result<GenerateResult> result = generate(*makeSession(1), options, [](auto &) { return true; });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.status().message(), "entry 'decode' cannot generate: it does not sample; `ingot compile` adds "
                                       "sampling to decoders, so compile the model again");
}

} // namespace
