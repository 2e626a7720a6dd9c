// Generation: the reference with and without prefill, how it ends, what it refuses.
#include "SessionFixture.h"

using namespace ingot;
using namespace ingot::test;

namespace {

using GenerateTest = SessionTest;

TEST_F(GenerateTest, GeneratesTheReferenceWithAndWithoutPrefill) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  for (size_t length : {1u, 2u, 3u, 4u, 5u, 8u, 11u}) {
    GenerateOptions options;
    for (size_t i = 0; i < length; ++i)
      options.tokens.push_back(static_cast<int32_t>(i * 37 % 256));
    options.maxTokens = 12;
    std::vector<int32_t> expected = decoderReference(decoder, options.tokens, 12);
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
  options.tokens = {1, 2, 3};
  options.maxTokens = 5;
  std::vector<int32_t> tokens = generateTokens(*session, options);
  Result<std::unique_ptr<Session>> fork = session->fork();
  ASSERT_TRUE(fork);
  options.tokens.clear();
  options.maxTokens = 7;
  for (Session *each : {session.get(), fork->get()}) {
    std::vector<int32_t> all = tokens, more = generateTokens(*each, options);
    all.insert(all.end(), more.begin(), more.end());
    EXPECT_EQ(all, expected);
  }
  session->reset();
  options.tokens = {1, 2, 3};
  options.maxTokens = 12;
  EXPECT_EQ(generateTokens(*session, options), expected);
}

TEST_F(GenerateTest, GenerationEnds) {
  Synthetic decoder = makeDecoder(16);
  std::vector<int32_t> expected = decoderReference(decoder, {9}, 40);
  decoder.manifest.eos = {expected[3]};
  write(decoder);
  GenerateOptions options;
  options.tokens = {9};
  std::vector<int32_t> untilEos = generateTokens(*makeSession(1), options);
  EXPECT_EQ(untilEos.back(), expected[3]);
  EXPECT_LE(untilEos.size(), 4u);
  options.ignoreEos = true;
  // 16 positions: the prompt's and 15 tokens' are in the cache, one more token is known after that.
  std::vector<int32_t> untilFull = generateTokens(*makeSession(1), options);
  EXPECT_EQ(untilFull, std::vector<int32_t>(expected.begin(), expected.begin() + 16));
  options.tokens.assign(17, 1);
  Result<GenerateResult> tooLong = generate(*makeSession(1), options, [](auto &) { return true; });
  ASSERT_FALSE(tooLong);
  EXPECT_EQ(tooLong.status().message(), "the prompt has 17 tokens, but only 16 of max_seq 16 positions are free");
  options.tokens = {256};
  EXPECT_FALSE(generate(*makeSession(1), options, [](auto &) { return true; }));
  options.tokens = {};
  EXPECT_FALSE(generate(*makeSession(1), options, [](auto &) { return true; }));
}

TEST_F(GenerateTest, StopTextsAreHeldBackAndCutOff) {
  Synthetic decoder = makeDecoder();
  write(decoder);
  std::vector<int32_t> expected = decoderReference(decoder, {'a', 'b'}, 12);
  std::string text(expected.begin(), expected.end());
  GenerateOptions options;
  options.prompt = "ab";
  options.maxTokens = 12;
  options.stops = {text.substr(5, 3)};
  std::string shown;
  Result<GenerateResult> result = generate(*makeSession(2), options, [&](const GeneratedToken &token) {
    shown += token.text;
    return true;
  });
  ASSERT_TRUE(result);
  EXPECT_EQ(shown, text.substr(0, text.find(options.stops[0])));
  EXPECT_EQ(result->reason, FinishReason::Stop);
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

} // namespace
