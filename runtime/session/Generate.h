// Decoding: a prompt goes in by chunks, tokens come out one by one.
#pragma once

#include "runtime/session/Sampler.h"
#include "runtime/session/Session.h"
#include "runtime/support/Status.h"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::runtime {

struct GenerateOptions {
  std::optional<std::string> prompt; // text, for artifacts with a tokenizer
  std::vector<int32_t> tokens;       // or ids
  uint64_t maxTokens = 256;
  SamplerOptions sampler;
  std::vector<std::string> stops;
  bool ignoreEos = false;
  bool decodeOnly = false; // feed the prompt token by token too
};

enum class FinishReason : uint8_t { Length, Eos, Stop, Caller };
const char *toString(FinishReason reason);

/// One generated token, or, with id -1, text that was held back until the end.
struct GeneratedToken {
  int32_t id;
  std::string_view text;         // released by this token; may lag behind while it could be part of a stop text
  std::span<const float> logits; // that the token was chosen from; empty with id -1
};

struct GenerateResult {
  uint64_t promptTokens = 0; // fed, without a token that was pending
  uint64_t generatedTokens = 0;
  FinishReason reason = FinishReason::Length;
  double promptSeconds = 0;     // from the call to the first logits
  double firstTokenSeconds = 0; // from the call to the first token
  double decodeSeconds = 0;     // from the first token to the last
};

/// Continues the session's sequence: feeds what is pending and the prompt, then chooses and feeds tokens until an
/// end-of-sequence token (which is passed on, without text), a stop text, `maxTokens`, the end of the KV cache, or
/// `onToken` returning false. The entries are `decode` (one position) and, if there is one, `prefill`.
/// Fails on prompts that are empty, have unknown ids or do not fit.
Result<GenerateResult> generate(Session &session, const GenerateOptions &options,
                                const std::function<bool(const GeneratedToken &)> &onToken);

} // namespace ingot::runtime
