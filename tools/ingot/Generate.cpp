// ingot generate: continues a prompt. Standard output gets prompt and text as they come, everything else goes to
// standard error.
#include "Command.h"
#include "Npz.h"
#include "Support.h"

#include <charconv>
#include <cstdio>
#include <utility>

namespace ingot::tool {

namespace {

struct Options : RunOptions {
  std::string prompt, tokens, logits;
  std::vector<std::string> stops;
  uint64_t maxTokens = 256, seed = 0;
  float temperature = 0, topP = 0;
  uint32_t topK = 0;
  bool hasPrompt = false, ignoreEos = false, decodeOnly = false, printTokens = false;
};

/// What happens to each token.
struct Sink {
  bool asIds = false;   // print ids instead of text
  bool collect = false; // keep logits
  std::string prompt;   // printed with the first token, when nothing can be wrong with it any more
  std::vector<int32_t> ids;
  std::string logits; // bytes of float32
  size_t vocabulary = 0;

  void printPrompt() { print(std::exchange(prompt, {})); }
};

int onToken(void *user, const ingot_token *token) {
  auto *sink = static_cast<Sink *>(user);
  sink->printPrompt();
  if (token->id >= 0) {
    sink->ids.push_back(token->id);
    if (sink->asIds)
      print(" " + std::to_string(token->id));
    if (sink->collect) {
      sink->vocabulary = token->num_logits;
      sink->logits.append(reinterpret_cast<const char *>(token->logits), token->num_logits * sizeof(float));
    }
  }
  if (!sink->asIds)
    print({token->text, token->text_length});
  // Text appears as it comes; a reader that has gone away ends the generation.
  return std::fflush(stdout) != 0;
}

Result<std::vector<int32_t>> parseTokens(const std::string &text) {
  std::vector<int32_t> tokens;
  for (const char *at = text.data(), *end = at + text.size();; ++at) {
    int32_t token = 0;
    auto [next, error] = std::from_chars(at, end, token);
    if (error != std::errc() || (next != end && *next != ','))
      return Status::invalidArgument("--tokens expects ids like 1,2,3, but got '" + text + "'");
    tokens.push_back(token);
    at = next;
    if (at == end)
      return tokens;
  }
}

/// The ids of the prompt.
Result<std::vector<int32_t>> promptTokens(const Options &options, const ingot_artifact *artifact) {
  if (!options.hasPrompt)
    return parseTokens(options.tokens);
  const std::string &text = options.prompt;
  size_t count = 0;
  INGOT_RETURN_IF_ERROR(fromC(ingot_tokenize(artifact, text.data(), text.size(), 1, nullptr, 0, &count)));
  std::vector<int32_t> tokens(count);
  INGOT_RETURN_IF_ERROR(fromC(ingot_tokenize(artifact, text.data(), text.size(), 1, tokens.data(), count, &count)));
  return tokens;
}

/// The prompt as it stands before what is generated.
Result<std::string> promptText(const Options &options, const ingot_artifact *artifact,
                               const std::vector<int32_t> &tokens, bool asIds) {
  std::string text;
  if (asIds) {
    for (int32_t token : tokens)
      text += (text.empty() ? "" : " ") + std::to_string(token);
    return text;
  }
  if (options.hasPrompt)
    return options.prompt;
  size_t size = 0;
  INGOT_RETURN_IF_ERROR(fromC(ingot_detokenize(artifact, -1, tokens.data(), tokens.size(), nullptr, 0, &size)));
  text.resize(size);
  INGOT_RETURN_IF_ERROR(fromC(ingot_detokenize(artifact, -1, tokens.data(), tokens.size(), text.data(), size, &size)));
  return text;
}

void printStatistics(const ingot_generate_result &result, uint32_t workers) {
  static constexpr const char *kReasons[] = {"length", "end of sequence", "stop text", "output closed"};
  auto rate = [](double tokens, double seconds) { return seconds > 0 ? tokens / seconds : 0.0; };
  std::fprintf(stderr,
               "prompt: %llu tokens, %.1f tokens/s; generated: %llu tokens, %.1f tokens/s; first token after %.1f ms; "
               "%u workers; finished: %s\n",
               static_cast<unsigned long long>(result.prompt_tokens),
               rate(static_cast<double>(result.prompt_tokens), result.prompt_seconds),
               static_cast<unsigned long long>(result.generated_tokens),
               // The first token costs the prompt, the others one step each.
               rate(static_cast<double>(result.generated_tokens) - 1, result.decode_seconds),
               result.first_token_seconds * 1e3, workers, kReasons[result.finish]);
}

Status writeLogits(const std::string &path, Sink &sink) {
  auto count = static_cast<int64_t>(sink.ids.size());
  Array tokens = {program::DType::i32, {count}, {}};
  tokens.data.assign(reinterpret_cast<const char *>(sink.ids.data()), sink.ids.size() * sizeof(int32_t));
  Array logits = {program::DType::f32, {count, static_cast<int64_t>(sink.vocabulary)}, std::move(sink.logits)};
  return writeNpz(path, {{"tokens", std::move(tokens)}, {"logits", std::move(logits)}});
}

Status generate(const Options &options) {
  Result<Running> running = start(options);
  if (!running)
    return running.status();
  Result<std::vector<int32_t>> tokens = promptTokens(options, running->artifact.get());
  if (!tokens)
    return tokens.status();
  Sink sink;
  sink.asIds = options.printTokens || !running->manifest.tokenizer;
  sink.collect = !options.logits.empty();
  Result<std::string> prompt = promptText(options, running->artifact.get(), *tokens, sink.asIds);
  if (!prompt)
    return prompt.status();
  sink.prompt = std::move(*prompt);

  std::vector<const char *> stops;
  for (const std::string &stop : options.stops)
    stops.push_back(stop.c_str());
  ingot_generate_result result = {};
  result.size = sizeof(result);
  ingot_generate_params params = {};
  params.size = sizeof(params);
  params.tokens = tokens->data();
  params.num_tokens = tokens->size();
  params.max_tokens = options.maxTokens;
  params.temperature = options.temperature;
  params.seed = options.seed;
  params.top_k = options.topK;
  params.top_p = options.topP;
  params.stop = stops.data();
  params.num_stop = stops.size();
  params.ignore_eos = options.ignoreEos;
  params.decode_only = options.decodeOnly;
  params.result = &result;

  INGOT_RETURN_IF_ERROR(fromC(ingot_generate(running->session.get(), &params, onToken, &sink)));
  sink.printPrompt(); // of a generation without tokens
  print("\n");
  Status output = finishOutput();
  printStatistics(result, ingot_executor_workers(running->executor.get()));
  INGOT_RETURN_IF_ERROR(std::move(output));
  return options.logits.empty() ? Status::success() : writeLogits(options.logits, sink);
}

} // namespace

int generateMain(int argc, char **argv) {
  CLI::App app("Continues a prompt", "ingot generate");
  Options options;
  options.addTo(app);
  CLI::Option_group *prompt = app.add_option_group("prompt");
  CLI::Option *text = prompt->add_option("--prompt", options.prompt, "The prompt as text")->type_name("TEXT");
  prompt->add_option("--tokens", options.tokens, "The prompt as token ids")->type_name("1,2,3");
  prompt->require_option(1);
  app.add_option("--max-tokens", options.maxTokens, "Generate at most N tokens [256]")->type_name("N");
  app.add_option("--temperature", options.temperature, "0: the likeliest token; else sample at this temperature [0]")
      ->type_name("T");
  app.add_option("--top-k", options.topK, "Not supported yet")->type_name("K");
  app.add_option("--top-p", options.topP, "Not supported yet")->type_name("P");
  app.add_option("--seed", options.seed, "Of the sampler [0]")->type_name("S");
  app.add_option("--stop", options.stops, "End before this text; may be repeated")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  app.add_flag("--ignore-eos", options.ignoreEos, "Go on after an end-of-sequence token");
  app.add_flag("--decode-only", options.decodeOnly, "Feed the prompt token by token, without the entry `prefill`");
  app.add_flag("--print-tokens", options.printTokens, "Print token ids instead of text");
  app.add_option("--logits", options.logits, "Also write tokens[n] and logits[n, vocabulary]")->type_name("FILE.npz");
  if (int exit = parse(app, argc, argv); exit >= 0)
    return exit;
  options.hasPrompt = text->count() > 0;
  Status status = generate(options);
  return status.ok() ? 0 : fail(status);
}

} // namespace ingot::tool
