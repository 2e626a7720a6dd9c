// SentencePiece models: the protocol buffer ModelProto, read from its wire format.
#include "lib/Tokenizer/CompileTokenizer.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <string>

using namespace ingot;
using namespace ingot::tokenizer;
using namespace ingot::runtime::tokenizer;

using runtime::Result;
using runtime::Status;

namespace {

/// One field of a message.
struct Field {
  uint32_t number = 0;
  uint64_t value = 0;     // of varints and fixed-size fields
  std::string_view bytes; // of length-delimited ones
};

/// Reads the fields of one message.
class Message {
public:
  explicit Message(std::string_view bytes) : rest(bytes) {}

  /// Whether there was one more field. False at the end and, with `broken` set, at the first mistake.
  bool next(Field &field) {
    if (rest.empty())
      return false;
    uint64_t key = 0;
    if (!varint(key) || key >> 3 == 0 || key >> 3 > UINT32_MAX)
      return fail();
    field = {static_cast<uint32_t>(key >> 3), 0, {}};
    switch (key & 7) {
    case 0:
      return varint(field.value) || fail();
    case 1:
      return fixed(field.value, 8) || fail();
    case 2: {
      uint64_t length = 0;
      if (!varint(length) || length > rest.size())
        return fail();
      field.bytes = rest.substr(0, length);
      rest.remove_prefix(length);
      return true;
    }
    case 5:
      return fixed(field.value, 4) || fail();
    default:
      return fail();
    }
  }

  bool broken = false;

private:
  bool fail() {
    broken = true;
    return false;
  }
  bool varint(uint64_t &value) {
    value = 0;
    for (int shift = 0; shift < 64 && !rest.empty(); shift += 7) {
      auto byte = static_cast<unsigned char>(rest[0]);
      rest.remove_prefix(1);
      value |= uint64_t(byte & 0x7F) << shift;
      if (byte < 0x80)
        return true;
    }
    return false;
  }
  bool fixed(uint64_t &value, size_t size) {
    if (rest.size() < size)
      return false;
    std::memcpy(&value, rest.data(), size);
    rest.remove_prefix(size);
    return true;
  }

  std::string_view rest;
};

enum PieceType : uint64_t { Normal = 1, Unknown, ControlPiece, UserDefined, Unused, BytePiece };
enum ModelType : uint64_t { Unigram = 1, Bpe = 2 };

constexpr float kUnknownPenalty = 10;

class Reader {
public:
  Reader() { parts.maxScore = FLT_MIN; } // as SentencePiece begins

  Result<TokenizerFile> run(std::string_view bytes) {
    Message model(bytes);
    for (Field field; model.next(field);) {
      if (field.number == 1)
        INGOT_RETURN_IF_ERROR(readPiece(field.bytes));
      else if (field.number == 2)
        INGOT_RETURN_IF_ERROR(readTrainer(field.bytes));
      else if (field.number == 3)
        INGOT_RETURN_IF_ERROR(readNormalizer(field.bytes));
      else if (field.number == 5)
        INGOT_RETURN_IF_ERROR(readDenormalizer(field.bytes));
    }
    if (model.broken)
      return Status::corrupt("the SentencePiece model is truncated or broken");
    INGOT_RETURN_IF_ERROR(finish());
    return TokenizerFile{std::move(parts), std::move(eos)};
  }

private:
  static Status unsupported(const std::string &what) {
    return Status::unsupported("a SentencePiece model with " + what + " is not supported yet");
  }

  Status readPiece(std::string_view bytes) {
    Parts::Token token;
    uint64_t type = Normal;
    Message message(bytes);
    for (Field field; message.next(field);) {
      if (field.number == 1)
        token.text = field.bytes;
      else if (field.number == 2)
        std::memcpy(&token.score, &field.value, sizeof(float));
      else if (field.number == 3)
        type = field.value;
    }
    if (message.broken || token.text.empty() || !std::isfinite(token.score))
      return Status::corrupt("piece " + std::to_string(parts.tokens.size()) + " of the SentencePiece model is broken");
    return addPiece(std::move(token), type);
  }

  Status addPiece(Parts::Token token, uint64_t type) {
    auto id = static_cast<uint32_t>(parts.tokens.size());
    token.found = type == Normal || type == UserDefined;
    if (type == Normal) {
      smallest = std::min(smallest, token.score);
      parts.maxScore = std::max(parts.maxScore, token.score);
    } else if (type == Unknown) {
      if (parts.unknown != kNone)
        return Status::corrupt("the SentencePiece model has two unknown pieces");
      parts.unknown = id;
      token.kind = Kind::Literal;
    } else if (type == ControlPiece) {
      token.kind = Kind::Control;
    } else if (type == UserDefined) {
      token.kind = Kind::Symbol;
      parts.added.push_back({token.text, id, 0});
    } else if (type == BytePiece) {
      int byte = byteOf(token.text);
      if (byte < 0)
        return Status::corrupt("piece " + std::to_string(id) + " of the SentencePiece model is no byte");
      token.text = std::string(1, static_cast<char>(byte));
      token.kind = Kind::Byte;
      parts.byteTokens[byte] = id;
    } else {
      return unsupported("unused pieces");
    }
    parts.tokens.push_back(std::move(token));
    return Status::success();
  }

  /// Value of "<0x0A>", or -1.
  static int byteOf(std::string_view text) {
    static constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>')
      return -1;
    size_t high = kDigits.find(text[3]), low = kDigits.find(text[4]);
    bool good = high != std::string_view::npos && low != std::string_view::npos;
    return good ? static_cast<int>(high * 16 + low) : -1;
  }

  Status readTrainer(std::string_view bytes) {
    Message message(bytes);
    for (Field field; message.next(field);) {
      if (field.number == 3)
        modelType = field.value;
      else if (field.number == 24 && field.value)
        return unsupported("whitespace as a suffix");
      else if (field.number == 35)
        byteFallback = field.value != 0;
      else if (field.number == 41)
        bos = static_cast<int32_t>(field.value);
      else if (field.number == 42)
        end = static_cast<int32_t>(field.value);
      else if (field.number == 44)
        unknownText = field.bytes;
    }
    return message.broken ? Status::corrupt("the trainer_spec of the SentencePiece model is broken")
                          : Status::success();
  }

  Status readNormalizer(std::string_view bytes) {
    Message message(bytes);
    for (Field field; message.next(field);) {
      if (field.number == 2)
        INGOT_RETURN_IF_ERROR(readCharacterMap(field.bytes));
      else if (field.number == 3)
        dummyPrefix = field.value != 0;
      else if (field.number == 4)
        trim = field.value != 0;
      else if (field.number == 5 && !field.value)
        return unsupported("spaces that are not escaped");
    }
    return message.broken ? Status::corrupt("the normalizer_spec of the SentencePiece model is broken")
                          : Status::success();
  }

  Status readDenormalizer(std::string_view bytes) {
    Message message(bytes);
    for (Field field; message.next(field);)
      if (field.number == 2 && !field.bytes.empty())
        return unsupported("denormalisation");
    return Status::success();
  }

  /// u32 size of the double array, the double array, texts that end with zeros.
  Status readCharacterMap(std::string_view blob) {
    if (blob.empty())
      return Status::success();
    uint32_t size = 0;
    bool whole = blob.size() > sizeof(size);
    if (whole)
      std::memcpy(&size, blob.data(), sizeof(size));
    if (!whole || size % 4 != 0 || size == 0 || size >= blob.size() - sizeof(size))
      return Status::corrupt("the character map of the SentencePiece model is broken");
    parts.charTrie.resize(size / 4);
    std::memcpy(parts.charTrie.data(), blob.data() + sizeof(size), size);
    parts.charText = blob.substr(sizeof(size) + size);
    if (parts.charText.back() != '\0')
      parts.charText += '\0';
    return Status::success();
  }

  Status finish() {
    if (modelType != Unigram && modelType != Bpe)
      return unsupported("words or characters as pieces");
    if (parts.unknown == kNone)
      return Status::corrupt("the SentencePiece model has no unknown piece");
    if (byteFallback && std::ranges::count(parts.byteTokens, kNone))
      return Status::corrupt("the SentencePiece model has byte_fallback but not all 256 byte pieces");
    parts.tokens[parts.unknown].text = unknownText;
    parts.model = modelType == Unigram ? Model::BestPieces : Model::Pairs;
    parts.spaceSymbol = 0x2581; // "▁"
    parts.flags =
        kSentencePiece | kSymbolDecodes | (trim ? kTrimSpaces : 0u) | (byteFallback ? kByteFallback : kFuseUnknown);
    if (dummyPrefix)
      parts.prefix = Prefix::Space;
    if (trim)
      parts.strip = Strip::SymbolsUntilText;
    else if (dummyPrefix)
      parts.strip = Strip::SymbolOfFirst;
    parts.unknownScore = (smallest == FLT_MAX ? 0 : smallest) - kUnknownPenalty;
    if (parts.model == Model::Pairs)
      parts.pairs = pairsOfScores(parts.tokens);
    auto isControl = [&](int32_t id) {
      return id >= 0 && static_cast<size_t>(id) < parts.tokens.size() && parts.tokens[id].kind == Kind::Control;
    };
    if (isControl(bos))
      parts.startTokens = {static_cast<uint32_t>(bos)};
    if (isControl(end))
      eos = {end};
    return Status::success();
  }

  Parts parts;
  std::vector<int32_t> eos;
  std::string unknownText = " \xE2\x81\x87 ";
  uint64_t modelType = Unigram;
  int32_t bos = 1, end = 2;
  float smallest = FLT_MAX;
  bool byteFallback = false, dummyPrefix = true, trim = true;
};

} // namespace

Result<TokenizerFile> tokenizer::readSentencePiece(std::string_view bytes) { return Reader().run(bytes); }
