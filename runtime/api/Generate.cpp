#include "runtime/session/Generate.h"

#include "runtime/api/Handles.h"

#include <span>

using namespace ingot::runtime;

namespace {

/// Launches of this many steps need the host rarely enough not to matter, and are cancelled soon enough.
constexpr uint32_t kManySteps = 64;

Result<Prompt> toPrompt(const ingot_prompt &given) {
  Prompt prompt;
  if (given.text) {
    prompt.text = std::string(given.text, given.text_length);
  } else if (given.num_tokens > 0) {
    INGOT_RETURN_IF_ERROR(requireNonNull(given.tokens, "tokens"));
    prompt.tokens.assign(given.tokens, given.tokens + given.num_tokens);
  }
  return prompt;
}

Result<std::vector<Prompt>> toPrompts(const ingot_generate_params &params) {
  const ingot_prompt single = {params.prompt, params.prompt_length, params.tokens, params.num_tokens};
  INGOT_RETURN_IF_ERROR(params.num_prompts ? requireNonNull(params.prompts, "prompts") : Status::success());
  std::vector<Prompt> prompts;
  for (const ingot_prompt &given :
       params.num_prompts ? std::span(params.prompts, params.num_prompts) : std::span(&single, 1)) {
    Result<Prompt> prompt = toPrompt(given);
    if (!prompt)
      return prompt.status();
    prompts.push_back(std::move(*prompt));
  }
  return prompts;
}

Result<GenerateOptions> toOptions(const ingot_generate_params &params, bool hasCallback) {
  GenerateOptions options;
  Result<std::vector<Prompt>> prompts = toPrompts(params);
  if (!prompts)
    return prompts.status();
  options.prompts = std::move(*prompts);
  INGOT_RETURN_IF_ERROR(params.num_stop ? requireNonNull(params.stop, "stop") : Status::success());
  for (size_t i = 0; i < params.num_stop; ++i) {
    INGOT_RETURN_IF_ERROR(requireNonNull(params.stop[i], "stop"));
    options.stops.emplace_back(params.stop[i]);
  }
  options.maxTokens = params.max_tokens;
  options.sampler = {
      params.temperature,        params.top_k, params.top_p, params.presence_penalty, params.frequency_penalty,
      params.repetition_penalty, params.seed};
  options.ignoreEos = params.ignore_eos != 0;
  options.decodeOnly = params.decode_only != 0;
  options.stepsPerLaunch = params.steps_per_launch ? params.steps_per_launch : hasCallback ? 1 : kManySteps;
  return options;
}

ingot_finish toC(FinishReason reason) {
  switch (reason) {
  case FinishReason::Length:
    return INGOT_FINISH_LENGTH;
  case FinishReason::Eos:
    return INGOT_FINISH_EOS;
  case FinishReason::Stop:
    return INGOT_FINISH_STOP;
  case FinishReason::Caller:
    return INGOT_FINISH_CALLER;
  }
  return INGOT_FINISH_CALLER;
}

ingot_sequence_result toC(const SequenceResult &result) {
  return {result.promptTokens, result.generatedTokens, toC(result.reason)};
}

} // namespace

ingot_status *ingot_generate(ingot_session *session, const ingot_generate_params *given, ingot_token_callback callback,
                             void *user) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    INGOT_RETURN_IF_ERROR(requireNonNull(given, "params"));
    Result<ingot_generate_params> params = readSized(given, "ingot_generate_params");
    if (!params)
      return params.status();
    Result<GenerateOptions> options = toOptions(*params, callback != nullptr);
    if (!options)
      return options.status();
    Result<GenerateResult> result = generate(*session->value, *options, [&](const GeneratedToken &token) {
      if (!callback)
        return true;
      ingot_token c = {sizeof(ingot_token), token.id,      token.text.data(), token.text.size(), token.logits.data(),
                       token.logits.size(), token.sequence};
      return callback(user, &c) == 0;
    });
    if (!result)
      return result.status();
    for (size_t i = 0; params->sequence_results && i < result->sequences.size(); ++i)
      params->sequence_results[i] = toC(result->sequences[i]);
    if (!params->result)
      return Status::success();
    ingot_generate_result c = {sizeof(ingot_generate_result), result->promptTokens(),
                               result->generatedTokens(),     toC(result->sequences.front().reason),
                               result->promptSeconds,         result->firstTokenSeconds,
                               result->decodeSeconds};
    return writeSized(params->result, c, "ingot_generate_result");
  });
}
