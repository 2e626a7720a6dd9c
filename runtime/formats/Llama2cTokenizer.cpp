// The byte-pair tokenizer of llama2.c (which is SentencePiece's without its normalisation).
#include "runtime/formats/Tokenizer.h"

#include <cstring>
#include <queue>
#include <unordered_map>

namespace ingot::runtime {

namespace {

constexpr int32_t kBeginOfSequence = 1;
constexpr int32_t kEndOfSequence = 2;
constexpr int32_t kFirstByteToken = 3;
constexpr size_t kMinTokens = 3 + 256;
constexpr float kWorstScore = -1e10f; // merges that score no better are not made

struct Token {
  std::string text;
  float score;
};

bool isContinuationByte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Neighbouring tokens as a linked list, and a heap of the merges that are possible between them.
class Merger {
public:
  Merger(const std::vector<Token> &tokens, const std::unordered_map<std::string_view, int32_t> &ids)
      : tokens(tokens), ids(ids) {}

  /// Makes the merge of the best score, the leftmost of equals, until none is left.
  std::vector<int32_t> run(const std::vector<int32_t> &input) {
    nodes.reserve(input.size());
    for (size_t i = 0; i < input.size(); ++i)
      nodes.push_back({input[i], static_cast<int64_t>(i) - 1, static_cast<int64_t>(i) + 1});
    if (!nodes.empty())
      nodes.back().next = -1;
    for (size_t i = 0; i + 1 < nodes.size(); ++i)
      offer(i);
    while (!heap.empty()) {
      Merge merge = heap.top();
      heap.pop();
      if (isCurrent(merge))
        apply(merge);
    }
    std::vector<int32_t> output;
    for (int64_t i = nodes.empty() ? -1 : 0; i >= 0; i = nodes[i].next)
      output.push_back(nodes[i].token);
    return output;
  }

private:
  struct Node {
    int32_t token; // -1 once merged into its left neighbour
    int64_t previous, next;
  };
  struct Merge {
    float score;
    int64_t left;
    int32_t leftToken, rightToken, result;
    bool operator<(const Merge &other) const { return score != other.score ? score < other.score : left > other.left; }
  };

  void offer(int64_t left) {
    const Node &node = nodes[left];
    if (node.next < 0)
      return;
    int32_t rightToken = nodes[node.next].token;
    text.assign(tokens[node.token].text).append(tokens[rightToken].text);
    auto it = ids.find(text);
    if (it != ids.end() && tokens[it->second].score > kWorstScore)
      heap.push({tokens[it->second].score, left, node.token, rightToken, it->second});
  }

  bool isCurrent(const Merge &merge) const {
    const Node &node = nodes[merge.left];
    return node.token == merge.leftToken && node.next >= 0 && nodes[node.next].token == merge.rightToken;
  }

  void apply(const Merge &merge) {
    Node &left = nodes[merge.left];
    Node &right = nodes[left.next];
    left.token = merge.result;
    left.next = right.next;
    right.token = -1;
    if (left.next >= 0)
      nodes[left.next].previous = merge.left;
    if (left.previous >= 0)
      offer(left.previous);
    offer(merge.left);
  }

  const std::vector<Token> &tokens;
  const std::unordered_map<std::string_view, int32_t> &ids;
  std::vector<Node> nodes;
  std::priority_queue<Merge> heap;
  std::string text;
};

class Llama2cTokenizer final : public Tokenizer {
public:
  explicit Llama2cTokenizer(std::vector<Token> parsed) : tokens(std::move(parsed)) {
    for (size_t i = 0; i < tokens.size(); ++i)
      ids.emplace(tokens[i].text, static_cast<int32_t>(i)); // the first of equal texts stays
  }

  size_t size() const override { return tokens.size(); }

  std::vector<int32_t> encode(std::string_view text, bool atStart) const override {
    std::vector<int32_t> pieces;
    // SentencePiece's dummy prefix: a text begins with a space.
    if (auto space = ids.find(" "); !text.empty() && space != ids.end())
      pieces.push_back(space->second);
    for (size_t begin = 0; begin < text.size();) {
      size_t end = begin + 1;
      while (end < text.size() && end - begin < 4 && isContinuationByte(text[end]))
        ++end;
      std::string_view character = text.substr(begin, end - begin);
      if (auto it = ids.find(character); it != ids.end()) {
        pieces.push_back(it->second);
      } else {
        for (char c : character)
          pieces.push_back(static_cast<unsigned char>(c) + kFirstByteToken);
      }
      begin = end;
    }
    std::vector<int32_t> merged = Merger(tokens, ids).run(pieces);
    if (atStart)
      merged.insert(merged.begin(), kBeginOfSequence);
    return merged;
  }

  std::string decode(int32_t previous, int32_t token) const override {
    if (token < 0 || static_cast<size_t>(token) >= tokens.size())
      return {};
    if (token == kBeginOfSequence || token == kEndOfSequence)
      return {};
    const std::string &piece = tokens[token].text;
    if (int byte = rawByte(piece); byte >= 0)
      return std::string(1, static_cast<char>(byte));
    if (previous == kBeginOfSequence && !piece.empty() && piece[0] == ' ')
      return piece.substr(1);
    return piece;
  }

private:
  /// Value of a piece of the form "<0x0A>", else -1.
  static int rawByte(const std::string &piece) {
    if (piece.size() != 6 || piece.compare(0, 3, "<0x") != 0 || piece[5] != '>')
      return -1;
    int value = 0;
    for (char c : {piece[3], piece[4]}) {
      const char *digits = "0123456789ABCDEF0123456789abcdef";
      const char *digit = c ? std::strchr(digits, c) : nullptr;
      if (!digit)
        return -1;
      value = value * 16 + static_cast<int>(digit - digits) % 16;
    }
    return value;
  }

  std::vector<Token> tokens;
  std::unordered_map<std::string_view, int32_t> ids; // views of `tokens`
};

} // namespace

Result<std::unique_ptr<Tokenizer>> parseLlama2cTokenizer(std::span<const std::byte> file) {
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
  std::vector<Token> tokens;
  while (at < file.size()) {
    Token token;
    int32_t length = 0;
    if (!read(token.score) || !read(length) || length < 0 || static_cast<size_t>(length) > file.size() - at)
      return Status::corrupt("tokenizer is truncated or broken at token " + std::to_string(tokens.size()));
    token.text.assign(reinterpret_cast<const char *>(file.data()) + at, length);
    at += length;
    tokens.push_back(std::move(token));
  }
  if (tokens.size() < kMinTokens)
    return Status::corrupt("tokenizer expects at least " + std::to_string(kMinTokens) + " tokens, but got " +
                           std::to_string(tokens.size()));
  return std::unique_ptr<Tokenizer>(std::make_unique<Llama2cTokenizer>(std::move(tokens)));
}

} // namespace ingot::runtime
