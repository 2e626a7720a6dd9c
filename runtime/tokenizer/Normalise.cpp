#include "runtime/tokenizer/Normalise.h"

#include "runtime/tokenizer/Unicode.h"

#include <cstring>

namespace ingot::runtime::tokenizer {

const Added *findAdded(const Form &form, std::string_view text, bool secondPass) {
  std::span<const uint32_t> starts = form.words(AddedStarts);
  std::span<const Added> added = form.section<Added>(AddedTokens);
  auto first = static_cast<unsigned char>(text[0]);
  for (uint32_t i = starts[first]; i < starts[first + 1]; ++i) {
    std::string_view content(reinterpret_cast<const char *>(form.data[AddedText]) + added[i].offset, added[i].length);
    if (((added[i].flags & kSecondPass) != 0) == secondPass && text.starts_with(content))
      return &added[i];
  }
  return nullptr;
}

std::string toUtf8(uint32_t codePoint) {
  std::string text;
  auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
  auto rest = [&](int shift) { put(0x80 | (codePoint >> shift & 0x3F)); };
  if (codePoint < 0x80) {
    put(codePoint);
  } else if (codePoint < 0x800) {
    put(0xC0 | codePoint >> 6);
    rest(0);
  } else if (codePoint < 0x10000) {
    put(0xE0 | codePoint >> 12);
    rest(6);
    rest(0);
  } else {
    put(0xF0 | codePoint >> 18);
    rest(12);
    rest(6);
    rest(0);
  }
  return text;
}

namespace {

/// SentencePiece's character map: a double array in the layout of darts-clone. What a unit says is used only inside the
/// array, so damaged ones match something else or nothing.
struct Rewrite {
  size_t length = 0; // of what is rewritten; 0: nothing
  std::string_view to;
};

Rewrite longestRewrite(const Form &form, std::string_view text) {
  std::span<const uint32_t> units = form.words(CharTrie);
  Rewrite found;
  if (units.empty())
    return found;
  auto offset = [](uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); };
  size_t at = offset(units[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    at ^= static_cast<unsigned char>(text[i]);
    if (at >= units.size() || (units[at] & 0x800000FF) != static_cast<unsigned char>(text[i]))
      break;
    bool leaf = units[at] >> 8 & 1;
    at ^= offset(units[at]);
    if (!leaf || at >= units.size())
      continue;
    uint32_t value = units[at] & 0x7FFFFFFF;
    if (value < form.header->sections[CharText].count)
      found = {i + 1, reinterpret_cast<const char *>(form.data[CharText]) + value};
  }
  return found;
}

/// The first character of `text` and what it becomes.
Rewrite rewriteFirst(const Form &form, std::string_view text) {
  if (const Added *symbol = findAdded(form, text, false))
    return {symbol->length, text.substr(0, symbol->length)};
  if (Rewrite rewrite = longestRewrite(form, text); rewrite.length > 0)
    return rewrite;
  CodePoint point = decodeUtf8(text);
  if (point.value == kInvalidCodePoint)
    return {1, "\xEF\xBF\xBD"};
  return {point.length, text.substr(0, point.length)};
}

} // namespace

std::string normaliseSentencePiece(const Form &form, std::string_view text) {
  bool trim = form.has(kTrimSpaces);
  std::string space = toUtf8(form.header->spaceSymbol), out;
  while (trim && !text.empty()) {
    Rewrite first = rewriteFirst(form, text);
    if (first.to != " ")
      break;
    text.remove_prefix(first.length);
  }
  if (text.empty())
    return out;
  out.reserve(text.size() + text.size() / 4);
  if (static_cast<Prefix>(form.header->prefix) == Prefix::Space)
    out += space;
  bool behindSpace = trim;
  while (!text.empty()) {
    Rewrite first = rewriteFirst(form, text);
    text.remove_prefix(first.length);
    while (behindSpace && first.to.starts_with(' '))
      first.to.remove_prefix(1);
    for (char c : first.to)
      c == ' ' ? out += space : out += c;
    if (!first.to.empty())
      behindSpace = trim && first.to.ends_with(' ');
  }
  while (trim && out.ends_with(space))
    out.resize(out.size() - space.size());
  return out;
}

std::string normalise(const Form &form, std::string_view text, bool atStart) {
  std::string space = toUtf8(form.header->spaceSymbol), out;
  out.reserve(text.size() + text.size() / 4);
  auto prefix = static_cast<Prefix>(form.header->prefix);
  bool missing = !text.starts_with(' ') && !text.starts_with(space);
  if (prefix == Prefix::Space || (prefix == Prefix::SpaceIfMissing && missing) ||
      (prefix == Prefix::SpaceAtStart && missing && atStart))
    out += space;
  if (form.header->spaceSymbol == ' ')
    return out.append(text);
  for (char c : text)
    c == ' ' ? out += space : out += c;
  return out;
}

} // namespace ingot::runtime::tokenizer
