#include "runtime/session/DecoderStep.h"

#include <algorithm>
#include <cmath>

namespace ingot::runtime {

namespace {

Status expect(bool holds, const char *option, const char *expectation, float value) {
  if (holds)
    return Status::success();
  return Status::invalidArgument(std::string(option) + " expects " + expectation + ", but got " +
                                 std::to_string(value));
}

} // namespace

Status checkSampler(const SamplerOptions &options) {
  auto finite = [](float value) { return std::isfinite(value); };
  INGOT_RETURN_IF_ERROR(expect(finite(options.temperature) && options.temperature >= 0, "temperature",
                               "a finite number of at least 0", options.temperature));
  INGOT_RETURN_IF_ERROR(expect(options.topP >= 0 && options.topP <= 1, "top_p", "a number from 0 to 1", options.topP));
  INGOT_RETURN_IF_ERROR(
      expect(finite(options.presencePenalty), "presence_penalty", "a finite number", options.presencePenalty));
  INGOT_RETURN_IF_ERROR(
      expect(finite(options.frequencyPenalty), "frequency_penalty", "a finite number", options.frequencyPenalty));
  INGOT_RETURN_IF_ERROR(expect(finite(options.repetitionPenalty) && options.repetitionPenalty >= 0,
                               "repetition_penalty", "a finite number of at least 0", options.repetitionPenalty));
  if (options.topK < 0 || options.topK > INT32_MAX)
    return Status::invalidArgument("top_k expects a number from 0 to " + std::to_string(INT32_MAX) + ", but got " +
                                   std::to_string(options.topK));
  return Status::success();
}

Result<DecoderStep> DecoderStep::find(Session &session, const char *name) {
  DecoderStep step;
  step.entry = session.findEntry(name);
  if (!step.entry)
    return step;
  const ManifestEntry &manifest = step.entry->manifest();
  auto refuse = [&](const std::string &why) {
    return Status::invalidArgument("entry '" + manifest.name + "' cannot generate: " + why);
  };
  const ManifestTensor *tokens = manifest.inputOfRole(kRoleTokens), *logits = manifest.outputOfRole(kRoleLogits);
  if (!tokens || !logits)
    return refuse("it has no tokens or no logits");
  if (tokens->shape[0] < 1 || tokens->shape[1] < 1 || logits->shape[1] < 1 || logits->shape[2] < 1)
    return refuse("it is empty");
  for (const ManifestTensor &input : manifest.inputs)
    if (input.role != kRoleTokens && input.role != kRoleStart && input.role != kRoleCount &&
        !isSamplingRole(input.role))
      return refuse("nothing is known about its input '" + input.name + "'");
  auto input = [&](const char *role) { return reinterpret_cast<int32_t *>(step.entry->inputOfRole(role)); };
  step.tokens = input(kRoleTokens);
  step.start = input(kRoleStart);
  step.count = input(kRoleCount);
  step.sampled = input(kRoleSampled);
  step.nextTokens = reinterpret_cast<const int32_t *>(step.entry->outputOfRole(kRoleNext));
  step.allLogits = reinterpret_cast<const float *>(step.entry->outputOfRole(kRoleLogits));
  if (!step.start || !step.count)
    return refuse("it has no start or no count");
  if (!step.nextTokens)
    return refuse("it does not sample; `ingot compile` adds sampling to decoders, so compile the model again");
  for (const char *role : kSamplingRoles)
    if (!manifest.inputOfRole(role))
      return refuse("it has no input of role '" + std::string(role) + "'");
  step.batch = tokens->shape[0];
  step.rows = tokens->shape[1];
  step.logitRows = logits->shape[1];
  step.words = logits->shape[2];
  return step;
}

void DecoderStep::setSampler(const SamplerOptions &options) {
  auto fill = [&]<typename T>(const char *role, T value) {
    std::fill_n(reinterpret_cast<T *>(entry->inputOfRole(role)), batch, value);
  };
  fill(kRoleTemperature, options.temperature);
  fill(kRoleTopK, static_cast<int32_t>(options.topK));
  fill(kRoleTopP, options.topP);
  fill(kRolePresence, options.presencePenalty);
  fill(kRoleFrequency, options.frequencyPenalty);
  fill(kRoleRepetition, options.repetitionPenalty);
  auto *seeds = reinterpret_cast<uint64_t *>(entry->inputOfRole(kRoleSeed));
  for (int64_t slot = 0; slot < batch; ++slot)
    seeds[slot] = options.seed + static_cast<uint64_t>(slot);
}

void DecoderStep::setSlot(int64_t slot, const SlotTokens &given) {
  int32_t *row = tokens + slot * rows;
  std::copy(given.tokens.begin(), given.tokens.end(), row);
  std::fill(row + given.tokens.size(), row + rows, 0); // rows beyond count are not looked at
  start[slot] = static_cast<int32_t>(given.start);
  count[slot] = static_cast<int32_t>(given.tokens.size());
  sampled[slot] = given.sampled;
}

std::span<const float> DecoderStep::logits(int64_t slot) const {
  int64_t row = std::min<int64_t>(count[slot], logitRows) - 1;
  return {allLogits + (slot * logitRows + row) * words, static_cast<size_t>(words)};
}

} // namespace ingot::runtime
