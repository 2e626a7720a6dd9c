// The compiled form of a tokenizer: one member of an artifact, used as it lies in the mapped file. A header, then
// sections that begin at multiples of 8 bytes; all numbers are little-endian. Nothing is parsed or copied to open one.
#pragma once

#include "runtime/support/Status.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::runtime::tokenizer {

inline constexpr uint64_t kMagic = 0x314B4F5454474E49; // "INGTTOK1"
inline constexpr uint32_t kNone = 0xFFFFFFFF;          // no token

/// How a piece of text becomes tokens.
enum class Model : uint32_t {
  Pairs,      // the pair of neighbours that merges first (by rank, then leftmost) is merged until none is left
  BestPieces, // the pieces whose scores have the largest sum
  Count,
};

/// What is put in front of a text.
enum class Prefix : uint32_t {
  None,
  Space,          // a space
  SpaceIfMissing, // a space unless there is one
  SpaceAtStart,   // a space unless there is one, and only at the start of the whole text
  Count,
};

/// What decoding leaves out at the start of a text.
enum class Strip : uint32_t {
  Nothing,
  Space,            // one space
  SymbolsOfFirst,   // all space symbols of the first token
  SymbolOfFirst,    // the space symbol that the first token begins with
  SymbolsUntilText, // the space symbol at the start of each token, until there is text
  SpaceAfterStart,  // one space of the first token behind each control token
  Count,
};

enum Flags : uint32_t {
  kBytesAreSymbols = 1,   // merging starts from bytes, not from characters
  kByteFallback = 2,      // a character without token becomes the tokens of its bytes
  kFuseUnknown = 4,       // neighbouring unknown characters are one token
  kWholeWords = 8,        // a word that is a token is that token, whatever the merges say
  kSentencePiece = 16,    // SentencePiece's rules for whitespace, broken UTF-8 and user-defined symbols
  kTrimSpaces = 32,       // with kSentencePiece: neither leading nor trailing nor repeated spaces
  kSymbolDecodes = 64,    // decoding turns the space symbol into a space
  kLooseCharacters = 128, // a character is any byte and up to three continuation bytes behind it
  kFlags = 255,
};

/// What a token stands for in decoded text.
enum class Kind : uint8_t {
  Text,    // its text
  Byte,    // the one byte of its text
  Control, // nothing
  Literal, // its text, which the rules for spaces leave alone
  Symbol,  // its text; a user-defined symbol of SentencePiece, which always wins
  Count,
};

/// A token that is found in the text before anything else happens to it.
struct Added {
  uint32_t id, flags, offset, length; // of its content in the section AddedText
};
enum AddedFlags : uint32_t { kSecondPass = 1, kEatsSpaceBefore = 2, kEatsSpaceBehind = 4, kAddedFlags = 7 };

/// Instructions of a pattern; see Pattern.h.
enum class Op : uint32_t {
  Match,
  Repeat,     // a: set, b: smallest number, c: largest
  Possessive, // the same, but gives nothing back
  Split,      // tries to go on at a, then at b
  Jump,       // goes on at a
  Ahead,      // the instructions from the next to a Match must match here; goes on at a
  NotAhead,   // must not match
  Count,
};
struct Instruction {
  Op op;
  uint32_t a, b, c;
};

/// A set of code points: those of some categories and of ranges, or all others.
struct Set {
  uint32_t categories, negated, firstRange, numRanges;
};
struct Range {
  uint32_t first, last;
};

/// Sections and the types of their elements.
enum Section : uint32_t {
  TextOffsets, // u32[tokens + 1] into Text
  Text,        // bytes
  Kinds,       // u8[tokens]
  Lookup,      // u32[power of two]: hash table of the tokens that text can become, id + 1, 0 is empty
  ByteTokens,  // u32[256]: the token of each byte, or kNone
  PairStarts,  // u32[tokens + 1]: the pairs whose left token is i are PairStarts[i] to PairStarts[i + 1]
  PairRight,   // u32[pairs], ascending within a left token
  PairResult,  // u32[pairs]
  PairRank,    // u32[pairs]: the smallest merges first
  Scores,      // f32[tokens] with Model::BestPieces
  AddedTokens, // Added[..], by first byte, the longest first
  AddedStarts, // u32[257] into AddedTokens, by first byte
  AddedText,   // bytes
  StartTokens, // u32[..]: put in front of a sequence
  CharTrie,    // u32[..]: double array of SentencePiece's normaliser
  CharText,    // bytes: what its values point to, each ended by a zero
  Stages,      // u32[..]: first instruction of each pattern that cuts a text into words, one after the other
  Code,        // Instruction[..]
  Sets,        // Set[..]
  Ranges,      // Range[..]
  SectionCount,
};
inline constexpr std::array<uint32_t, SectionCount> kElementSize = {4,  1, 1, 4, 4, 4, 4, 4,  4,  4,
                                                                    16, 4, 1, 4, 4, 1, 4, 16, 16, 8};

struct Header {
  uint64_t magic;
  uint32_t model, flags, prefix, strip;
  uint32_t tokens, unknown, spaceSymbol, longestPiece; // longestPiece in bytes
  float unknownScore, maxScore;
  struct {
    uint32_t offset, count; // bytes from the start, elements
  } sections[SectionCount];
};

/// Views of a compiled form.
struct Form {
  const Header *header;
  std::array<const std::byte *, SectionCount> data;

  template <typename T> std::span<const T> section(Section which) const {
    return {reinterpret_cast<const T *>(data[which]), header->sections[which].count};
  }
  std::span<const uint32_t> words(Section which) const { return section<uint32_t>(which); }
  bool has(Flags flag) const { return header->flags & flag; }
  std::string_view text(uint32_t token) const {
    std::span<const uint32_t> offsets = words(TextOffsets);
    return {reinterpret_cast<const char *>(data[Text]) + offsets[token], offsets[token + 1] - offsets[token]};
  }
  Kind kind(uint32_t token) const { return section<Kind>(Kinds)[token]; }
};

/// Checks all of `bytes`, which are aligned to 8 and outlive the form: whatever is accepted can be used without further
/// checks. Fails (corrupt) with the place of the first mistake.
Result<Form> readForm(std::span<const std::byte> bytes);

/// FNV-1a, to be continued piece by piece.
inline constexpr uint64_t kHashStart = 0xCBF29CE484222325;
inline uint64_t hashByte(uint64_t hash, unsigned char byte) { return (hash ^ byte) * 0x100000001B3; }
inline uint64_t hashText(std::string_view text) {
  uint64_t hash = kHashStart;
  for (unsigned char byte : text)
    hash = hashByte(hash, byte);
  return hash;
}
/// Where a text of this hash would be first.
inline size_t firstSlot(uint64_t hash, size_t slots) { return (hash ^ hash >> 32) & (slots - 1); }

/// The token of `text` (whose hash is given), or kNone.
uint32_t findToken(const Form &form, std::string_view text, uint64_t hash);
inline uint32_t findToken(const Form &form, std::string_view text) { return findToken(form, text, hashText(text)); }

} // namespace ingot::runtime::tokenizer
