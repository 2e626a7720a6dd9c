#include "Synthetic.h"

#include "lib/Tokenizer/CompileTokenizer.h"
#include "runtime/session/StopText.h"
#include "runtime/tokenizer/TextDecoder.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

using namespace ingot::runtime;
using namespace ingot::test;

namespace {

/// The compiled form of a tokenizer file, and a tokenizer on it.
struct Opened {
  std::vector<uint64_t> form;
  std::unique_ptr<Tokenizer> tokenizer;
  std::string message;

  explicit operator bool() const { return tokenizer != nullptr; }
  Tokenizer *operator->() { return tokenizer.get(); }
};

Opened openForm(const std::string &bytes) {
  Opened opened;
  opened.form.resize((bytes.size() + 7) / 8);
  std::copy_n(bytes.data(), bytes.size(), reinterpret_cast<char *>(opened.form.data()));
  Result<std::unique_ptr<Tokenizer>> tokenizer =
      openTokenizer(std::as_bytes(std::span(opened.form)).first(bytes.size()));
  if (tokenizer)
    opened.tokenizer = std::move(*tokenizer);
  else
    opened.message = tokenizer.status().message();
  return opened;
}

Opened open(const std::string &file) {
  Result<ingot::tokenizer::CompiledTokenizer> compiled = ingot::tokenizer::compileTokenizer(file);
  Opened opened;
  if (compiled)
    return openForm(compiled->form);
  opened.message = compiled.status().message();
  return opened;
}

const std::string kTok512 = std::string(INGOT_SHARED_DATA_DIR) + "/llm/tok512.bin";

/// A tokenizer file with the fixed tokens and then `pieces`.
std::string makeFile(const std::vector<std::pair<std::string, float>> &pieces) {
  std::string file;
  auto put = [&](const auto &value) { file.append(reinterpret_cast<const char *>(&value), sizeof(value)); };
  auto token = [&](const std::string &text, float score) {
    put(score);
    put(static_cast<int32_t>(text.size()));
    file += text;
  };
  put(int32_t(16));
  for (const char *special : {"<unk>", "\n<s>\n", "\n</s>\n"})
    token(special, 0);
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", byte);
    token(name, 0);
  }
  for (const auto &[text, score] : pieces)
    token(text, score);
  return file;
}

TEST(TokenizerTest, BytesAreTokens) {
  std::unique_ptr<Tokenizer> tokenizer = makeBytesTokenizer();
  EXPECT_EQ(tokenizer->encode("a\xff", true), (std::vector<int32_t>{97, 255}));
  EXPECT_EQ(tokenizer->decode(-1, 97), "a");
  EXPECT_EQ(tokenizer->decode(-1, 256), "");
}

TEST(TokenizerTest, MergesTheBestPairFirst) {
  // 259 " ", 260 a, 261 b, 262 c, 263 ab, 264 bc, 265 abc, 266 " a"
  std::string file =
      makeFile({{" ", -1}, {"a", -2}, {"b", -3}, {"c", -4}, {"ab", -6}, {"bc", -5}, {"abc", -9}, {" a", -7}});
  Opened tokenizer = open(file);
  ASSERT_TRUE(tokenizer);
  // bc (-5) before ab (-6); then " a" (-7) before a + bc (-9)
  EXPECT_EQ(tokenizer->encode("abc", true), (std::vector<int32_t>{1, 266, 264}));
  EXPECT_EQ(tokenizer->encode("", true), (std::vector<int32_t>{1}));
  EXPECT_EQ(tokenizer->encode("", false), std::vector<int32_t>());
  EXPECT_EQ(tokenizer->encode("\xc3\xa4", false), (std::vector<int32_t>{259, 0xc3 + 3, 0xa4 + 3})) << "byte fallback";
  EXPECT_EQ(tokenizer->decode(1, 266), "a") << "the space of the dummy prefix goes";
  EXPECT_EQ(tokenizer->decode(259, 266), " a");
  EXPECT_EQ(tokenizer->decode(259, 3 + 10), "\n");
  EXPECT_EQ(tokenizer->decode(259, -1), "");
  EXPECT_EQ(tokenizer->decode(259, 10000), "");
}

TEST(TokenizerTest, TextSurvivesTheRoundTrip) {
  if (!std::filesystem::exists(kTok512))
    GTEST_SKIP() << kTok512 << " is not there";
  std::string file = readFile(kTok512);
  Opened tokenizer = open(file);
  ASSERT_TRUE(tokenizer);
  EXPECT_EQ(tokenizer->size(), 512u);
  std::mt19937 random(4);
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (size_t length = random() % 60; length > 0; --length)
      text += random() % 4 ? static_cast<char>(' ' + random() % 95) : static_cast<char>(1 + random() % 255);
    std::string decoded;
    int32_t previous = -1;
    for (int32_t token : tokenizer->encode(text, true)) {
      decoded += tokenizer->decode(previous, token);
      previous = token;
    }
    EXPECT_EQ(decoded, text);
  }
}

TEST(TokenizerTest, AgreesWithTheReference) {
  if (!std::filesystem::exists(kTok512))
    GTEST_SKIP() << kTok512 << " is not there";
  std::string file = readFile(kTok512);
  Opened tokenizer = open(file);
  ASSERT_TRUE(tokenizer);
  TemporaryDirectory directory;
  std::vector<std::string> texts = {"Once upon a time",
                                    "",
                                    " ",
                                    "  two  spaces",
                                    "naïve café ☃ 𝄞",
                                    "a\nb\tc",
                                    "\xff\xfe broken \xe2\x82",
                                    "Lily and Tom went to the park. \"Hello!\" said Ben."};
  std::mt19937 random(5);
  for (int i = 0; i < 200; ++i) {
    std::string text;
    for (size_t length = 1 + random() % 80; length > 0; --length)
      text += "etaoin shrdlu.,TLB\n\xc3\xa9"[random() % 21];
    texts.push_back(text);
  }
  for (size_t i = 0; i < texts.size(); ++i)
    writeFile(directory / std::to_string(i), texts[i]);
  std::string command = std::string("python3 ") + INGOT_SOURCE_DIR + "/test/unit/Runtime/llama2c_reference.py " +
                        kTok512 + " " + directory.path + " " + std::to_string(texts.size());
  FILE *pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  char line[8192];
  size_t index = 0;
  for (; std::fgets(line, sizeof(line), pipe); ++index) {
    std::string ours;
    for (int32_t token : tokenizer->encode(texts.at(index), true))
      ours += std::to_string(token) + " ";
    EXPECT_EQ(ours + "\n", line) << "text " << index << ": " << texts[index];
  }
  EXPECT_EQ(::pclose(pipe), 0);
  EXPECT_EQ(index, texts.size());
}

TEST(TokenizerTest, RefusesBrokenFiles) {
  std::string file = makeFile({{"abc", 1}});
  EXPECT_TRUE(open(file));
  size_t accepted = 0;
  for (size_t size = 0; size < file.size(); ++size)
    accepted += bool(open(file.substr(0, size)));
  EXPECT_EQ(accepted, 1u) << "only without the last token it is whole";
  std::string negative = file;
  std::memset(negative.data() + 8, 0xff, 4);
  EXPECT_FALSE(open(negative));
}

TEST(TokenizerTest, LongTextsTakeLittleTime) {
  std::string file = makeFile({{"a", -1}, {"aa", -2}, {"aaaa", -3}, {"aaaaaaaa", -4}});
  Opened tokenizer = open(file);
  ASSERT_TRUE(tokenizer);
  auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(tokenizer->encode(std::string(1 << 18, 'a'), false).size(), size_t(1 << 15));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)); // quadratic: many minutes
}

TEST(StopTextTest, HoldsBackWhatMayBecomeAStop) {
  StopText stop({"END", "STOP!"});
  EXPECT_EQ(stop.feed("abE"), "ab");
  EXPECT_EQ(stop.feed("x"), "Ex");
  EXPECT_EQ(stop.feed("EN"), "");
  EXPECT_EQ(stop.feed("EN"), "EN");
  EXPECT_EQ(stop.feed("Dmore"), "");
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.feed("END"), "");
  EXPECT_EQ(stop.flush(), "");
  StopText other({"aab"});
  EXPECT_EQ(other.feed("aa"), "");
  EXPECT_EQ(other.feed("a"), "a");
  EXPECT_EQ(other.flush(), "aa");
  EXPECT_EQ(StopText({"", "b"}).feed("a"), "a");
  StopText earliest({"cd", "bc"});
  EXPECT_EQ(earliest.feed("abcd"), "a");
}

} // namespace
