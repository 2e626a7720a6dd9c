#include "lib/Tokenizer/HuggingFaceParts.h"

#include "lib/Tokenizer/PatternCompiler.h"

#include <algorithm>
#include <string>
#include <vector>

using namespace ingot;
using namespace ingot::tokenizer;
using namespace ingot::runtime::tokenizer;

using runtime::Json;
using runtime::Status;

namespace {

constexpr uint32_t kSymbol = 0x2581; // "▁"
constexpr std::string_view kSymbolText = "\xE2\x96\x81";
constexpr const char *kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// "" if there is no such text.
std::string text(const Json &json, const char *key) {
  auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}
bool flag(const Json &json, const char *key, bool missing) {
  auto found = json.find(key);
  return found != json.end() && found->is_boolean() ? found->get<bool>() : missing;
}
Status unsupported(const std::string &what) {
  return Status::unsupported("tokenizer.json: " + what + " is not supported yet");
}

/// The steps of `json[key]`: none, one, or those of a Sequence (which keeps them in `list`).
std::vector<Json> steps(const Json &json, const char *key, const char *list) {
  auto found = json.find(key);
  if (found == json.end() || found->is_null())
    return {};
  if (text(*found, "type") == "Sequence" && found->contains(list) && (*found)[list].is_array())
    return (*found)[list].get<std::vector<Json>>();
  return {*found};
}

class PartsReader {
public:
  PartsReader(const Json &json, Parts &parts, HuggingFaceParts &out) : json(json), parts(parts), out(out) {}

  Status run() {
    INGOT_RETURN_IF_ERROR(checkModel());
    for (const Json &step : steps(json, "normalizer", "normalizers"))
      INGOT_RETURN_IF_ERROR(normalizer(step));
    for (const Json &step : steps(json, "pre_tokenizer", "pretokenizers"))
      INGOT_RETURN_IF_ERROR(preTokenizer(step));
    for (const Json &step : steps(json, "post_processor", "processors"))
      INGOT_RETURN_IF_ERROR(postProcessor(step));
    return decoder();
  }

private:
  Status checkModel() {
    auto model = json.find("model");
    if (model == json.end() || !model->is_object())
      return Status::corrupt("tokenizer.json: the model is missing");
    // Files of old versions do not name the type; only BPE has merges.
    std::string type = text(*model, "type");
    if (type != "BPE" && !(type.empty() && model->contains("merges")))
      return unsupported("model '" + type + "'");
    for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (!text(*model, key).empty())
        return unsupported("a BPE model with " + std::string(key));
    if (auto dropout = model->find("dropout"); dropout != model->end() && dropout->is_number() && *dropout != 0)
      return unsupported("a BPE model with dropout");
    if (!model->contains("vocab") || !(*model)["vocab"].is_object() || !model->contains("merges") ||
        !(*model)["merges"].is_array())
      return Status::corrupt("tokenizer.json: a BPE model expects vocab and merges");
    return Status::success();
  }

  Status normalizer(const Json &step) {
    std::string type = text(step, "type");
    if (type == "Prepend" && text(step, "prepend") == kSymbolText && parts.prefix == Prefix::None) {
      parts.prefix = Prefix::Space;
      return Status::success();
    }
    if (type == "Replace" && step.contains("pattern") && text(step["pattern"], "String") == " " &&
        text(step, "content") == kSymbolText) {
      parts.spaceSymbol = kSymbol;
      return Status::success();
    }
    return unsupported("normalizer '" + type + "'" + (type == "Prepend" || type == "Replace" ? " of this text" : ""));
  }

  Status preTokenizer(const Json &step) {
    std::string type = text(step, "type");
    if (out.byteLevel)
      return unsupported("pre-tokenizer '" + type + "' behind 'ByteLevel'");
    if (type == "ByteLevel")
      return byteLevel(step);
    if (type == "Metaspace")
      return metaspace(step);
    if (type == "Split")
      return split(step);
    if (type == "Digits")
      return compilePattern(flag(step, "individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)", parts.patterns);
    return unsupported("pre-tokenizer '" + type + "'");
  }

  Status byteLevel(const Json &step) {
    out.byteLevel = true;
    parts.flags |= kBytesAreSymbols;
    if (parts.spaceSymbol != ' ' || parts.prefix != Prefix::None)
      return unsupported("pre-tokenizer 'ByteLevel' with this normalizer");
    if (flag(step, "add_prefix_space", true)) {
      if (!parts.patterns.stages.empty())
        return unsupported("pre-tokenizer 'ByteLevel' with add_prefix_space behind another");
      parts.prefix = Prefix::SpaceIfMissing;
    }
    return flag(step, "use_regex", true) ? compilePattern(kGpt2Pattern, parts.patterns) : Status::success();
  }

  Status metaspace(const Json &step) {
    if (text(step, "replacement") != kSymbolText || !parts.patterns.stages.empty() || parts.prefix != Prefix::None)
      return unsupported("pre-tokenizer 'Metaspace' with another replacement, or behind another");
    parts.spaceSymbol = kSymbol;
    std::string scheme = text(step, "prepend_scheme");
    if (scheme.empty()) // how older versions say it
      scheme = flag(step, "add_prefix_space", true) ? "always" : "never";
    if (scheme != "never")
      parts.prefix = scheme == "first" ? Prefix::SpaceAtStart : Prefix::SpaceIfMissing;
    return flag(step, "split", true) ? compilePattern("▁[^▁]*|[^▁]+", parts.patterns) : Status::success();
  }

  Status split(const Json &step) {
    // Gemma's looks for spaces where the normalizer has left none.
    if (step.contains("pattern") && text(step["pattern"], "String") == " " && parts.spaceSymbol != ' ')
      return Status::success();
    if (text(step, "behavior") != "Isolated" || flag(step, "invert", false) || !step.contains("pattern"))
      return unsupported("pre-tokenizer 'Split' with behavior '" + text(step, "behavior") + "'");
    const Json &pattern = step["pattern"];
    if (std::string regex = text(pattern, "Regex"); !regex.empty())
      return compilePattern(regex, parts.patterns);
    std::string literal = text(pattern, "String"), escaped;
    if (literal.empty())
      return unsupported("pre-tokenizer 'Split' with an empty pattern");
    for (char c : literal) {
      if (std::string_view("\\^$.|?*+()[]{}").find(c) != std::string_view::npos)
        escaped += '\\';
      escaped += c;
    }
    return compilePattern(escaped, parts.patterns);
  }

  Status postProcessor(const Json &step) {
    std::string type = text(step, "type");
    if (type == "ByteLevel")
      return Status::success();
    if (type != "TemplateProcessing" || !step.contains("single") || !step["single"].is_array())
      return unsupported("post-processor '" + type + "'");
    bool behind = false;
    for (const Json &piece : step["single"]) {
      if (piece.is_object() && piece.contains("Sequence")) {
        behind = true;
        continue;
      }
      if (behind)
        return unsupported("post-processor 'TemplateProcessing' with tokens behind the text");
      INGOT_RETURN_IF_ERROR(startTokens(step, piece));
    }
    return behind ? Status::success() : unsupported("post-processor 'TemplateProcessing' without the text");
  }

  Status startTokens(const Json &step, const Json &piece) {
    Status broken = Status::corrupt("tokenizer.json: the post-processor's template is broken");
    if (!piece.is_object() || !piece.contains("SpecialToken") || !step.contains("special_tokens"))
      return broken;
    const Json &specials = step["special_tokens"];
    std::string name = text(piece["SpecialToken"], "id");
    if (!specials.is_object() || !specials.contains(name) || !specials[name].is_object() ||
        !specials[name].contains("ids") || !specials[name]["ids"].is_array())
      return broken;
    for (const Json &id : specials[name]["ids"]) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() > INT32_MAX)
        return broken;
      parts.startTokens.push_back(id.get<uint32_t>());
    }
    return Status::success();
  }

  Status decoder() {
    std::vector<Json> list = steps(json, "decoder", "decoders");
    std::vector<std::string> types;
    for (const Json &step : list)
      types.push_back(text(step, "type"));
    if (types == std::vector<std::string>{"ByteLevel"} && out.byteLevel)
      return Status::success();
    if (out.byteLevel)
      return unsupported("a decoder other than 'ByteLevel' for byte-level tokens");
    if (types == std::vector<std::string>{"Metaspace"} && text(list[0], "replacement") == kSymbolText) {
      parts.flags |= kSymbolDecodes;
      if (decodesPrefix(list[0]))
        parts.strip = Strip::SymbolsOfFirst;
      parts.spaceSymbol = kSymbol;
      return Status::success();
    }
    return sequenceDecoder(list);
  }

  static bool decodesPrefix(const Json &metaspace) {
    std::string scheme = text(metaspace, "prepend_scheme");
    return scheme.empty() ? flag(metaspace, "add_prefix_space", true) : scheme != "never";
  }

  /// Llama's: Replace, ByteFallback, Fuse, Strip; each of them may be missing.
  Status sequenceDecoder(const std::vector<Json> &list) {
    static const std::vector<std::string> kOrder = {"Replace", "ByteFallback", "Fuse", "Strip"};
    if (list.empty())
      return unsupported("a tokenizer without decoder");
    auto next = kOrder.begin();
    for (const Json &step : list) {
      std::string type = text(step, "type");
      next = std::find(next, kOrder.end(), type);
      if (next == kOrder.end())
        return unsupported("decoder '" + type + "' at this place");
      if (type == "Replace") {
        if (!step.contains("pattern") || text(step["pattern"], "String") != kSymbolText || text(step, "content") != " ")
          return unsupported("decoder 'Replace' of this text");
        if (parts.spaceSymbol != kSymbol)
          return unsupported("decoder 'Replace' without a normalizer that turns spaces into its text");
        parts.flags |= kSymbolDecodes;
      } else if (type == "ByteFallback") {
        out.byteFallbackDecodes = true;
      } else if (type == "Strip") {
        bool one = text(step, "content") == " " && step.contains("start") && step["start"] == 1 &&
                   step.contains("stop") && step["stop"] == 0 && list.size() > 1 &&
                   text(list[list.size() - 2], "type") == "Fuse";
        if (!one)
          return unsupported("decoder 'Strip' other than of one space at the start");
        parts.strip = Strip::Space;
      }
      ++next;
    }
    return Status::success();
  }

  const Json &json;
  Parts &parts;
  HuggingFaceParts &out;
};

} // namespace

Status tokenizer::readHuggingFaceParts(const Json &json, Parts &parts, HuggingFaceParts &out) {
  return PartsReader(json, parts, out).run();
}
