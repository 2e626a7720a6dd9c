#include "runtime/session/Generate.h"

#include "runtime/session/StopText.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace ingot::runtime {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// An entry that maps tokens at positions to logits.
struct TokenStep {
  Session::Entry *entry = nullptr;
  int32_t *tokens = nullptr, *start = nullptr, *count = nullptr; // start and count may be null
  const float *logits = nullptr;
  int64_t length = 0; // positions per step
  int64_t vocabulary = 0;
};

Result<TokenStep> findStep(Session &session, const char *name) {
  TokenStep step;
  step.entry = session.findEntry(name);
  if (!step.entry)
    return step;
  const ManifestEntry &manifest = step.entry->manifest();
  const ManifestTensor *tokens = manifest.inputOfRole(kRoleTokens), *logits = manifest.outputOfRole(kRoleLogits);
  if (!tokens || !logits)
    return Status::invalidArgument("entry '" + manifest.name + "' cannot generate: it has no tokens or no logits");
  if (tokens->shape[0] != 1)
    return Status::unsupported("generating with a batch of " + std::to_string(tokens->shape[0]) +
                               " is not supported yet");
  for (const ManifestTensor &input : manifest.inputs)
    if (input.role != kRoleTokens && input.role != kRoleStart && input.role != kRoleCount)
      return Status::invalidArgument("entry '" + manifest.name +
                                     "' cannot generate: nothing is known about its input '" + input.name + "'");
  step.tokens = reinterpret_cast<int32_t *>(step.entry->inputOfRole(kRoleTokens));
  step.start = reinterpret_cast<int32_t *>(step.entry->inputOfRole(kRoleStart));
  step.count = reinterpret_cast<int32_t *>(step.entry->inputOfRole(kRoleCount));
  step.logits = reinterpret_cast<const float *>(step.entry->outputOfRole(kRoleLogits));
  step.length = tokens->shape[1];
  step.vocabulary = logits->shape[2];
  if (step.length < 1 || step.vocabulary < 1)
    return Status::invalidArgument("entry '" + manifest.name + "' cannot generate: it is empty");
  return step;
}

class Generator {
public:
  Generator(Session &session, const GenerateOptions &options,
            const std::function<bool(const GeneratedToken &)> &onToken)
      : session(session), options(options), onToken(onToken), stop(options.stops) {}

  Result<GenerateResult> run() {
    INGOT_RETURN_IF_ERROR(prepare());
    INGOT_RETURN_IF_ERROR(feedPrompt());
    result.promptSeconds = secondsSince(begin);
    INGOT_RETURN_IF_ERROR(decodeLoop());
    if (std::string rest = stop.flush(); !rest.empty())
      onToken({-1, rest, {}});
    return result;
  }

private:
  Status prepare();
  Status checkPrompt() const;
  Status feedPrompt();
  Status feed(const TokenStep &step, std::span<const int32_t> tokens);
  Status decodeLoop();
  std::optional<FinishReason> accept(int32_t token);
  std::string textOf(int32_t token, int32_t previous) const;
  bool cacheIsFull() const { return maxSeq() > 0 && session.position >= maxSeq(); }
  int64_t maxSeq() const { return session.artifact().maxSeq(); }

  Session &session;
  const GenerateOptions &options;
  const std::function<bool(const GeneratedToken &)> &onToken;
  StopText stop;
  TokenStep decode, prefill;
  std::vector<int32_t> prompt;
  std::span<const float> logits; // of the last position fed
  int32_t previous = -1;         // last token of the text so far
  GenerateResult result;
  Clock::time_point begin = Clock::now();
  Clock::time_point firstToken = begin;
};

Status Generator::prepare() {
  float temperature = options.sampler.temperature;
  if (!std::isfinite(temperature) || temperature < 0)
    return Status::invalidArgument("temperature expects a finite number of at least 0");
  for (auto [step, name] : {std::pair(&decode, "decode"), std::pair(&prefill, "prefill")}) {
    Result<TokenStep> found = findStep(session, name);
    if (!found)
      return found.status();
    *step = *found;
  }
  if (!decode.entry)
    return Status::invalidArgument("the artifact cannot generate: it has no entry 'decode'");
  if (decode.length != 1)
    return Status::invalidArgument("entry 'decode' expects one token per step, but takes " +
                                   std::to_string(decode.length));
  const Tokenizer *tokenizer = session.artifact().tokenizer();
  if (!options.stops.empty() && !tokenizer)
    return Status::invalidArgument("stop texts need a tokenizer, but the artifact has none");
  if (options.prompt) {
    if (!tokenizer)
      return Status::invalidArgument("the artifact has no tokenizer; pass the prompt as tokens");
    prompt = tokenizer->encode(*options.prompt, session.position == 0 && session.pendingToken < 0);
  } else {
    prompt = options.tokens;
  }
  result.promptTokens = prompt.size();
  if (session.pendingToken >= 0)
    prompt.insert(prompt.begin(), session.pendingToken);
  return checkPrompt();
}

Status Generator::checkPrompt() const {
  if (prompt.empty())
    return Status::invalidArgument("the prompt is empty");
  for (int32_t token : prompt)
    if (token < 0 || token >= decode.vocabulary)
      return Status::invalidArgument("the prompt expects tokens from 0 to " + std::to_string(decode.vocabulary - 1) +
                                     ", but has " + std::to_string(token));
  if (maxSeq() > 0 && static_cast<int64_t>(prompt.size()) > maxSeq() - session.position)
    return Status::invalidArgument("the prompt has " + std::to_string(prompt.size()) + " tokens, but only " +
                                   std::to_string(maxSeq() - session.position) + " of max_seq " +
                                   std::to_string(maxSeq()) + " positions are free");
  if (static_cast<int64_t>(prompt.size()) > INT32_MAX - session.position)
    return Status::invalidArgument("the prompt is too long");
  return Status::success();
}

Status Generator::feed(const TokenStep &step, std::span<const int32_t> tokens) {
  std::copy(tokens.begin(), tokens.end(), step.tokens);
  std::fill(step.tokens + tokens.size(), step.tokens + step.length, 0); // rows beyond count are not looked at
  if (step.start)
    *step.start = static_cast<int32_t>(session.position);
  if (step.count)
    *step.count = static_cast<int32_t>(tokens.size());
  INGOT_RETURN_IF_ERROR(session.runStep(*step.entry));
  session.position += static_cast<int64_t>(tokens.size());
  previous = tokens.back();
  session.pendingToken = -1; // `tokens` may be a view of it
  logits = {step.logits + (static_cast<int64_t>(tokens.size()) - 1) * step.vocabulary,
            static_cast<size_t>(step.vocabulary)};
  return Status::success();
}

Status Generator::feedPrompt() {
  std::span<const int32_t> rest = prompt;
  bool usePrefill = prefill.entry && !options.decodeOnly && prefill.vocabulary == decode.vocabulary;
  while (!rest.empty()) {
    size_t chunk = 1;
    if (usePrefill && rest.size() > 1) {
      chunk = std::min(rest.size(), static_cast<size_t>(prefill.length));
      // Without a count only full chunks can be told from their padding.
      if (!prefill.count && chunk < static_cast<size_t>(prefill.length))
        chunk = 1;
    }
    INGOT_RETURN_IF_ERROR(feed(chunk > 1 ? prefill : decode, rest.first(chunk)));
    rest = rest.subspan(chunk);
  }
  return Status::success();
}

Status Generator::decodeLoop() {
  result.reason = FinishReason::Length;
  while (result.generatedTokens < options.maxTokens) {
    Result<int32_t> token =
        sampleToken(logits, options.sampler, static_cast<uint64_t>(session.position)); // its own position
    if (!token)
      return token.status();
    if (result.generatedTokens++ == 0) {
      firstToken = Clock::now();
      result.firstTokenSeconds = std::chrono::duration<double>(firstToken - begin).count();
    }
    session.pendingToken = *token;
    std::optional<FinishReason> reason = accept(*token);
    result.decodeSeconds = secondsSince(firstToken);
    if (reason) {
      result.reason = *reason;
      break;
    }
    if (result.generatedTokens == options.maxTokens || cacheIsFull())
      break;
    INGOT_RETURN_IF_ERROR(feed(decode, {&session.pendingToken, 1}));
  }
  return Status::success();
}

/// Passes a token on and says whether it is the last.
std::optional<FinishReason> Generator::accept(int32_t token) {
  const std::vector<int32_t> &eos = session.artifact().manifest().eos;
  bool atEnd = !options.ignoreEos && std::find(eos.begin(), eos.end(), token) != eos.end();
  std::string text = atEnd ? std::string() : stop.feed(textOf(token, previous));
  if (!onToken({token, text, logits}))
    return FinishReason::Caller;
  if (atEnd)
    return FinishReason::Eos;
  if (stop.stopped())
    return FinishReason::Stop;
  return std::nullopt;
}

std::string Generator::textOf(int32_t token, int32_t before) const {
  const Tokenizer *tokenizer = session.artifact().tokenizer();
  return tokenizer ? tokenizer->decode(before, token) : std::string();
}

} // namespace

const char *toString(FinishReason reason) {
  switch (reason) {
  case FinishReason::Length:
    return "length";
  case FinishReason::Eos:
    return "eos";
  case FinishReason::Stop:
    return "stop";
  case FinishReason::Caller:
    return "caller";
  }
  return "unknown";
}

Result<GenerateResult> generate(Session &session, const GenerateOptions &options,
                                const std::function<bool(const GeneratedToken &)> &onToken) {
  return Generator(session, options, onToken).run();
}

} // namespace ingot::runtime
