#include "runtime/tokenizer/Pattern.h"

#include "runtime/tokenizer/Unicode.h"

namespace ingot::runtime::tokenizer {

WordCutter::WordCutter(const Form &form)
    : stages(form.words(Stages)), code(form.section<Instruction>(Code)), sets(form.section<Set>(Sets)),
      ranges(form.section<Range>(Ranges)) {}

std::vector<std::string_view> WordCutter::cut(std::string_view text) {
  if (stages.empty())
    return {text};
  read(text);
  std::vector<Words> words = {{0, static_cast<uint32_t>(characters.size()) - 1}};
  for (uint32_t stage : stages)
    words = cutWith(stage, words);
  std::vector<std::string_view> out;
  out.reserve(words.size());
  for (auto [begin, end] : words)
    out.push_back(text.substr(characters[begin].offset, characters[end].offset - characters[begin].offset));
  return out;
}

void WordCutter::read(std::string_view text) {
  characters.clear();
  characters.reserve(text.size() + 1);
  for (size_t at = 0; at < text.size();) {
    CodePoint point = decodeUtf8(text.substr(at));
    characters.push_back({static_cast<uint32_t>(at), point.value, generalCategory(point.value)});
    at += point.length;
  }
  characters.push_back({static_cast<uint32_t>(text.size()), kInvalidCodePoint, kInvalidCategory});
}

std::vector<WordCutter::Words> WordCutter::cutWith(uint32_t stage, const std::vector<Words> &words) {
  std::vector<Words> out;
  for (auto [begin, end] : words) {
    uint32_t between = begin; // start of what no match covers
    for (uint32_t at = begin; at < end;) {
      uint32_t to = match(stage, at, end, /*ahead=*/false);
      if (to == kNone || to == at) { // an empty match cuts nothing
        ++at;
        continue;
      }
      if (between < at)
        out.push_back({between, at});
      out.push_back({at, to});
      between = at = to;
    }
    if (between < end)
      out.push_back({between, end});
  }
  return out;
}

bool WordCutter::contains(const Set &set, const Character &character) const {
  bool found = set.categories >> character.category & 1;
  for (uint32_t i = 0; !found && i < set.numRanges; ++i) {
    const Range &range = ranges[set.firstRange + i];
    found = character.value >= range.first && character.value <= range.last;
  }
  return found != (set.negated != 0);
}

uint32_t WordCutter::repeat(const Instruction &instruction, uint32_t position, uint32_t end) const {
  uint32_t limit = instruction.c < end - position ? position + instruction.c : end;
  while (position < limit && contains(sets[instruction.a], characters[position]))
    ++position;
  return position;
}

uint32_t WordCutter::match(uint32_t instruction, uint32_t position, uint32_t end, bool ahead) {
  size_t base = choices.size();
  while (true) {
    const Instruction &now = code[instruction];
    bool fits = true;
    switch (now.op) {
    case Op::Match:
      choices.resize(base);
      return position;
    case Op::Repeat:
    case Op::Possessive: {
      uint32_t last = repeat(now, position, end);
      fits = last - position >= now.b;
      if (fits && now.op == Op::Repeat && last - position > now.b)
        choices.push_back({instruction + 1, position + now.b, last - 1});
      position = last;
      ++instruction;
      break;
    }
    case Op::Split:
      choices.push_back({now.b, position, position});
      instruction = now.a;
      break;
    case Op::Jump:
      instruction = now.a;
      break;
    case Op::Ahead:
    case Op::NotAhead:
      // Nothing looks ahead while looking ahead, so this does not nest.
      fits = !ahead && (match(instruction + 1, position, end, true) != kNone) == (now.op == Op::Ahead);
      instruction = now.a;
      break;
    case Op::Count:
      fits = false;
      break;
    }
    if (fits)
      continue;
    if (choices.size() == base)
      return kNone;
    Choice &choice = choices.back();
    instruction = choice.instruction;
    position = choice.largest;
    if (choice.largest-- == choice.smallest)
      choices.pop_back();
  }
}

} // namespace ingot::runtime::tokenizer
