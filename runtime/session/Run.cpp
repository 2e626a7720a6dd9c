// Running a step: what the caller's tensors must be, and what a step may be asked to do.
#include "runtime/session/Borrowed.h"
#include "runtime/session/Session.h"

#include "runtime/formats/DTypes.h"
#include "runtime/session/DecoderStep.h"

#include <algorithm>
#include <cstring>

namespace ingot::runtime {

using program::DType;

namespace {

/// The choice of the next token stands behind what the model itself has, and may be left out.
bool isOptional(const ManifestTensor &tensor) { return isSamplingRole(tensor.role) || tensor.role == kRoleNext; }

Status checkTensors(const char *kind, const std::vector<ManifestTensor> &expected, std::span<const TensorView> given) {
  if (given.size() > expected.size() ||
      !std::all_of(expected.begin() + static_cast<int64_t>(given.size()), expected.end(), isOptional))
    return Status::invalidArgument("expects " + std::to_string(expected.size()) + " " + kind + "s, but got " +
                                   std::to_string(given.size()));
  for (size_t i = 0; i < given.size(); ++i) {
    const ManifestTensor &tensor = expected[i];
    if (tensor.dtype != given[i].dtype ||
        !std::equal(tensor.shape.begin(), tensor.shape.end(), given[i].shape.begin(), given[i].shape.end()))
      return Status::invalidArgument(std::string(kind) + " '" + tensor.name + "' expects " +
                                     typeText(tensor.dtype, tensor.shape) + ", but got " +
                                     typeText(given[i].dtype, given[i].shape));
    if (!given[i].data && *checkedBytes(tensor.dtype, tensor.shape) > 0)
      return Status::invalidArgument(std::string(kind) + " '" + tensor.name + "' has no data");
  }
  return Status::success();
}

/// Whether all values lie in [low, high]; the first that does not goes to `bad`.
template <typename T> bool allWithin(const std::byte *data, uint64_t count, int64_t low, int64_t high, int64_t &bad) {
  const T *values = reinterpret_cast<const T *>(data);
  for (uint64_t i = 0; i < count; ++i)
    if (values[i] < low || values[i] > high) {
      bad = values[i];
      return false;
    }
  return true;
}

Status checkRange(const ManifestTensor &tensor, const std::byte *data, int64_t low, int64_t high) {
  uint64_t count = *checkedElements(tensor.shape);
  int64_t bad = 0;
  bool fits = tensor.dtype == DType::i8    ? allWithin<int8_t>(data, count, low, high, bad)
              : tensor.dtype == DType::i32 ? allWithin<int32_t>(data, count, low, high, bad)
                                           : allWithin<int64_t>(data, count, low, high, bad);
  if (fits)
    return Status::success();
  return Status::invalidArgument("input '" + tensor.name + "' expects values from " + std::to_string(low) + " to " +
                                 std::to_string(high) + ", but got " + std::to_string(bad));
}

} // namespace

Status Session::run(std::string_view name, std::span<const TensorView> inputs, std::span<const TensorView> outputs) {
  Entry *entry = findEntry(name);
  if (!entry) {
    std::string known;
    for (const Entry &other : entries)
      known += (known.empty() ? "'" : ", '") + other.manifest().name + "'";
    return Status::invalidArgument("the artifact has no entry '" + std::string(name) + "'; it has " + known);
  }
  INGOT_RETURN_IF_ERROR(checkTensors("input", entry->manifest().inputs, inputs));
  INGOT_RETURN_IF_ERROR(checkTensors("output", entry->manifest().outputs, outputs));
  BorrowedTensors borrowed(*entry, inputs, outputs);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (uint64_t bytes = borrowed.hasInput(i) ? 0 : *checkedBytes(inputs[i].dtype, inputs[i].shape))
      std::memcpy(entry->inputs[i], inputs[i].data, bytes);
  for (size_t i = inputs.size(); i < entry->inputs.size(); ++i)
    std::memset(entry->inputs[i], 0,
                *checkedBytes(entry->manifest().inputs[i].dtype, entry->manifest().inputs[i].shape));
  INGOT_RETURN_IF_ERROR(runStep(*entry));
  for (size_t i = 0; i < outputs.size(); ++i)
    if (uint64_t bytes = borrowed.hasOutput(i) ? 0 : *checkedBytes(outputs[i].dtype, outputs[i].shape))
      std::memcpy(outputs[i].data, entry->outputs[i], bytes);
  return Status::success();
}

Status Session::runStep(Entry &entry) { return runSteps(entry, {}); }

Status Session::runSteps(Entry &entry, const std::function<bool()> &between) {
  if (broken)
    return Status::cancelled("the session was cancelled in the middle of a step; reset it first");
  INGOT_RETURN_IF_ERROR(missingParams);
  INGOT_RETURN_IF_ERROR(checkInputs(entry));
  if (takeCancellation())
    return Status::cancelled("the run was cancelled");
  Status status;
  if (options.interleavingSeed) {
    do
      status = entry.step->runInterleaved(*options.interleavingSeed + steps++, cancelled);
    while (status.ok() && between && between());
  } else {
    status = between ? entry.step->runSteps(*target->executor, cancelled, between)
                     : entry.step->run(*target->executor, cancelled);
  }
  if (!status.ok()) {
    broken = true;
    cancelled = false;
  }
  return status;
}

Status Session::checkInputs(const Entry &entry) const {
  const ManifestEntry &manifest = entry.manifest();
  for (size_t i = 0; i < manifest.inputs.size(); ++i) {
    const ManifestTensor &tensor = manifest.inputs[i];
    if (tensor.range)
      INGOT_RETURN_IF_ERROR(checkRange(tensor, entry.inputs[i], tensor.range->first, tensor.range->second));
    // Without a range of its own a token indexes the vocabulary that the logits are about.
    const ManifestTensor *logits = manifest.outputOfRole(kRoleLogits);
    if (!tensor.range && tensor.role == kRoleTokens && logits)
      INGOT_RETURN_IF_ERROR(checkRange(tensor, entry.inputs[i], 0, logits->shape[2] - 1));
    // Without a range of their own targets are of the vocabulary that the tokens are of.
    const ManifestTensor *tokens = manifest.inputOfRole(kRoleTokens);
    if (!tensor.range && tensor.role == kRoleTargets && tokens && tokens->range)
      INGOT_RETURN_IF_ERROR(checkRange(tensor, entry.inputs[i], tokens->range->first, tokens->range->second));
  }
  INGOT_RETURN_IF_ERROR(checkPositions(entry));
  return checkSampling(entry);
}

Status Session::checkPositions(const Entry &entry) const {
  const ManifestTensor *tokens = entry.manifest().inputOfRole(kRoleTokens);
  if (!tokens || entry.manifest().trains())
    return Status::success();
  auto *starts = reinterpret_cast<const int32_t *>(entry.inputOfRole(kRoleStart));
  auto *counts = reinterpret_cast<const int32_t *>(entry.inputOfRole(kRoleCount));
  for (int64_t slot = 0; slot < tokens->shape[0]; ++slot) {
    int64_t start = starts ? starts[slot] : 0, count = counts ? counts[slot] : tokens->shape[1];
    if (count < 0 || count > tokens->shape[1])
      return Status::invalidArgument("count expects values from 0 to " + std::to_string(tokens->shape[1]) +
                                     ", but got " + std::to_string(count));
    if (start < 0 || (file->maxSeq() > 0 && start + count > file->maxSeq()))
      return Status::invalidArgument("positions " + std::to_string(start) + " to " + std::to_string(start + count - 1) +
                                     " do not fit into max_seq " + std::to_string(file->maxSeq()));
  }
  return Status::success();
}

Status Session::checkSampling(const Entry &entry) const {
  const ManifestTensor *tokens = entry.manifest().inputOfRole(kRoleTokens);
  if (!tokens || entry.manifest().trains())
    return Status::success();
  auto *counts = reinterpret_cast<const int32_t *>(entry.inputOfRole(kRoleCount));
  for (int64_t slot = 0; slot < tokens->shape[0]; ++slot) {
    auto read = [&]<typename T>(const char *role, T) {
      auto *values = reinterpret_cast<const T *>(entry.inputOfRole(role));
      return values ? values[slot] : T(0); // what no input says is 0
    };
    SamplerOptions options;
    options.temperature = read(kRoleTemperature, 0.0f);
    options.topK = read(kRoleTopK, int32_t(0));
    options.topP = read(kRoleTopP, 0.0f);
    options.presencePenalty = read(kRolePresence, 0.0f);
    options.frequencyPenalty = read(kRoleFrequency, 0.0f);
    options.repetitionPenalty = read(kRoleRepetition, 0.0f);
    INGOT_RETURN_IF_ERROR(checkSampler(options));
    int64_t sampled = read(kRoleSampled, int32_t(0)), count = counts ? counts[slot] : tokens->shape[1];
    if (sampled < 0 || sampled > count)
      return Status::invalidArgument("sampled expects values from 0 to count, which is " + std::to_string(count) +
                                     ", but got " + std::to_string(sampled));
  }
  return Status::success();
}

} // namespace ingot::runtime
