#include "runtime/session/Generate.h"

#include "runtime/api/Handles.h"

using namespace ingot::runtime;

namespace {

Result<GenerateOptions> toOptions(const ingot_generate_params &params) {
  if (params.top_k != 0 || (params.top_p != 0 && params.top_p != 1))
    return Status::unsupported("sampling with top-k or top-p is not supported yet");
  GenerateOptions options;
  if (params.prompt) {
    options.prompt = std::string(params.prompt, params.prompt_length);
  } else if (params.num_tokens > 0) {
    INGOT_RETURN_IF_ERROR(requireNonNull(params.tokens, "tokens"));
    options.tokens.assign(params.tokens, params.tokens + params.num_tokens);
  }
  INGOT_RETURN_IF_ERROR(params.num_stop ? requireNonNull(params.stop, "stop") : Status::success());
  for (size_t i = 0; i < params.num_stop; ++i) {
    INGOT_RETURN_IF_ERROR(requireNonNull(params.stop[i], "stop"));
    options.stops.emplace_back(params.stop[i]);
  }
  options.maxTokens = params.max_tokens;
  options.sampler = {params.temperature, params.seed};
  options.ignoreEos = params.ignore_eos != 0;
  options.decodeOnly = params.decode_only != 0;
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

} // namespace

ingot_status *ingot_generate(ingot_session *session, const ingot_generate_params *given, ingot_token_callback callback,
                             void *user) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(session, "session"));
    INGOT_RETURN_IF_ERROR(requireNonNull(given, "params"));
    Result<ingot_generate_params> params = readSized(given, "ingot_generate_params");
    if (!params)
      return params.status();
    Result<GenerateOptions> options = toOptions(*params);
    if (!options)
      return options.status();
    Result<GenerateResult> result = generate(*session->value, *options, [&](const GeneratedToken &token) {
      if (!callback)
        return true;
      ingot_token c = {sizeof(ingot_token), token.id,           token.text.data(), token.text.size(),
                       token.logits.data(), token.logits.size()};
      return callback(user, &c) == 0;
    });
    if (!result)
      return result.status();
    if (!params->result)
      return Status::success();
    ingot_generate_result c = {sizeof(ingot_generate_result), result->promptTokens,  result->generatedTokens,
                               toC(result->reason),           result->promptSeconds, result->firstTokenSeconds,
                               result->decodeSeconds};
    return writeSized(params->result, c, "ingot_generate_result");
  });
}
