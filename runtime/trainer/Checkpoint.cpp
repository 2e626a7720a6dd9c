#include "runtime/trainer/Checkpoint.h"

#include "runtime/formats/DTypes.h"
#include "runtime/formats/Layout.h"
#include "runtime/formats/Safetensors.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <utility>

namespace ingot::runtime {

namespace {

using Metadata = std::map<std::string, std::string>;

constexpr const char *kFormatKey = "ingot.checkpoint", *kFormat = "1";

std::string printList(const std::vector<uint64_t> &list) {
  std::string text;
  for (uint64_t value : list)
    text += (text.empty() ? "" : ",") + std::to_string(value);
  return text;
}

/// Numbers, one by one: a double as its bits.
std::vector<std::pair<const char *, uint64_t>> numbersOf(const TrainingPosition &position) {
  return {{"batch", position.batch},
          {"sequence", position.sequence},
          {"seed", position.seed},
          {"data_tokens", position.dataTokens},
          {"data_checksum", position.dataChecksum},
          {"step", position.step},
          {"next_batch", position.nextBatch},
          {"average_loss_bits", std::bit_cast<uint64_t>(position.averageLoss)},
          {"average_count", position.averageCount}};
}

std::vector<std::pair<std::string, std::string>> print(const TrainingPosition &position) {
  std::vector<std::pair<std::string, std::string>> metadata = {{kFormatKey, kFormat}, {"model", position.model}};
  for (const auto &[key, value] : numbersOf(position))
    metadata.emplace_back(key, std::to_string(value));
  metadata.emplace_back("skipped", printList(position.skipped));
  return metadata;
}

bool parseNumber(std::string_view text, uint64_t &value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Result<uint64_t> number(const Metadata &metadata, const char *key) {
  auto it = metadata.find(key);
  uint64_t value = 0;
  if (it == metadata.end() || !parseNumber(it->second, value))
    return Status::corrupt("its metadata expect a whole number '" + std::string(key) + "'");
  return value;
}

Result<TrainingPosition> parse(const Metadata &metadata) {
  // Whose file this is cannot be told, so it is not one to pass over and write again.
  if (!metadata.contains(kFormatKey))
    return Status::invalidArgument("it is no checkpoint of a training run");
  auto format = metadata.find(kFormatKey), model = metadata.find("model"), skipped = metadata.find("skipped");
  if (format->second != kFormat || model == metadata.end() || skipped == metadata.end())
    return Status::corrupt("it is no checkpoint of a training run");
  TrainingPosition position;
  position.model = model->second;
  uint64_t average = 0;
  for (auto [key, target] : {std::pair{"batch", &position.batch},
                             {"sequence", &position.sequence},
                             {"seed", &position.seed},
                             {"data_tokens", &position.dataTokens},
                             {"data_checksum", &position.dataChecksum},
                             {"step", &position.step},
                             {"next_batch", &position.nextBatch},
                             {"average_loss_bits", &average},
                             {"average_count", &position.averageCount}}) {
    Result<uint64_t> value = number(metadata, key);
    if (!value)
      return value.status();
    *target = *value;
  }
  position.averageLoss = std::bit_cast<double>(average);
  std::string_view rest = skipped->second;
  while (!rest.empty()) {
    size_t comma = std::min(rest.find(','), rest.size());
    uint64_t value = 0;
    if (!parseNumber(rest.substr(0, comma), value) || (!position.skipped.empty() && value <= position.skipped.back()))
      return Status::corrupt("its metadata expect ascending whole numbers in 'skipped'");
    position.skipped.push_back(value);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return position;
}

/// Whether a run under conditions `now` can go on from where `then` stands.
Status checkSame(const TrainingPosition &then, const TrainingPosition &now) {
  auto differs = [](const std::string &what, const auto &a, const auto &b) {
    return Status::invalidArgument("it was made with " + what + " " + a + ", but this run has " + b);
  };
  if (then.model != now.model)
    return differs("model", "'" + then.model + "'", "'" + now.model + "'");
  for (auto [what, a, b] : {std::tuple{"a batch of", then.batch, now.batch},
                            {"sequences of", then.sequence, now.sequence},
                            {"seed", then.seed, now.seed}})
    if (a != b)
      return differs(what, std::to_string(a), std::to_string(b));
  if (then.dataTokens != now.dataTokens || then.dataChecksum != now.dataChecksum)
    return Status::invalidArgument("it was made with other data; to start on new data with its weights, use --params");
  return Status::success();
}

} // namespace

Result<CheckpointSource> CheckpointSource::create(Session &session, const Session::Entry &entry) {
  const Manifest &manifest = session.artifact().manifest();
  std::set<std::string> used;
  for (const program::Buffer &buffer : entry.prepared->program->buffers)
    if (buffer.kind == program::BufferKind::State)
      used.insert(buffer.name);
  CheckpointSource source;
  std::set<std::string> trained;
  for (size_t i = 0; i < manifest.state.size(); ++i) {
    const ManifestState &state = manifest.state[i];
    if (!used.contains(state.name))
      continue;
    if (!state.param.empty() && !trained.insert(state.param).second)
      return Status::unsupported("training an artifact with two states that start as parameter '" + state.param +
                                 "' is not supported yet");
    source.items.push_back(
        {state.param.empty() ? state.name : state.param, state.dtype, state.shape, static_cast<int64_t>(i), 0});
  }
  for (size_t i = 0; i < manifest.params.size(); ++i) {
    const ManifestParam &param = manifest.params[i];
    if (param.constant || trained.contains(param.name))
      continue;
    Result<StoredLayout> layout = StoredLayout::parse(param.layout, param.shape);
    if (!layout)
      return Status(layout.status()).withContext("parameter '" + param.name + "'");
    source.items.push_back({param.name, param.dtype, layout->logicalShape, -1, i});
  }
  return source;
}

Status CheckpointSource::take(const Session &session, const TrainingPosition &position,
                              std::vector<std::byte> &image) const {
  std::vector<SafetensorsEntry> entries;
  for (const Item &item : items)
    entries.push_back({item.name, item.dtype, item.shape});
  Result<SafetensorsLayout> layout = layoutSafetensors(entries, print(position));
  if (!layout)
    return layout.status();
  image.resize(layout->fileSize);
  std::memcpy(image.data(), layout->header.data(), layout->header.size());
  for (size_t i = 0; i < items.size(); ++i) {
    std::byte *to = image.data() + layout->offsets[i];
    if (items[i].state < 0) {
      INGOT_RETURN_IF_ERROR(session.copyParam(items[i].param, items[i].dtype, to));
    } else if (std::span<const std::byte> from = session.stateBytes(static_cast<size_t>(items[i].state));
               !from.empty()) {
      std::memcpy(to, from.data(), from.size());
    }
  }
  return Status::success();
}

Status CheckpointSource::restore(const std::string &path, Session &session, const TrainingPosition &expected,
                                 TrainingPosition &position) const {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  std::string context = "checkpoint '" + path + "'";
  Result<Safetensors> tensors = Safetensors::parse(file->bytes());
  if (!tensors)
    return Status(tensors.status()).withContext(context);
  Result<TrainingPosition> read = parse(tensors->metadata());
  if (!read)
    return Status(read.status()).withContext(context);
  INGOT_RETURN_IF_ERROR(checkSame(*read, expected).withContext(context));
  for (const Item &item : items) {
    const SafetensorsTensor *tensor = tensors->find(item.name);
    if (!tensor || tensor->dtype != item.dtype || tensor->shape != item.shape)
      return Status::invalidArgument(context + ": it is of another model: '" + item.name + "' expects " +
                                     typeText(item.dtype, item.shape) + (tensor ? ", but it has another type" : "") +
                                     (tensor ? "" : ", but there is none"));
  }
  // Parameters that are not trained, too: the run may have begun with others than the artifact's.
  bool otherParams = false;
  std::vector<std::byte> own;
  for (const Item &item : items) {
    if (item.state >= 0)
      continue;
    std::span<const std::byte> then = tensors->find(item.name)->data;
    own.resize(then.size());
    INGOT_RETURN_IF_ERROR(session.copyParam(item.param, item.dtype, own.data()));
    otherParams |= !std::equal(own.begin(), own.end(), then.begin());
  }
  if (otherParams)
    INGOT_RETURN_IF_ERROR(session.loadParams(path));
  for (const Item &item : items)
    if (item.state >= 0)
      if (std::span<std::byte> to = session.stateBytes(static_cast<size_t>(item.state)); !to.empty())
        std::memcpy(to.data(), tensors->find(item.name)->data.data(), to.size());
  position = std::move(*read);
  return Status::success();
}

} // namespace ingot::runtime
