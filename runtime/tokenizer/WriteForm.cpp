#include "runtime/tokenizer/WriteForm.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <tuple>
#include <unordered_map>

namespace ingot::runtime::tokenizer {

namespace {

class Writer {
public:
  explicit Writer(Parts parts) : parts(std::move(parts)) { out.resize(sizeof(Header)); }

  Result<std::string> run() {
    header.magic = kMagic;
    header.model = static_cast<uint32_t>(parts.model);
    header.flags = parts.flags;
    header.prefix = static_cast<uint32_t>(parts.prefix);
    header.strip = static_cast<uint32_t>(parts.strip);
    header.tokens = static_cast<uint32_t>(parts.tokens.size());
    header.unknown = parts.unknown;
    header.spaceSymbol = parts.spaceSymbol;
    header.unknownScore = parts.unknownScore;
    header.maxScore = parts.maxScore;
    addVocabulary();
    if (parts.model == Model::Pairs)
      addPairs();
    addAdded();
    add(StartTokens, parts.startTokens);
    add(CharTrie, parts.charTrie);
    add(CharText, parts.charText);
    add(Stages, parts.patterns.stages);
    add(Code, parts.patterns.code);
    add(Sets, parts.patterns.sets);
    add(Ranges, parts.patterns.ranges);
    if (out.size() > UINT32_MAX)
      return Status::unsupported("a tokenizer of more than 4 GiB is not supported yet");
    std::memcpy(out.data(), &header, sizeof(header));
    // What is written is what is read. std::string does not promise the alignment of a mapped file.
    std::vector<uint64_t> aligned((out.size() + 7) / 8);
    std::copy_n(out.data(), out.size(), reinterpret_cast<char *>(aligned.data()));
    if (Result<Form> form = readForm(std::as_bytes(std::span(aligned)).first(out.size())); !form)
      return form.status();
    return std::move(out);
  }

private:
  template <typename Container> void add(Section section, const Container &values) {
    out.resize((out.size() + 7) / 8 * 8);
    header.sections[section] = {static_cast<uint32_t>(out.size()), static_cast<uint32_t>(values.size())};
    out.append(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(values[0]));
  }

  void addVocabulary() {
    std::vector<uint32_t> offsets = {0};
    std::string text;
    std::vector<uint8_t> kinds;
    std::vector<float> scores;
    for (const Parts::Token &token : parts.tokens) {
      text += token.text;
      offsets.push_back(static_cast<uint32_t>(text.size()));
      kinds.push_back(static_cast<uint8_t>(token.kind));
      scores.push_back(token.score);
      if (token.found)
        header.longestPiece = std::max(header.longestPiece, static_cast<uint32_t>(token.text.size()));
    }
    add(TextOffsets, offsets);
    add(Text, text);
    add(Kinds, kinds);
    if (parts.model == Model::BestPieces)
      add(Scores, scores);
    addLookup();
    add(ByteTokens, parts.byteTokens);
  }

  void addLookup() {
    std::vector<uint32_t> lookup(std::bit_ceil(std::max<size_t>(parts.tokens.size() * 2, 2)), 0);
    for (size_t id = 0; id < parts.tokens.size(); ++id) {
      const auto &[text, kind, score, found] = parts.tokens[id];
      if (!found)
        continue;
      size_t slot = firstSlot(hashText(text), lookup.size());
      while (lookup[slot] != 0 && parts.tokens[lookup[slot] - 1].text != text)
        slot = (slot + 1) & (lookup.size() - 1);
      if (lookup[slot] == 0)
        lookup[slot] = static_cast<uint32_t>(id) + 1;
    }
    add(Lookup, lookup);
  }

  void addPairs() {
    std::vector<Parts::Pair> &pairs = parts.pairs;
    auto key = [](const Parts::Pair &pair) { return std::tie(pair.left, pair.right); };
    std::ranges::sort(pairs, [&](const Parts::Pair &a, const Parts::Pair &b) {
      return key(a) != key(b) ? key(a) < key(b) : a.rank > b.rank;
    });
    auto repeated = std::ranges::unique(pairs, {}, key);
    pairs.erase(repeated.begin(), repeated.end());
    std::vector<uint32_t> starts(parts.tokens.size() + 1, 0), right, result, rank;
    for (const Parts::Pair &pair : pairs) {
      if (pair.left < parts.tokens.size())
        ++starts[pair.left + 1];
      right.push_back(pair.right);
      result.push_back(pair.result);
      rank.push_back(pair.rank);
    }
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    add(PairStarts, starts);
    add(PairRight, right);
    add(PairResult, result);
    add(PairRank, rank);
  }

  void addAdded() {
    auto first = [](const Parts::AddedToken &token) { return static_cast<unsigned char>(token.content[0]); };
    std::erase_if(parts.added, [](const Parts::AddedToken &token) { return token.content.empty(); });
    std::ranges::sort(parts.added, [&](const Parts::AddedToken &a, const Parts::AddedToken &b) {
      return std::tuple(first(a), b.content.size(), a.content, a.id, a.flags) <
             std::tuple(first(b), a.content.size(), b.content, b.id, b.flags);
    });
    std::vector<uint32_t> starts(257, 0);
    std::vector<Added> added;
    std::string text;
    for (const Parts::AddedToken &token : parts.added) {
      ++starts[first(token) + 1];
      added.push_back(
          {token.id, token.flags, static_cast<uint32_t>(text.size()), static_cast<uint32_t>(token.content.size())});
      text += token.content;
    }
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    add(AddedTokens, added);
    add(AddedStarts, starts);
    add(AddedText, text);
  }

  Parts parts;
  Header header = {};
  std::string out;
};

} // namespace

Result<std::string> writeForm(Parts parts) { return Writer(std::move(parts)).run(); }

std::vector<Parts::Pair> pairsOfScores(const std::vector<Parts::Token> &tokens) {
  std::unordered_map<std::string_view, uint32_t> ids;
  std::vector<float> scores;
  auto takes = [&](const Parts::Token &token) { return token.found && token.kind == Kind::Text; };
  for (size_t i = 0; i < tokens.size(); ++i)
    if (takes(tokens[i])) {
      ids.emplace(tokens[i].text, static_cast<uint32_t>(i));
      scores.push_back(tokens[i].score);
    }
  std::ranges::sort(scores, std::greater());
  scores.erase(std::ranges::unique(scores).begin(), scores.end());
  std::vector<Parts::Pair> pairs;
  for (const auto &[text, id] : ids) {
    auto rank = std::ranges::lower_bound(scores, tokens[id].score, std::greater()) - scores.begin();
    for (size_t cut = 1; cut < text.size(); ++cut) {
      auto left = ids.find(text.substr(0, cut)), right = ids.find(text.substr(cut));
      if (left != ids.end() && right != ids.end())
        pairs.push_back({left->second, right->second, id, static_cast<uint32_t>(rank)});
    }
  }
  return pairs;
}

} // namespace ingot::runtime::tokenizer
