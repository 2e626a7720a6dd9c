#include "runtime/tokenizer/BestPieces.h"

#include "runtime/tokenizer/Unicode.h"

#include <algorithm>

namespace ingot::runtime::tokenizer {

namespace {

/// The best way to an end.
struct Best {
  uint32_t token = kNone, begin = kNone;
  float score = 0;

  void offer(uint32_t candidate, uint32_t from, double sum) {
    if (begin == kNone || sum > score)
      *this = {candidate, from, static_cast<float>(sum)};
  }
};

} // namespace

std::vector<Piece> bestPieces(const Form &form, std::string_view text) {
  std::span<const float> scores = form.section<float>(Scores);
  std::vector<Best> best(text.size() + 1);
  for (size_t begin = 0; begin < text.size();) {
    float before = best[begin].score;
    size_t character = promisedLength(text.substr(begin));
    bool hasCharacter = false;
    size_t longest = std::min<size_t>(text.size() - begin, form.header->longestPiece);
    uint64_t hash = kHashStart;
    for (size_t length = 1; length <= longest; ++length) {
      hash = hashByte(hash, text[begin + length - 1]);
      uint32_t token = findToken(form, text.substr(begin, length), hash);
      if (token == kNone)
        continue;
      // Rounded as SentencePiece does.
      double score = form.kind(token) == Kind::Symbol ? static_cast<float>(length) * form.header->maxScore - 0.1
                                                      : double(scores[token]);
      best[begin + length].offer(token, static_cast<uint32_t>(begin), score + before);
      hasCharacter |= length == character;
    }
    if (!hasCharacter) {
      float sum = form.header->unknownScore + before;
      best[begin + character].offer(form.header->unknown, static_cast<uint32_t>(begin), sum);
    }
    begin += character;
  }
  std::vector<Piece> pieces;
  for (auto end = static_cast<uint32_t>(text.size()); end > 0; end = best[end].begin)
    pieces.push_back({best[end].token, best[end].begin, end});
  std::ranges::reverse(pieces);
  return pieces;
}

} // namespace ingot::runtime::tokenizer
