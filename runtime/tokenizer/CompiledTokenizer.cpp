// Encoding and decoding with a compiled tokenizer.
#include "runtime/tokenizer/BestPieces.h"
#include "runtime/tokenizer/BytePairs.h"
#include "runtime/tokenizer/Form.h"
#include "runtime/tokenizer/Normalise.h"
#include "runtime/tokenizer/Pattern.h"
#include "runtime/tokenizer/Tokenizer.h"
#include "runtime/tokenizer/Unicode.h"

#include <algorithm>
#include <utility>

namespace ingot::runtime {

namespace {

using namespace tokenizer;

/// Encodes one text.
class Encoder {
public:
  explicit Encoder(const Form &form) : form(form), cutter(form), merger(form) {}

  void run(std::string_view text) {
    if (form.has(kSentencePiece))
      return encodeWord(normaliseSentencePiece(form, text));
    extract(text, false, [&](std::string_view rest) {
      extract(rest, true, [&](std::string_view part) {
        if (!part.empty())
          encodePart(part, part.data() == text.data());
      });
    });
  }

  std::vector<int32_t> out;

private:
  /// Puts the added tokens of one pass out and hands on what is between them.
  template <typename Function> void extract(std::string_view text, bool secondPass, Function handOn) {
    size_t start = 0;
    std::span<const uint32_t> starts = form.words(AddedStarts);
    for (size_t at = 0; at < text.size();) {
      auto first = static_cast<unsigned char>(text[at]);
      const Added *added = starts[first] == starts[first + 1] ? nullptr : findAdded(form, text.substr(at), secondPass);
      if (!added) {
        ++at;
        continue;
      }
      size_t begin = at, end = at + added->length;
      at = end;
      if (begin < start) // a token before has eaten its first characters, which were spaces
        begin = start;
      if (added->flags & kEatsSpaceBefore)
        begin = std::max(start, begin - spacesAtEnd(text.substr(0, begin)));
      if (added->flags & kEatsSpaceBehind)
        end += spacesAtStart(text.substr(end));
      handOn(text.substr(start, begin - start));
      push(added->id);
      start = std::max(start, end);
    }
    if (start < text.size())
      handOn(text.substr(start));
  }

  static bool isSpace(CodePoint point) { return isWhitespace(point.value, generalCategory(point.value)); }

  static size_t spacesAtStart(std::string_view text) {
    size_t length = 0;
    while (length < text.size()) {
      CodePoint point = decodeUtf8(text.substr(length));
      if (!isSpace(point))
        break;
      length += point.length;
    }
    return length;
  }

  static size_t spacesAtEnd(std::string_view text) {
    size_t end = text.size();
    while (end > 0) {
      size_t begin = end - 1;
      while (begin > 0 && end - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80)
        --begin;
      CodePoint point = decodeUtf8(text.substr(begin, end - begin));
      if (!isSpace(point))
        break;
      end = begin;
    }
    return text.size() - end;
  }

  void encodePart(std::string_view part, bool atStart) {
    std::string text = normalise(form, part, atStart);
    for (std::string_view word : cutter.cut(text))
      encodeWord(word);
  }

  void encodeWord(std::string_view word) {
    if (form.has(kWholeWords)) {
      if (uint32_t token = findToken(form, word); token != kNone)
        return push(token);
    }
    tokens.clear();
    lastUnknown = false;
    if (static_cast<Model>(form.header->model) == Model::BestPieces) {
      for (const Piece &piece : bestPieces(form, word))
        addSymbol(word.substr(piece.begin, piece.end - piece.begin),
                  piece.token == form.header->unknown ? kNone : piece.token);
    } else {
      addSymbols(word);
      merger.run(tokens);
    }
    for (uint32_t token : tokens)
      push(token);
  }

  /// What merging starts from.
  void addSymbols(std::string_view word) {
    bool bytes = form.has(kBytesAreSymbols), userDefined = form.has(kSentencePiece);
    // The space in front is a character for itself, whatever follows.
    bool alone = form.has(kLooseCharacters) && static_cast<Prefix>(form.header->prefix) == Prefix::Space;
    while (!word.empty()) {
      size_t length = 1;
      uint32_t token = kNone;
      if (bytes) {
        token = form.words(ByteTokens)[static_cast<unsigned char>(word[0])];
      } else if (const Added *symbol = userDefined ? findAdded(form, word, false) : nullptr) {
        token = symbol->id;
        length = symbol->length;
      } else {
        length = std::exchange(alone, false) ? 1 : characterLength(word);
        token = findToken(form, word.substr(0, length));
      }
      addSymbol(word.substr(0, length), token);
      word.remove_prefix(length);
    }
  }

  /// Of broken UTF-8 it is what belongs together: a byte and the continuations that it promises.
  size_t characterLength(std::string_view text) const {
    size_t promised = form.has(kLooseCharacters) ? std::min<size_t>(4, text.size()) : promisedLength(text), length = 1;
    while (length < promised && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80)
      ++length;
    return length;
  }

  void addSymbol(std::string_view text, uint32_t token) {
    bool unknown = token == kNone;
    if (!unknown) {
      tokens.push_back(token);
    } else if (form.has(kByteFallback)) {
      for (unsigned char byte : text)
        if (uint32_t fallback = form.words(ByteTokens)[byte]; fallback != kNone)
          tokens.push_back(fallback);
    } else if (form.header->unknown != kNone && !(lastUnknown && form.has(kFuseUnknown))) {
      tokens.push_back(form.header->unknown);
    }
    lastUnknown = unknown;
  }

  void push(uint32_t token) { out.push_back(static_cast<int32_t>(token)); }

  const Form &form;
  WordCutter cutter;
  PairMerger merger;
  std::vector<uint32_t> tokens; // of the word
  bool lastUnknown = false;
};

class CompiledTokenizer final : public Tokenizer {
public:
  explicit CompiledTokenizer(const Form &form) : form(form), symbol(toUtf8(form.header->spaceSymbol)) {}

  size_t size() const override { return form.header->tokens; }

  std::vector<int32_t> encode(std::string_view text, bool atStart) const override {
    Encoder encoder(form);
    if (atStart)
      for (uint32_t token : form.words(StartTokens))
        encoder.out.push_back(static_cast<int32_t>(token));
    encoder.run(text);
    return std::move(encoder.out);
  }

  std::string decode(Position &position, int32_t token) const override {
    if (token < 0 || static_cast<uint32_t>(token) >= form.header->tokens)
      return {};
    Kind kind = form.kind(token);
    if (kind == Kind::Control) {
      if (strip() == Strip::SpaceAfterStart)
        position.atStart = true;
      return {};
    }
    std::string text(form.text(token));
    if (kind == Kind::Literal) {
      position.atStart &= text.empty();
      return text;
    }
    if (position.atStart && !text.empty())
      position.atStart = stripStart(kind, text);
    if (form.has(kSymbolDecodes) && kind != Kind::Byte)
      replaceSymbols(text, " ");
    return text;
  }

  Position positionBehind(int32_t previous) const override {
    bool control =
        previous >= 0 && static_cast<uint32_t>(previous) < form.header->tokens && form.kind(previous) == Kind::Control;
    return {previous < 0 || control};
  }

private:
  Strip strip() const { return static_cast<Strip>(form.header->strip); }

  /// Takes from the token's text what is left out at the start; says whether the next token is at the start, too.
  bool stripStart(Kind kind, std::string &text) const {
    switch (strip()) {
    case Strip::Space:
      if (text.starts_with(' '))
        text.erase(0, 1);
      else if (kind != Kind::Byte && text.starts_with(symbol))
        text.erase(0, symbol.size());
      return false;
    case Strip::SymbolsOfFirst:
      replaceSymbols(text, "");
      return false;
    case Strip::SpaceAfterStart:
      if (kind != Kind::Byte && text.starts_with(' '))
        text.erase(0, 1);
      return false;
    case Strip::SymbolOfFirst:
    case Strip::SymbolsUntilText:
      if (kind != Kind::Byte && text.starts_with(symbol))
        text.erase(0, symbol.size());
      return strip() == Strip::SymbolsUntilText && text.empty();
    case Strip::Nothing:
    case Strip::Count:
      break;
    }
    return false;
  }

  void replaceSymbols(std::string &text, const char *by) const {
    for (size_t at = 0; (at = text.find(symbol, at)) != std::string::npos; at += *by ? 1 : 0)
      text.replace(at, symbol.size(), by);
  }

  Form form;
  std::string symbol; // what a space becomes
};

} // namespace

Result<std::unique_ptr<Tokenizer>> openTokenizer(std::span<const std::byte> bytes) {
  Result<Form> form = readForm(bytes);
  if (!form)
    return form.status();
  return std::unique_ptr<Tokenizer>(std::make_unique<CompiledTokenizer>(*form));
}

} // namespace ingot::runtime
