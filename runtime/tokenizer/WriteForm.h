// Makes the compiled form of a tokenizer.
#pragma once

#include "runtime/tokenizer/Form.h"

#include <string>
#include <vector>

namespace ingot::runtime::tokenizer {

/// What a tokenizer is made of, as the readers of tokenizer files fill it in.
struct Parts {
  struct Token {
    std::string text;
    Kind kind = Kind::Text;
    float score = 0;
    bool found = true; // text can become this token; of several with the same text the first does
  };
  struct Pair {
    uint32_t left, right, result, rank;
  };
  struct AddedToken {
    std::string content;
    uint32_t id, flags;
  };
  /// Patterns that cut a text into words, one after the other.
  struct Patterns {
    std::vector<uint32_t> stages;
    std::vector<Instruction> code;
    std::vector<Set> sets;
    std::vector<Range> ranges;
  };

  Model model = Model::Pairs;
  Prefix prefix = Prefix::None;
  Strip strip = Strip::Nothing;
  uint32_t flags = 0;
  uint32_t unknown = kNone;
  uint32_t spaceSymbol = ' '; // what a space becomes
  float unknownScore = 0, maxScore = 0;
  std::vector<Token> tokens;
  std::vector<uint32_t> byteTokens = std::vector<uint32_t>(256, kNone);
  std::vector<Pair> pairs; // of equal left and right that of the largest rank counts
  std::vector<AddedToken> added;
  std::vector<uint32_t> startTokens;
  std::vector<uint32_t> charTrie;
  std::string charText;
  Patterns patterns;
};

/// The bytes of the compiled form, the same for equal parts. Fails on parts that readForm would refuse.
Result<std::string> writeForm(Parts parts);

/// Merges for a vocabulary of scored pieces: every split of a piece into two others, ranked by the piece's score (the
/// largest first, equal ranks for equal scores). Takes tokens of kind Text that can be found.
std::vector<Parts::Pair> pairsOfScores(const std::vector<Parts::Token> &tokens);

} // namespace ingot::runtime::tokenizer
