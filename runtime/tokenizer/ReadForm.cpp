// The checks that let everything else use a compiled tokenizer without any.
#include "runtime/tokenizer/Form.h"

#include <algorithm>
#include <cmath>

namespace ingot::runtime::tokenizer {

namespace {

Status broken(const char *what) { return Status::corrupt(std::string("the compiled tokenizer is broken: ") + what); }

bool allBelow(std::span<const uint32_t> values, uint32_t bound) {
  uint32_t largest = 0;
  for (uint32_t value : values)
    largest = std::max(largest, value);
  return values.empty() || largest < bound;
}

bool ascending(std::span<const uint32_t> values, uint32_t last) {
  bool ordered = !values.empty() && values.front() == 0 && values.back() == last;
  uint32_t descents = 0;
  for (size_t i = 1; i < values.size(); ++i)
    descents += values[i] < values[i - 1];
  return ordered && descents == 0;
}

Status checkVocabulary(const Form &form) {
  const Header &header = *form.header;
  uint32_t tokens = header.tokens;
  if (form.words(TextOffsets).size() != size_t(tokens) + 1 ||
      !ascending(form.words(TextOffsets), header.sections[Text].count))
    return broken("texts");
  uint8_t largest = 0;
  for (uint8_t kind : form.section<uint8_t>(Kinds))
    largest = std::max(largest, kind);
  if (form.section<uint8_t>(Kinds).size() != tokens || largest >= static_cast<uint8_t>(Kind::Count))
    return broken("kinds");
  for (uint32_t id = 0; id < tokens; ++id)
    if (form.kind(id) == Kind::Byte && form.text(id).size() != 1)
      return broken("a byte without its value");
  std::span<const uint32_t> lookup = form.words(Lookup);
  size_t used = 0;
  for (uint32_t slot : lookup)
    used += slot != 0;
  if (lookup.empty() || (lookup.size() & (lookup.size() - 1)) != 0 || used >= lookup.size() ||
      !allBelow(lookup, tokens + 1))
    return broken("lookup table");
  if (form.words(ByteTokens).size() != 256 ||
      !std::ranges::all_of(form.words(ByteTokens), [&](uint32_t id) { return id < tokens || id == kNone; }))
    return broken("tokens of bytes");
  if (!allBelow(form.words(StartTokens), tokens))
    return broken("tokens at the start");
  return Status::success();
}

Status checkModel(const Form &form) {
  const Header &header = *form.header;
  if (static_cast<Model>(header.model) == Model::BestPieces) {
    std::span<const float> scores = form.section<float>(Scores);
    if (scores.size() != header.tokens || !std::ranges::all_of(scores, [](float s) { return std::isfinite(s); }) ||
        !std::isfinite(header.unknownScore) || !std::isfinite(header.maxScore) || header.unknown == kNone)
      return broken("scores");
    return Status::success();
  }
  std::span<const uint32_t> starts = form.words(PairStarts), right = form.words(PairRight);
  size_t pairs = right.size();
  if (starts.size() != size_t(header.tokens) + 1 || !ascending(starts, static_cast<uint32_t>(pairs)) ||
      form.words(PairResult).size() != pairs || form.words(PairRank).size() != pairs ||
      !allBelow(right, header.tokens) || !allBelow(form.words(PairResult), header.tokens))
    return broken("pairs");
  // The right tokens of one left token ascend: no descent that is not between two left tokens.
  size_t descents = 0, allowed = 0;
  for (size_t i = 1; i < pairs; ++i)
    descents += right[i] <= right[i - 1];
  for (uint32_t id = 1; id < header.tokens; ++id)
    if (uint32_t at = starts[id]; at > 0 && at < pairs && at != starts[id - 1])
      allowed += right[at] <= right[at - 1];
  return descents == allowed ? Status::success() : broken("order of the pairs");
}

Status checkAdded(const Form &form) {
  std::span<const Added> added = form.section<Added>(AddedTokens);
  std::span<const uint32_t> starts = form.words(AddedStarts);
  size_t bytes = form.header->sections[AddedText].count;
  if (starts.size() != 257 || !ascending(starts, static_cast<uint32_t>(added.size())))
    return broken("added tokens");
  for (const Added &token : added)
    if (token.id >= form.header->tokens || token.flags > kAddedFlags || token.length == 0 || token.offset > bytes ||
        token.length > bytes - token.offset)
      return broken("an added token");
  return Status::success();
}

/// Jumps go forward, so patterns end; each stays within its own instructions.
Status checkPatterns(const Form &form) {
  std::span<const Instruction> code = form.section<Instruction>(Code);
  std::span<const uint32_t> stages = form.words(Stages);
  std::span<const Set> sets = form.section<Set>(Sets);
  size_t ranges = form.section<Range>(Ranges).size();
  if (!code.empty() && code.back().op != Op::Match)
    return broken("patterns without end");
  if (!allBelow(stages, static_cast<uint32_t>(code.size())))
    return broken("patterns");
  for (size_t i = 0; i < code.size(); ++i) {
    const auto &[op, a, b, c] = code[i];
    auto forward = [&](uint32_t to) { return to > i && to < code.size(); };
    bool fine = op < Op::Count;
    if (op == Op::Repeat || op == Op::Possessive)
      fine = a < sets.size() && b <= c && c > 0;
    else if (op == Op::Split)
      fine = forward(a) && forward(b);
    else if (op == Op::Jump || op == Op::Ahead || op == Op::NotAhead)
      fine = forward(a);
    if (!fine)
      return broken("an instruction");
  }
  for (const Set &set : sets)
    if (set.firstRange > ranges || set.numRanges > ranges - set.firstRange || set.negated > 1)
      return broken("a set of characters");
  return Status::success();
}

Status checkHeader(const Header &header) {
  if (header.magic != kMagic)
    return Status::corrupt("the member is no compiled tokenizer of this version");
  if (header.model >= static_cast<uint32_t>(Model::Count) || header.flags > kFlags ||
      header.prefix >= static_cast<uint32_t>(Prefix::Count) || header.strip >= static_cast<uint32_t>(Strip::Count) ||
      header.tokens == 0 || header.tokens > INT32_MAX / 4 ||
      (header.unknown != kNone && header.unknown >= header.tokens) || header.spaceSymbol > 0x10FFFF)
    return broken("header");
  return Status::success();
}

} // namespace

Result<Form> readForm(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(Header) || bytes.size() > UINT32_MAX)
    return broken("size");
  if (reinterpret_cast<uintptr_t>(bytes.data()) % 8 != 0)
    return broken("alignment");
  Form form;
  form.header = reinterpret_cast<const Header *>(bytes.data());
  INGOT_RETURN_IF_ERROR(checkHeader(*form.header));
  for (uint32_t i = 0; i < SectionCount; ++i) {
    auto [offset, count] = form.header->sections[i];
    if (offset % 8 != 0 || offset > bytes.size() || count > (bytes.size() - offset) / kElementSize[i])
      return broken("a section lies outside");
    form.data[i] = bytes.data() + offset;
  }
  INGOT_RETURN_IF_ERROR(checkVocabulary(form));
  INGOT_RETURN_IF_ERROR(checkModel(form));
  INGOT_RETURN_IF_ERROR(checkAdded(form));
  INGOT_RETURN_IF_ERROR(checkPatterns(form));
  std::span<const std::byte> text =
      bytes.subspan(form.header->sections[CharText].offset, form.header->sections[CharText].count);
  if (!text.empty() && text.back() != std::byte{0})
    return broken("normaliser");
  return form;
}

uint32_t findToken(const Form &form, std::string_view text, uint64_t hash) {
  std::span<const uint32_t> lookup = form.words(Lookup);
  for (size_t slot = firstSlot(hash, lookup.size());; slot = (slot + 1) & (lookup.size() - 1)) {
    if (lookup[slot] == 0)
      return kNone;
    if (form.text(lookup[slot] - 1) == text)
      return lookup[slot] - 1;
  }
}

} // namespace ingot::runtime::tokenizer
