#include "TimedEntry.h"

#include "runtime/formats/DTypes.h"
#include "runtime/formats/File.h"
#include "runtime/formats/TargetDescription.h"

#include <algorithm>
#include <cstring>
#include <span>

namespace ingot::tool {

using namespace runtime;
using program::DType;

namespace {

template <typename T> void fill(std::byte *data, uint64_t count, int64_t value) {
  std::fill_n(reinterpret_cast<T *>(data), count, static_cast<T>(value));
}

void fillInteger(const ManifestTensor &tensor, std::byte *data, int64_t value) {
  uint64_t count = checkedElements(tensor.shape).value_or(0);
  if (tensor.dtype == DType::i8)
    fill<int8_t>(data, count, value);
  else if (tensor.dtype == DType::i32)
    fill<int32_t>(data, count, value);
  else if (tensor.dtype == DType::i64)
    fill<int64_t>(data, count, value);
}

void fillTokens(const ManifestEntry &entry, const ManifestTensor &tensor, std::byte *data) {
  const ManifestTensor *logits = entry.outputOfRole(kRoleLogits);
  int64_t low = tensor.range ? tensor.range->first : 0;
  int64_t high = tensor.range ? tensor.range->second : logits ? logits->shape.back() - 1 : 0;
  auto *tokens = reinterpret_cast<int32_t *>(data);
  uint64_t span = static_cast<uint64_t>(std::max<int64_t>(high - low, 0)) + 1;
  for (uint64_t i = 0; i < checkedElements(tensor.shape).value_or(0); ++i)
    tokens[i] = static_cast<int32_t>(low + static_cast<int64_t>((i + 1) * 2654435761u % span));
}

} // namespace

Status writeFile(const std::string &path, const std::string &text) {
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  INGOT_RETURN_IF_ERROR(file->writeAt(0, std::as_bytes(std::span(text.data(), text.size()))));
  return file->commit();
}

void TimingOptions::addTimingTo(CLI::App &app) {
  app.add_option("--entry", entry, "The entry")->type_name("NAME");
  app.add_option("--position", position, "Positions that the sequence has behind it [64]")
      ->check(whole(0))
      ->type_name("N");
  app.add_option(
         "--target-description", description,
         "Schedule for this machine, as `ingot bench --calibrate` describes it [what the artifact was compiled for]")
      ->check([](const std::string &path) { return path.empty() ? std::string("expects a file, but got ''") : ""; })
      ->type_name("FILE.json");
}

Result<std::optional<program::CostModel>> TimingOptions::costs() const {
  if (description.empty())
    return std::optional<program::CostModel>();
  Result<TargetDescription> read = readTargetDescription(description);
  return read ? Result<std::optional<program::CostModel>>(std::optional(read->costs)) : read.status();
}

Result<std::unique_ptr<Session>> startSession(const TimingOptions &options) {
  if (options.ranks != 1)
    return Status::unsupported("running on several ranks is not supported yet");
  if (options.launch != "" && options.launch != "megakernel" && options.launch != "eager")
    return Status::unsupported("timing --launch " + options.launch + " is not supported yet");
  Result<std::shared_ptr<Artifact>> artifact = Artifact::open(options.artifact);
  if (!artifact)
    return artifact.status();
  Result<std::shared_ptr<CpuTarget>> target =
      CpuTarget::create(options.target, options.workers, options.affinity.empty() ? nullptr : options.affinity.c_str());
  if (!target)
    return target.status();
  SessionOptions sessionOptions;
  sessionOptions.eager = options.launch == "eager";
  Result<std::optional<program::CostModel>> costs = options.costs();
  if (!costs)
    return costs.status();
  sessionOptions.costs = *costs;
  Result<std::unique_ptr<Session>> session = Session::create(*artifact, *target, sessionOptions);
  if (!session)
    return Status(session.status()).withContext("'" + options.artifact + "'");
  if (!options.params.empty())
    INGOT_RETURN_IF_ERROR((*session)->loadParams(options.params));
  return session;
}

void fillInputs(Session &session, Session::Entry &entry, uint64_t position) {
  const ManifestEntry &manifest = entry.manifest();
  const ManifestTensor *tokens = manifest.inputOfRole(kRoleTokens);
  int64_t count = tokens && tokens->shape.size() == 2 ? tokens->shape[1] : 0;
  int64_t maxSeq = session.artifact().maxSeq();
  if (maxSeq > 0)
    count = std::min(count, maxSeq);
  uint64_t room = static_cast<uint64_t>(std::max<int64_t>(maxSeq - count, 0));
  int64_t start = static_cast<int64_t>(std::min(position, room));
  for (size_t i = 0; i < manifest.inputs.size(); ++i) {
    const ManifestTensor &tensor = manifest.inputs[i];
    std::memset(entry.inputs[i], 0, checkedBytes(tensor.dtype, tensor.shape).value_or(0));
    int64_t value = tensor.role == kRoleStart ? start : tensor.role == kRoleCount ? count : 0;
    if (tensor.role == kRoleTokens && tensor.dtype == DType::i32)
      fillTokens(manifest, tensor, entry.inputs[i]);
    else
      fillInteger(tensor, entry.inputs[i],
                  tensor.range ? std::clamp(value, tensor.range->first, tensor.range->second) : value);
  }
}

Result<Session::Entry *> chooseTimedEntry(Session &session, const std::string &name) {
  const std::vector<ManifestEntry> &entries = session.artifact().manifest().entries;
  if (name.empty() && entries.size() == 1)
    return session.findEntry(entries.front().name);
  if (Session::Entry *entry = session.findEntry(name.empty() ? "decode" : name))
    return entry;
  std::string known;
  for (const ManifestEntry &entry : entries)
    known += (known.empty() ? "" : ", ") + entry.name;
  return Status::invalidArgument(name.empty() ? "choose an entry with --entry: " + known
                                              : "the artifact has no entry '" + name + "', but " + known);
}

} // namespace ingot::tool
