// Decoding: prompts go in by chunks, tokens come out one by one, for one sequence or several side by side.
#pragma once

#include "runtime/session/DecoderStep.h"
#include "runtime/session/Session.h"
#include "runtime/support/Status.h"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::runtime {

struct Prompt {
  std::optional<std::string> text; // for artifacts with a tokenizer
  std::vector<int32_t> tokens;     // or ids
};

struct GenerateOptions {
  std::vector<Prompt> prompts; // prompt i continues the sequence of slot i
  uint64_t maxTokens = 256;    // per sequence
  SamplerOptions sampler;
  std::vector<std::string> stops;
  bool ignoreEos = false;
  bool decodeOnly = false; // feed the prompt token by token too
  uint32_t stepsPerLaunch = 1;
};

enum class FinishReason : uint8_t { Length, Eos, Stop, Caller };
const char *toString(FinishReason reason);

/// One generated token, or, with id -1, text that was held back until the end.
struct GeneratedToken {
  int32_t id;
  std::string_view text;         // released by this token; may lag behind while it could be part of a stop text
  std::span<const float> logits; // that it was chosen from, before penalties; only of the last step of a launch
  size_t sequence;               // number of the prompt
};

struct SequenceResult {
  uint64_t promptTokens = 0; // fed, without a token that was pending
  uint64_t generatedTokens = 0;
  FinishReason reason = FinishReason::Length;
};

struct GenerateResult {
  std::vector<SequenceResult> sequences; // one per prompt
  double promptSeconds = 0;              // from the call to the first choice of every sequence
  double firstTokenSeconds = 0;          // from the call to the first token
  double decodeSeconds = 0;              // from the first token to the last

  uint64_t promptTokens() const;
  uint64_t generatedTokens() const;
};

/// Continues the session's sequences: feeds what is pending and the prompts, then feeds the tokens that the model
/// chooses until each sequence has ended: by an end-of-sequence token (which is passed on, without text), a stop text,
/// `maxTokens`, the end of the KV cache, or `onToken` returning false, which ends all. Slots without a prompt, and
/// sequences that have ended, are idle. The entries are `decode` (one position) and, if there is one, `prefill`.
/// With several steps per launch `onToken` is asked after each launch, for all of its tokens.
/// Fails on prompts that are empty, have unknown ids or do not fit, and on more prompts than slots.
Result<GenerateResult> generate(Session &session, const GenerateOptions &options,
                                const std::function<bool(const GeneratedToken &)> &onToken);

} // namespace ingot::runtime
