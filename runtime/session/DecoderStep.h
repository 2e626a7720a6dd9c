// An entry that takes tokens at positions and chooses the next ones, with its inputs and outputs by role.
#pragma once

#include "runtime/session/Session.h"
#include "runtime/support/Status.h"

#include <span>
#include <string_view>

namespace ingot::runtime {

/// How the next token is chosen; docs/generation.md defines each.
struct SamplerOptions {
  float temperature = 0; // 0: the largest logit, the lowest token of equals
  int64_t topK = 0;      // 0: all
  float topP = 0;        // 0 and 1: all
  float presencePenalty = 0, frequencyPenalty = 0;
  float repetitionPenalty = 1; // 0 means 1
  uint64_t seed = 0;           // of slot 0; slot i uses seed + i
};

/// Fails with `invalidArgument` on what makes no sense, and names the option.
Status checkSampler(const SamplerOptions &options);

/// The tokens of one slot in one step.
struct SlotTokens {
  std::span<const int32_t> tokens; // none: the slot is idle
  int64_t start = 0;               // position of the first
  int32_t sampled = 0;             // how many of them, from the first, were sampled
};

class DecoderStep {
public:
  /// The entry `name`; without an entry (`found()` is false) if the artifact has none of that name. Fails if it does
  /// not sample, or has inputs of which nothing is known.
  static Result<DecoderStep> find(Session &session, const char *name);

  bool found() const { return entry != nullptr; }
  int64_t slots() const { return batch; }
  int64_t length() const { return rows; }
  int64_t vocabulary() const { return words; }

  void setSampler(const SamplerOptions &options);
  void setSlot(int64_t slot, const SlotTokens &tokens);
  Status run(Session &session) { return session.runStep(*entry); }
  Session::Entry &sessionEntry() { return *entry; }

  /// The token chosen for a slot that was not idle; -1 if a logit was NaN.
  int32_t next(int64_t slot) const { return nextTokens[slot]; }
  /// What it was chosen from, before penalties.
  std::span<const float> logits(int64_t slot) const;

private:
  Session::Entry *entry = nullptr;
  int32_t *tokens = nullptr, *start = nullptr, *count = nullptr, *sampled = nullptr;
  const int32_t *nextTokens = nullptr;
  const float *allLogits = nullptr;
  int64_t batch = 0, rows = 0, logitRows = 0, words = 0; // logitRows: 1 if only the last counted row has logits
};

} // namespace ingot::runtime
