// llama2.c's tokenizer.bin, which is SentencePiece's without its normalisation.
#include "lib/Tokenizer/CompileTokenizer.h"

#include <cstring>
#include <string>

using namespace ingot;
using namespace ingot::tokenizer;
using namespace ingot::runtime::tokenizer;

using runtime::Result;
using runtime::Status;

static constexpr uint32_t kBeginOfSequence = 1, kEndOfSequence = 2, kFirstByteToken = 3;
static constexpr size_t kMinTokens = kFirstByteToken + 256;
static constexpr float kWorstScore = -1e10f; // merges that score no better are not made

/// Value of a piece of the form "<0x0A>", else -1.
static int rawByte(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>')
    return -1;
  int value = 0;
  for (char c : piece.substr(3, 2)) {
    size_t digit = std::string_view("0123456789ABCDEF0123456789abcdef").find(c);
    if (digit == std::string_view::npos)
      return -1;
    value = value * 16 + static_cast<int>(digit % 16);
  }
  return value;
}

static Result<std::vector<Parts::Token>> readTokens(std::string_view file) {
  size_t at = 0;
  auto read = [&](auto &value) {
    if (file.size() - at < sizeof(value))
      return false;
    std::memcpy(&value, file.data() + at, sizeof(value));
    at += sizeof(value);
    return true;
  };
  int32_t maxLength = 0;
  if (!read(maxLength) || maxLength < 1)
    return Status::corrupt("tokenizer expects a positive max_token_length first");
  std::vector<Parts::Token> tokens;
  while (at < file.size()) {
    Parts::Token token;
    int32_t length = 0;
    if (!read(token.score) || !read(length) || length < 0 || static_cast<size_t>(length) > file.size() - at)
      return Status::corrupt("tokenizer is truncated or broken at token " + std::to_string(tokens.size()));
    token.text = file.substr(at, length);
    at += length;
    tokens.push_back(std::move(token));
  }
  if (tokens.size() < kMinTokens)
    return Status::corrupt("tokenizer expects at least " + std::to_string(kMinTokens) + " tokens, but got " +
                           std::to_string(tokens.size()));
  return tokens;
}

Result<TokenizerFile> tokenizer::readLlama2c(std::string_view file) {
  Result<std::vector<Parts::Token>> tokens = readTokens(file);
  if (!tokens)
    return tokens.status();
  Parts parts;
  parts.flags = kByteFallback | kLooseCharacters;
  parts.strip = Strip::SpaceAfterStart;
  parts.startTokens = {kBeginOfSequence};
  bool hasSpace = false;
  for (uint32_t id = 0; id < tokens->size(); ++id) {
    Parts::Token &token = (*tokens)[id];
    token.found = token.score > kWorstScore || token.text.size() < 5; // characters are no merges
    if (int byte = rawByte(token.text); byte >= 0) {
      token = {std::string(1, static_cast<char>(byte)), Kind::Byte, 0, false};
    } else if (id == kBeginOfSequence || id == kEndOfSequence) {
      token = {"", Kind::Control, 0, false};
    }
    hasSpace |= token.found && token.text == " ";
  }
  for (uint32_t byte = 0; byte < 256; ++byte)
    parts.byteTokens[byte] = kFirstByteToken + byte;
  // SentencePiece's dummy prefix: a text begins with a space.
  if (hasSpace)
    parts.prefix = Prefix::Space;
  std::vector<Parts::Token> scored = *tokens;
  for (Parts::Token &token : scored)
    token.found &= token.score > kWorstScore;
  parts.pairs = pairsOfScores(scored);
  parts.tokens = std::move(*tokens);
  // 1 begins a text and, in llama2.c's training data, separates texts.
  return TokenizerFile{std::move(parts), {kBeginOfSequence, kEndOfSequence}};
}
