#include "Prompts.h"

#include "Command.h"

#include "runtime/formats/File.h"

#include <charconv>

namespace ingot::tool {

namespace {

Result<std::vector<int32_t>> parseTokens(const std::string &text) {
  std::vector<int32_t> tokens;
  for (const char *at = text.data(), *end = at + text.size();; ++at) {
    int32_t token = 0;
    auto [next, error] = std::from_chars(at, end, token);
    if (error != std::errc() || (next != end && *next != ','))
      return Status::invalidArgument("expects ids like 1,2,3, but got '" + text + "'");
    tokens.push_back(token);
    at = next;
    if (at == end)
      return tokens;
  }
}

} // namespace

void PromptOptions::addTo(CLI::App &app) {
  CLI::Option_group *group = app.add_option_group("prompt");
  group->add_option("--prompt", texts, "The prompt as text; may be repeated, for sequences side by side")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  group->add_option("--tokens", ids, "The prompt as token ids; may be repeated")
      ->allow_extra_args(false)
      ->check([](const std::string &text) { return parseTokens(text).status().message(); })
      ->type_name("1,2,3");
  group->add_option("--prompts", file, "A file with a prompt in each line")->type_name("FILE");
  group->require_option(1);
}

namespace {

Result<PromptTokens> tokenize(const std::string &text, const ingot_artifact *artifact) {
  PromptTokens prompt = {text, {}, true};
  size_t count = 0;
  INGOT_RETURN_IF_ERROR(fromC(ingot_tokenize(artifact, text.data(), text.size(), 1, nullptr, 0, &count)));
  prompt.ids.resize(count);
  INGOT_RETURN_IF_ERROR(fromC(ingot_tokenize(artifact, text.data(), text.size(), 1, prompt.ids.data(), count, &count)));
  return prompt;
}

/// The lines of a file; the last one may lack its end.
Result<std::vector<std::string>> readLines(const std::string &path) {
  Result<runtime::MappedFile> file = runtime::MappedFile::open(path);
  if (!file)
    return file.status();
  std::string_view rest(reinterpret_cast<const char *>(file->bytes().data()), file->bytes().size());
  std::vector<std::string> lines;
  while (!rest.empty()) {
    size_t end = std::min(rest.find('\n'), rest.size());
    lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (lines.empty())
    return Status::invalidArgument("'" + path + "' has no prompts");
  return lines;
}

} // namespace

Result<std::vector<PromptTokens>> readPrompts(const PromptOptions &options, const ingot_artifact *artifact) {
  std::vector<PromptTokens> prompts;
  for (const std::string &ids : options.ids) {
    Result<std::vector<int32_t>> tokens = parseTokens(ids);
    if (!tokens)
      return tokens.status();
    prompts.push_back({"", std::move(*tokens), false});
  }
  std::vector<std::string> texts = options.texts;
  if (!options.file.empty()) {
    Result<std::vector<std::string>> lines = readLines(options.file);
    if (!lines)
      return lines.status();
    texts = std::move(*lines);
  }
  for (const std::string &text : texts) {
    Result<PromptTokens> prompt = tokenize(text, artifact);
    if (!prompt)
      return prompt.status();
    prompts.push_back(std::move(*prompt));
  }
  return prompts;
}

Result<std::string> promptText(const PromptTokens &prompt, const ingot_artifact *artifact, bool asIds) {
  std::string text;
  if (asIds) {
    for (int32_t token : prompt.ids)
      text += (text.empty() ? "" : " ") + std::to_string(token);
    return text;
  }
  if (prompt.fromText)
    return prompt.text;
  size_t size = 0;
  const std::vector<int32_t> &ids = prompt.ids;
  INGOT_RETURN_IF_ERROR(fromC(ingot_detokenize(artifact, -1, ids.data(), ids.size(), nullptr, 0, &size)));
  text.resize(size);
  INGOT_RETURN_IF_ERROR(fromC(ingot_detokenize(artifact, -1, ids.data(), ids.size(), text.data(), size, &size)));
  return text;
}

} // namespace ingot::tool
