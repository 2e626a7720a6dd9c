// Cuts a text into words with the patterns of a compiled tokenizer. A pattern is a small program for a backtracking
// matcher: repeats of one set of characters, alternatives and looking ahead; jumps only go forward, so that it ends.
#pragma once

#include "runtime/tokenizer/Form.h"

#include <string_view>
#include <vector>

namespace ingot::runtime::tokenizer {

class WordCutter {
public:
  explicit WordCutter(const Form &form);

  /// The words of `text` in order; together they are the text. A pattern's matches are words, and so is what lies
  /// between them; each further pattern cuts the words of the one before. Without patterns the text is one word.
  std::vector<std::string_view> cut(std::string_view text);

private:
  struct Character {
    uint32_t offset, value;
    uint8_t category;
  };
  struct Words {
    uint32_t begin, end; // in characters
  };
  struct Choice {
    uint32_t instruction, smallest, largest; // positions where it may go on
  };

  void read(std::string_view text);
  std::vector<Words> cutWith(uint32_t stage, const std::vector<Words> &words);
  /// Where a match from `position` ends, or kNone. Looks no further than `end`.
  uint32_t match(uint32_t instruction, uint32_t position, uint32_t end, bool ahead);
  uint32_t repeat(const Instruction &instruction, uint32_t position, uint32_t end) const;
  bool contains(const Set &set, const Character &character) const;

  std::span<const uint32_t> stages;
  std::span<const Instruction> code;
  std::span<const Set> sets;
  std::span<const Range> ranges;
  std::vector<Character> characters;
  std::vector<Choice> choices;
};

} // namespace ingot::runtime::tokenizer
