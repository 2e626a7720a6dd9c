#include "DebugInputs.h"

#include "runtime/formats/Convert.h"
#include "runtime/formats/DTypes.h"
#include "runtime/program/SplitMix64.h"

#include <algorithm>
#include <cstring>

namespace ingot::tool {

using program::DType;
using runtime::ManifestEntry;
using runtime::ManifestTensor;
using runtime::Session;

namespace {

class Random : public program::SplitMix64 {
public:
  using SplitMix64::SplitMix64;

  float unit() { return static_cast<float>(static_cast<double>(next() >> 11) * 0x1p-52 - 1); }
  int64_t within(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high) - static_cast<uint64_t>(low) + 1));
  }
};

template <typename T> void put(std::string &bytes, T value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
}

void putInteger(std::string &bytes, DType dtype, int64_t value) {
  if (dtype == DType::i1 || dtype == DType::i8)
    put(bytes, static_cast<int8_t>(value));
  else if (dtype == DType::i32)
    put(bytes, static_cast<int32_t>(value));
  else
    put(bytes, value);
}

void putRandom(std::string &bytes, const ManifestTensor &tensor, std::pair<int64_t, int64_t> range, Random &random) {
  switch (tensor.dtype) {
  case DType::f64:
    return put(bytes, static_cast<double>(random.unit()));
  case DType::f32:
    return put(bytes, random.unit());
  case DType::f16:
    return put(bytes, static_cast<_Float16>(random.unit()));
  case DType::bf16:
    return put(bytes, runtime::toBFloat16(random.unit()));
  case DType::i1:
    return putInteger(bytes, tensor.dtype, random.within(0, 1));
  default:
    return putInteger(bytes, tensor.dtype, random.within(range.first, range.second));
  }
}

std::pair<int64_t, int64_t> rangeOf(const ManifestEntry &entry, const ManifestTensor &tensor) {
  if (tensor.range)
    return *tensor.range;
  const ManifestTensor *logits = entry.outputOfRole(runtime::kRoleLogits);
  bool isToken = tensor.role == runtime::kRoleTokens && logits;
  return {0, isToken ? std::max<int64_t>(logits->shape.back() - 1, 0) : 15};
}

std::map<std::string, Array> makeInputs(const ManifestEntry &entry, int64_t start, int64_t length, Random &random) {
  std::map<std::string, Array> inputs;
  for (const ManifestTensor &tensor : entry.inputs) {
    Array &array = inputs[tensor.name];
    array = {tensor.dtype, tensor.shape, {}};
    uint64_t elements = *runtime::checkedElements(tensor.shape);
    for (uint64_t i = 0; i < elements; ++i)
      if (tensor.role == runtime::kRoleStart)
        putInteger(array.data, tensor.dtype, start);
      else if (tensor.role == runtime::kRoleCount)
        putInteger(array.data, tensor.dtype, length);
      else if (!runtime::isSamplingRole(tensor.role))
        putRandom(array.data, tensor, rangeOf(entry, tensor), random);
    array.data.resize(elements * program::byteSize(tensor.dtype)); // zeros: the largest logit is taken
  }
  return inputs;
}

} // namespace

Result<std::vector<DebugStep>> planSteps(const Session &session, const std::string &name, uint64_t count,
                                         uint64_t seed) {
  const runtime::Manifest &manifest = session.artifact().manifest();
  std::vector<const ManifestEntry *> entries;
  std::string known;
  for (const ManifestEntry &entry : manifest.entries) {
    known += (known.empty() ? "" : ", ") + entry.name;
    if (name.empty() || entry.name == name)
      entries.insert(entry.name == "prefill" ? entries.begin() : entries.end(), &entry);
  }
  if (entries.empty())
    return Status::invalidArgument("the artifact has no entry '" + name + "', but " + known);
  Random random(seed);
  std::vector<DebugStep> steps;
  int64_t position = 0, maxSeq = session.artifact().maxSeq();
  for (const ManifestEntry *entry : entries) {
    const ManifestTensor *tokens = entry->inputOfRole(runtime::kRoleTokens);
    int64_t length = tokens ? tokens->shape[1] : 0;
    // What trains reads its tokens as a whole: they take no positions.
    bool decodes = maxSeq > 0 && !entry->trains();
    uint64_t repeats = length == 1 && !entry->trains() ? count : 1;
    // A prompt leaves room for what is decoded behind it.
    if (decodes && length > 1)
      length = std::max<int64_t>(std::min(length, maxSeq - position - static_cast<int64_t>(count)), 1);
    for (uint64_t i = 0; i < repeats; ++i) {
      if (decodes && position + length > maxSeq)
        return Status::invalidArgument("expects fewer --steps than " + std::to_string(count) + ": entry '" +
                                       entry->name + "' has room for " + counted(i, "step") + " in " +
                                       counted(static_cast<uint64_t>(maxSeq), "position"));
      std::string what = entry->name + (repeats > 1 ? ", step " + std::to_string(i + 1) : "");
      steps.push_back({what, entry->name, makeInputs(*entry, position, length, random)});
      position += decodes ? length : 0;
    }
  }
  return steps;
}

} // namespace ingot::tool
