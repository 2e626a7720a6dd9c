// ingot generate: continues prompts. Standard output gets prompt and text, everything else goes to standard error.
#include "Command.h"
#include "Npz.h"
#include "Progress.h"
#include "Prompts.h"
#include "Support.h"

#include <cstdio>
#include <limits>
#include <utility>

namespace ingot::tool {

namespace {

struct Options : RunOptions {
  PromptOptions prompts;
  std::string logits;
  std::vector<std::string> stops;
  uint64_t maxTokens = 256, seed = 0;
  float temperature = 0, topP = 0, presence = 0, frequency = 0, repetition = 1;
  uint32_t topK = 0, stepsPerLaunch = 1;
  bool ignoreEos = false, decodeOnly = false, printTokens = false;
};

/// What happens to each token. One sequence is printed as it comes; several are printed one after another at the end.
struct Sink {
  bool asIds = false;             // print ids instead of text
  bool collect = false;           // keep logits
  std::vector<std::string> texts; // of each sequence: what is not printed yet, its prompt first
  std::vector<int32_t> ids;
  std::string logits; // bytes of float32
  size_t vocabulary = 0;
  Progress progress; // until the first token

  bool streams() const { return texts.size() == 1; }
  /// The prompt is printed with the first token, when nothing can be wrong with it any more.
  void flush() { print(std::exchange(texts.front(), {})); }
};

int onToken(void *user, const ingot_token *token) {
  auto *sink = static_cast<Sink *>(user);
  sink->progress.erase();
  std::string &text = sink->texts[token->sequence];
  if (token->id >= 0) {
    sink->ids.push_back(token->id);
    if (sink->asIds)
      text += " " + std::to_string(token->id);
    if (sink->collect) {
      sink->vocabulary = token->num_logits;
      sink->logits.append(reinterpret_cast<const char *>(token->logits), token->num_logits * sizeof(float));
    }
  }
  if (!sink->asIds)
    text.append(token->text, token->text_length);
  if (!sink->streams())
    return 0;
  sink->flush();
  // Text appears as it comes; a reader that has gone away ends the generation.
  return std::fflush(stdout) != 0;
}

void printStatistics(const ingot_generate_result &result, const std::vector<ingot_sequence_result> &sequences,
                     uint32_t workers) {
  static constexpr const char *kReasons[] = {"length", "end of sequence", "stop text", "output closed"};
  auto rate = [](double tokens, double seconds) { return seconds > 0 ? tokens / seconds : 0.0; };
  std::string finished;
  for (const ingot_sequence_result &sequence : sequences)
    finished += (finished.empty() ? "" : ", ") + std::string(kReasons[sequence.finish]);
  std::fprintf(
      stderr, "prompt: %s, %.1f tokens/s; generated: %s, %.1f tokens/s; first token after %.1f ms; %s; finished: %s\n",
      counted(result.prompt_tokens, "token").c_str(),
      rate(static_cast<double>(result.prompt_tokens), result.prompt_seconds),
      counted(result.generated_tokens, "token").c_str(),
      // The first tokens cost the prompts, the others one step each.
      rate(static_cast<double>(result.generated_tokens) - static_cast<double>(sequences.size()), result.decode_seconds),
      result.first_token_seconds * 1e3, counted(workers, "worker").c_str(), finished.c_str());
}

Status writeLogits(const std::string &path, Sink &sink) {
  auto count = static_cast<int64_t>(sink.ids.size());
  Array tokens = {program::DType::i32, {count}, {}};
  tokens.data.assign(reinterpret_cast<const char *>(sink.ids.data()), sink.ids.size() * sizeof(int32_t));
  Array logits = {program::DType::f32, {count, static_cast<int64_t>(sink.vocabulary)}, std::move(sink.logits)};
  return writeNpz(path, {{"tokens", std::move(tokens)}, {"logits", std::move(logits)}});
}

ingot_generate_params toParams(const Options &options) {
  ingot_generate_params params = {};
  params.size = sizeof(params);
  params.max_tokens = options.maxTokens;
  params.temperature = options.temperature;
  params.seed = options.seed;
  params.top_k = options.topK;
  params.top_p = options.topP;
  params.presence_penalty = options.presence;
  params.frequency_penalty = options.frequency;
  params.repetition_penalty = options.repetition;
  params.ignore_eos = options.ignoreEos;
  params.decode_only = options.decodeOnly;
  params.steps_per_launch = options.stepsPerLaunch;
  return params;
}

Status generate(const Options &options) {
  Result<Running> running = start(options);
  if (!running)
    return running.status();
  Result<std::vector<PromptTokens>> prompts = readPrompts(options.prompts, running->artifact.get());
  if (!prompts)
    return prompts.status();
  if (!options.logits.empty() && (prompts->size() > 1 || options.stepsPerLaunch > 1))
    return Status::unsupported("--logits with several prompts or steps per launch is not supported yet");
  Sink sink;
  sink.asIds = options.printTokens || !running->manifest.tokenizer;
  sink.collect = !options.logits.empty();
  std::vector<ingot_prompt> given;
  for (const PromptTokens &prompt : *prompts) {
    Result<std::string> text = promptText(prompt, running->artifact.get(), sink.asIds);
    if (!text)
      return text.status();
    sink.texts.push_back(std::move(*text));
    given.push_back({nullptr, 0, prompt.ids.data(), prompt.ids.size()});
  }
  std::vector<const char *> stops;
  for (const std::string &stop : options.stops)
    stops.push_back(stop.c_str());
  ingot_generate_result result = {};
  result.size = sizeof(result);
  std::vector<ingot_sequence_result> sequences(given.size());
  ingot_generate_params params = toParams(options);
  params.prompts = given.data();
  params.num_prompts = given.size();
  params.sequence_results = sequences.data();
  params.stop = stops.data();
  params.num_stop = stops.size();
  params.result = &result;

  size_t prompted = 0;
  for (const ingot_prompt &prompt : given)
    prompted += prompt.num_tokens;
  sink.progress.show("reading the prompt, " + counted(prompted, "token"));
  Status generated = fromC(ingot_generate(running->session.get(), &params, onToken, &sink));
  sink.progress.erase();
  INGOT_RETURN_IF_ERROR(std::move(generated));
  for (const std::string &text : sink.texts)
    print(text + "\n");
  Status output = finishOutput();
  printStatistics(result, sequences, ingot_executor_workers(running->executor.get()));
  INGOT_RETURN_IF_ERROR(std::move(output));
  return options.logits.empty() ? Status::success() : writeLogits(options.logits, sink);
}

/// Numbers from `low` to `high`; unlike those of CLI11 it refuses what is not a number.
CLI::Validator within(float low, float high, const std::string &what) {
  auto check = [=](const std::string &text) -> std::string {
    float value = 0;
    bool fits = CLI::detail::lexical_cast(text, value) && value >= low && value <= high;
    return fits ? "" : "expects " + what + ", but got '" + text + "'";
  };
  return CLI::Validator(check, "");
}

/// Options that say how the next token is chosen.
void addSampling(CLI::App &app, Options &options) {
  constexpr float kMost = std::numeric_limits<float>::max();
  CLI::Validator finite = within(-kMost, kMost, "a finite number");
  CLI::Validator positive = within(0, kMost, "a finite number of at least 0");
  app.add_option("--temperature", options.temperature, "0: the likeliest token; else sample at this temperature [0]")
      ->check(positive)
      ->type_name("T");
  app.add_option("--top-k", options.topK, "Sample from the K likeliest tokens; 0: from all [0]")
      ->check(whole(0, INT32_MAX))
      ->type_name("K");
  app.add_option("--top-p", options.topP, "Sample from the likeliest tokens that sum to this probability [1]")
      ->check(within(0, 1, "a number from 0 to 1"))
      ->type_name("P");
  app.add_option("--presence-penalty", options.presence, "Taken from the logits of tokens sampled before [0]")
      ->check(finite)
      ->type_name("A");
  app.add_option("--frequency-penalty", options.frequency, "The same, for each time that they were [0]")
      ->check(finite)
      ->type_name("A");
  app.add_option("--repetition-penalty", options.repetition,
                 "Divides the positive logits of tokens that occurred before, and multiplies others [1]")
      ->check(positive)
      ->type_name("R");
  app.add_option("--seed", options.seed, "Of the sampler; prompt i uses S + i [0]")->check(whole(0))->type_name("S");
}

} // namespace

int generateMain(int argc, char **argv) {
  CLI::App app("Continues prompts", "ingot generate");
  Options options;
  options.addTo(app, {{"megakernel", "eager", "interleaved"}});
  options.prompts.addTo(app);
  app.add_option("--max-tokens", options.maxTokens, "Generate at most N tokens for each prompt [256]")
      ->check(whole(0))
      ->type_name("N");
  addSampling(app, options);
  app.add_option("--stop", options.stops, "End before this text; may be repeated")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  app.add_flag("--ignore-eos", options.ignoreEos, "Go on after an end-of-sequence token");
  app.add_flag("--decode-only", options.decodeOnly, "Feed the prompt token by token, without the entry `prefill`");
  app.add_option("--steps-per-launch", options.stepsPerLaunch, "Print tokens in groups of N, made in one launch [1]")
      ->check(whole(1, 1 << 16))
      ->type_name("N");
  app.add_flag("--print-tokens", options.printTokens, "Print token ids instead of text");
  app.add_option("--logits", options.logits, "Also write tokens[n] and logits[n, vocabulary]")
      ->check(fileToWrite())
      ->type_name("FILE.npz");
  if (int exit = parse(app, argc, argv); exit >= 0)
    return exit;
  Status status = generate(options);
  return status.ok() ? 0 : fail(status);
}

} // namespace ingot::tool
