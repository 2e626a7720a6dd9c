// Hugging Face's tokenizer.json: what its parts mean in terms of the compiled form.
#include "lib/Tokenizer/CompileTokenizer.h"
#include "lib/Tokenizer/HuggingFaceParts.h"
#include "runtime/tokenizer/Normalise.h"
#include "runtime/tokenizer/Unicode.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

using namespace ingot;
using namespace ingot::tokenizer;
using namespace ingot::runtime::tokenizer;

using runtime::Json;
using runtime::Result;
using runtime::Status;

namespace {

constexpr uint64_t kMaxTokens = uint64_t(1) << 21;

/// GPT-2's way to write bytes as printable characters: the value of each such character.
const std::map<uint32_t, unsigned char> &byteOfCharacter() {
  static const std::map<uint32_t, unsigned char> map = [] {
    std::map<uint32_t, unsigned char> values;
    uint32_t next = 256;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      values[printable ? byte : next++] = static_cast<unsigned char>(byte);
    }
    return values;
  }();
  return map;
}

/// The bytes that `text` writes in GPT-2's way, or nothing if it has other characters.
std::optional<std::string> writtenBytes(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    runtime::CodePoint point = runtime::decodeUtf8(text);
    auto found = byteOfCharacter().find(point.value);
    if (found == byteOfCharacter().end())
      return std::nullopt;
    bytes += static_cast<char>(found->second);
    text.remove_prefix(point.length);
  }
  return bytes;
}

/// The value of "<0x0A>", or nothing.
std::optional<unsigned char> byteOfName(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>')
    return std::nullopt;
  size_t high = kDigits.find(text[3]), low = kDigits.find(text[4]);
  if (high == std::string_view::npos || low == std::string_view::npos)
    return std::nullopt;
  return static_cast<unsigned char>(high * 16 + low);
}

class Reader {
public:
  explicit Reader(const Json &json) : json(json) {}

  Result<TokenizerFile> run() {
    HuggingFaceParts pieces;
    INGOT_RETURN_IF_ERROR(readHuggingFaceParts(json, parts, pieces));
    byteLevel = pieces.byteLevel;
    byteFallback = pieces.byteFallbackDecodes;
    INGOT_RETURN_IF_ERROR(readVocabulary());
    INGOT_RETURN_IF_ERROR(readMerges());
    INGOT_RETURN_IF_ERROR(readAdded());
    INGOT_RETURN_IF_ERROR(readModelOptions());
    TokenizerFile file;
    for (const Parts::AddedToken &added : parts.added)
      if (std::ranges::count(kEndNames, added.content) && parts.tokens[added.id].kind == Kind::Control)
        file.eos.push_back(static_cast<int32_t>(added.id));
    std::ranges::sort(file.eos);
    file.parts = std::move(parts);
    return file;
  }

private:
  /// Special tokens of these names end a text.
  static constexpr std::string_view kEndNames[] = {"</s>",       "<|endoftext|>", "<|end_of_text|>",
                                                   "<|eot_id|>", "<|eom_id|>",    "<|im_end|>",
                                                   "<|end|>",    "<eos>",         "<end_of_turn>"};

  Status addToken(const std::string &content, const Json &id, Parts::Token token) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMaxTokens)
      return Status::corrupt("tokenizer.json: token '" + content + "' has no id below " + std::to_string(kMaxTokens));
    auto index = id.get<uint32_t>();
    if (parts.tokens.size() <= index)
      parts.tokens.resize(index + 1, {"", Kind::Control, 0, false});
    parts.tokens[index] = std::move(token);
    return Status::success();
  }

  Parts::Token makeToken(const std::string &content) const {
    if (byteLevel) {
      std::optional<std::string> bytes = writtenBytes(content);
      return {bytes.value_or(content), Kind::Text, 0, bytes.has_value()};
    }
    if (auto byte = byteOfName(content); byte && byteFallback)
      return {std::string(1, static_cast<char>(*byte)), Kind::Byte, 0, false};
    return {content, Kind::Text, 0, true};
  }

  Status readVocabulary() {
    const Json &vocab = json["model"]["vocab"];
    for (const auto &[content, id] : vocab.items()) {
      INGOT_RETURN_IF_ERROR(addToken(content, id, makeToken(content)));
      if (!ids.emplace(content, id.get<uint32_t>()).second)
        return Status::corrupt("tokenizer.json: token '" + content + "' appears twice");
    }
    if (parts.tokens.empty())
      return Status::corrupt("tokenizer.json: the vocabulary is empty");
    for (uint32_t id = 0; byteLevel && id < parts.tokens.size(); ++id)
      if (const Parts::Token &token = parts.tokens[id]; token.found && token.text.size() == 1)
        parts.byteTokens[static_cast<unsigned char>(token.text[0])] = id;
    return Status::success();
  }

  /// Left and right of "a b" or ["a", "b"].
  static std::optional<std::pair<std::string, std::string>> sides(const Json &merge) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
      return std::pair(merge[0].get<std::string>(), merge[1].get<std::string>());
    if (!merge.is_string())
      return std::nullopt;
    auto text = merge.get<std::string>();
    size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
      return std::nullopt;
    return std::pair(text.substr(0, space), text.substr(space + 1));
  }

  Status readMerges() {
    const Json &merges = json["model"]["merges"];
    for (size_t i = 0; i < merges.size(); ++i) {
      auto pair = sides(merges[i]);
      if (!pair)
        return Status::corrupt("tokenizer.json: merge " + std::to_string(i) + " expects two tokens");
      auto left = ids.find(pair->first), right = ids.find(pair->second), result = ids.find(pair->first + pair->second);
      if (left == ids.end() || right == ids.end() || result == ids.end())
        return Status::corrupt("tokenizer.json: merge " + std::to_string(i) +
                               " has a token that is not in the vocabulary");
      parts.pairs.push_back({left->second, right->second, result->second, static_cast<uint32_t>(i)});
    }
    return Status::success();
  }

  Status readAdded() {
    auto list = json.find("added_tokens");
    if (list == json.end() || list->is_null())
      return Status::success();
    if (!list->is_array())
      return Status::corrupt("tokenizer.json: added_tokens expects a list");
    for (const Json &added : *list) {
      if (!added.is_object() || !added.contains("content") || !added["content"].is_string() || !added.contains("id"))
        return Status::corrupt("tokenizer.json: an added token expects content and id");
      INGOT_RETURN_IF_ERROR(readAddedToken(added));
    }
    return Status::success();
  }

  Status readAddedToken(const Json &added) {
    auto content = added["content"].get<std::string>();
    auto flag = [&](const char *key) { return added.contains(key) && added[key] == true; };
    if (flag("single_word"))
      return Status::unsupported("tokenizer.json: added token '" + content + "' with single_word is not supported yet");
    if (flag("normalized") && (parts.spaceSymbol != ' ' && parts.prefix != Prefix::None && !flag("special")))
      return Status::unsupported("tokenizer.json: added token '" + content +
                                 "' that is looked for behind the normalizer is not supported yet");
    Parts::Token token = makeToken(content);
    token.found &= ids.contains(content); // else it is found as an added token only
    if (flag("special"))
      token.kind = Kind::Control;
    INGOT_RETURN_IF_ERROR(addToken(content, added["id"], std::move(token)));
    uint32_t flags = (flag("normalized") ? kSecondPass : 0u) | (flag("lstrip") ? kEatsSpaceBefore : 0u) |
                     (flag("rstrip") ? kEatsSpaceBehind : 0u);
    parts.added.push_back({content, added["id"].get<uint32_t>(), flags});
    return Status::success();
  }

  Status readModelOptions() {
    const Json &model = json["model"];
    auto flag = [&](const char *key) { return model.contains(key) && model[key] == true; };
    if (flag("fuse_unk"))
      parts.flags |= kFuseUnknown;
    if (flag("ignore_merges"))
      parts.flags |= kWholeWords;
    if (model.contains("unk_token") && model["unk_token"].is_string()) {
      auto found = ids.find(model["unk_token"].get<std::string>());
      if (found == ids.end())
        return Status::corrupt("tokenizer.json: unk_token is not in the vocabulary");
      parts.unknown = found->second;
    }
    if (!flag("byte_fallback"))
      return Status::success();
    if (byteLevel)
      return Status::unsupported("tokenizer.json: byte_fallback with ByteLevel is not supported yet");
    parts.flags |= kByteFallback;
    for (const auto &[content, id] : ids)
      if (auto byte = byteOfName(content))
        parts.byteTokens[*byte] = id;
    if (std::ranges::count(parts.byteTokens, kNone))
      return Status::unsupported("tokenizer.json: byte_fallback without a token for each byte is not supported yet");
    return Status::success();
  }

  const Json &json;
  Parts parts;
  std::unordered_map<std::string, uint32_t> ids; // of the model's vocabulary
  bool byteLevel = false, byteFallback = false;
};

} // namespace

Result<std::vector<int32_t>> tokenizer::readEosOfGenerationConfig(std::string_view bytes) {
  Result<Json> json = runtime::parseJson(bytes);
  if (!json)
    return json.status();
  std::vector<int32_t> eos;
  if (!json->is_object() || !json->contains("eos_token_id") || (*json)["eos_token_id"].is_null())
    return eos;
  const Json &value = (*json)["eos_token_id"];
  for (const Json &id : value.is_array() ? value : Json::array({value})) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX)
      return Status::corrupt("eos_token_id expects a token id or a list of them");
    eos.push_back(id.get<int32_t>());
  }
  return eos;
}

Result<TokenizerFile> tokenizer::readHuggingFace(std::string_view bytes) {
  Result<Json> json = runtime::parseJson(bytes);
  if (!json)
    return Status(json.status()).withContext("tokenizer.json");
  return Reader(*json).run();
}
