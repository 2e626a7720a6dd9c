// The compiled form of tokenizers: damaged ones are refused, text comes in whole characters, patterns cut as they say.
#include "lib/Tokenizer/CompileTokenizer.h"
#include "lib/Tokenizer/PatternCompiler.h"
#include "runtime/tokenizer/Pattern.h"
#include "runtime/tokenizer/TextDecoder.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using namespace ingot::runtime;
using namespace ingot::runtime::tokenizer;

namespace {

/// Bytes at an alignment that a mapped file has.
struct Aligned {
  explicit Aligned(const std::string &bytes) : words((bytes.size() + 7) / 8), size(bytes.size()) {
    std::copy_n(bytes.data(), size, reinterpret_cast<char *>(words.data()));
  }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(words)).first(size); }

  std::vector<uint64_t> words;
  size_t size;
};

/// A byte-level tokenizer.json: 256 bytes, "he", "ll", "hell", "<|x|>", in the way of Llama 3.
std::string makeJson() {
  std::string vocab;
  for (int byte = 0, next = 256; byte < 256; ++byte) {
    bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    char entry[32];
    std::snprintf(entry, sizeof(entry), "\"\\u%04x\":%d,", printable ? byte : next++, byte);
    vocab += entry;
  }
  return R"({"model":{"type":"BPE","vocab":{)" + vocab + R"("he":256,"ll":257,"hell":258},
    "merges":["h e",["l","l"],"he ll"],"ignore_merges":true},
    "added_tokens":[{"id":259,"content":"<|x|>","special":true},{"id":260,"content":"<|y|>","lstrip":true}],
    "normalizer":null,
    "pre_tokenizer":{"type":"Sequence","pretokenizers":[
      {"type":"Split","pattern":{"Regex":"(?i:'s)| ?\\p{L}+|\\p{N}{1,3}|\\s+(?!\\S)|\\s+"},"behavior":"Isolated"},
      {"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},
    "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}},{"Sequence":{"id":"A"}}],
      "special_tokens":{"x":{"ids":[259]}}},
    "decoder":{"type":"ByteLevel"}})";
}

std::string makeForm() {
  Result<ingot::tokenizer::CompiledTokenizer> compiled = ingot::tokenizer::compileTokenizer(makeJson());
  EXPECT_TRUE(compiled) << compiled.status().message();
  return compiled->form;
}

std::vector<int32_t> encode(const Aligned &form, std::string_view text) {
  return (*openTokenizer(form.bytes()))->encode(text, true);
}

TEST(TokenizerFormTest, Encodes) {
  Aligned form(makeForm());
  EXPECT_EQ(encode(form, "hell he"), (std::vector<int32_t>{259, 258, ' ', 256}));
  EXPECT_EQ(encode(form, "a  <|y|><|x|>"), (std::vector<int32_t>{259, 'a', 260, 259})) << "lstrip";
  EXPECT_EQ(encode(form, "\xff"), (std::vector<int32_t>{259, 255}));
}

TEST(TokenizerFormTest, DamagedFormsAreRefusedOrHarmless) {
  std::string form = makeForm();
  EXPECT_FALSE(readForm(Aligned(form.substr(0, form.size() - 1)).bytes()).ok());
  for (size_t size = 0; size < form.size(); size += 97)
    EXPECT_FALSE(readForm(Aligned(form.substr(0, size)).bytes()).ok()) << size;
  std::mt19937 random(1);
  size_t accepted = 0;
  for (size_t i = 0; i < 5000; ++i) {
    std::string damaged = form;
    // Where structure is dense, and anywhere.
    size_t at = random() % (i % 2 ? sizeof(Header) : damaged.size());
    damaged[at] = static_cast<char>(random());
    Aligned aligned(damaged);
    Result<std::unique_ptr<Tokenizer>> tokenizer = openTokenizer(aligned.bytes());
    if (!tokenizer) {
      EXPECT_EQ(tokenizer.status().code(), StatusCode::corrupt);
      continue;
    }
    ++accepted;
    Tokenizer::Position position;
    for (int32_t token : (*tokenizer)->encode("hello  world 12345's <|x|> \xc3\xa9\xff", true)) {
      ASSERT_LT(static_cast<size_t>(token), (*tokenizer)->size());
      (void)(*tokenizer)->decode(position, token);
    }
  }
  EXPECT_GT(accepted, 0u);
}

TEST(TokenizerFormTest, TextComesInWholeCharacters) {
  Aligned form(makeForm());
  Result<std::unique_ptr<Tokenizer>> tokenizer = openTokenizer(form.bytes());
  TextDecoder decoder(**tokenizer);
  std::vector<std::string> parts;
  std::string all;
  for (unsigned char byte : std::string("a\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xff\xe2\x82z\xf0\x9f"))
    all += parts.emplace_back(decoder.feed(byte));
  EXPECT_EQ(parts[1] + parts[2], "");
  EXPECT_EQ(parts[3], "\xe2\x82\xac");
  EXPECT_EQ(parts[7], "\xf0\x9f\x98\x80");
  EXPECT_EQ(parts[9], "\xc3\xff") << "what cannot become a character does not wait";
  EXPECT_EQ(parts.back(), "");
  EXPECT_EQ(decoder.flush(), "\xf0\x9f");
  EXPECT_EQ(decoder.flush(), "");
}

/// The words that a pattern cuts `text` into, separated by "|"; or the message.
std::string cut(const std::string &pattern, std::string_view text) {
  Parts parts;
  if (Status status = ingot::tokenizer::compilePattern(pattern, parts.patterns); !status.ok())
    return status.message();
  parts.tokens.resize(1);
  Result<std::string> bytes = writeForm(parts);
  EXPECT_TRUE(bytes) << bytes.status().message();
  Aligned aligned(*bytes);
  Result<Form> form = readForm(aligned.bytes());
  std::string words;
  for (std::string_view word : WordCutter(*form).cut(text))
    words.append(words.empty() ? "" : "|").append(word);
  return words;
}

TEST(PatternTest, Cuts) {
  EXPECT_EQ(cut("a+b|c", "xaabcaa"), "x|aab|c|aa");
  EXPECT_EQ(cut("a*ab", "aaab"), "aaab") << "repeats give back";
  EXPECT_EQ(cut("a*+ab", "aaab"), "aaab") << "possessive ones do not: no match, one word";
  EXPECT_EQ(cut("a*+ab|b", "aaab"), "aaa|b");
  EXPECT_EQ(cut("x(?:ab|a)?b", "xab-xb-xabb"), "xab|-|xb|-|xabb");
  EXPECT_EQ(cut("a{2}|b{1,}|c{1,2}", "aaabbccc"), "aa|a|bb|cc|c");
  EXPECT_EQ(cut("a(?!b)", "abaa"), "ab|a|a");
  EXPECT_EQ(cut("a(?=b)", "aab"), "a|a|b");
  EXPECT_EQ(cut("(?i:k)", "kK\xe2\x84\xaax"), "k|K|\xe2\x84\xaa|x");
  EXPECT_EQ(cut("[^\\s\\p{L}]+", "ab, 12\xff \xc3\xa9"), "ab|,| |12\xff| \xc3\xa9");
  EXPECT_EQ(cut("[a-c\\]-]+", "xab-]y"), "x|ab-]|y");
  EXPECT_EQ(cut("\\x41\\x{e9}\\u00e8", "A\xc3\xa9\xc3\xa8!"), "A\xc3\xa9\xc3\xa8|!");
  EXPECT_EQ(cut("a?", "bab"), "b|a|b") << "empty matches cut nothing";
  EXPECT_EQ(cut(".+", "ab\ncd"), "ab|\n|cd");
}

TEST(PatternTest, NamesWhatItDoesNotKnow) {
  for (const char *pattern : {"^a", "a$", "\\ba", "(a)*", "(?<=a)b", "a+?", "[[:alpha:]]", "\\p{Han}", "(a", "a)", "[a",
                              "a{2,1}", "a**", "(?i:[a-z])", "(?i:\xc3\xa9)", "\\", "\\1", "(?=a(?=b))", "a{99999}"})
    EXPECT_TRUE(cut(pattern, "a").ends_with("is not supported yet")) << pattern << ": " << cut(pattern, "a");
}

TEST(PatternTest, LongTextsTakeLittleTime) {
  // What gives back everything it took, once for each word.
  const char *pattern = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+|\\p{L}+";
  EXPECT_EQ(cut(pattern, std::string(1 << 20, ' ') + "a").size(), (size_t(1) << 20) + 3);
}

} // namespace
