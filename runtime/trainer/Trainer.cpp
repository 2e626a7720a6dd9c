#include "runtime/trainer/Trainer.h"

#include "runtime/formats/DTypes.h"
#include "runtime/trainer/CheckpointFolder.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace ingot::runtime {

namespace {

/// Rewinds in a row, after which a spike is no matter of a few batches.
constexpr uint64_t kMaxRewinds = 10;

double scalar(const std::byte *data) {
  float value = 0;
  if (data)
    std::memcpy(&value, data, sizeof(value));
  return static_cast<double>(value);
}

template <typename T> void setScalar(std::byte *data, T value) {
  if (data)
    std::memcpy(data, &value, sizeof(value));
}

Status checkExtent(const char *option, uint64_t given, const char *what, int64_t compiled) {
  if (given == 0 || given == static_cast<uint64_t>(compiled))
    return Status::success();
  return Status::invalidArgument(std::string(option) + " expects " + std::to_string(compiled) +
                                 ", which the artifact was compiled for, but got " + std::to_string(given) + " " +
                                 what);
}

std::string printed(double value) {
  if (std::isnan(value))
    return "nan"; // its sign means nothing
  char text[64];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

} // namespace

Result<std::unique_ptr<Trainer>> Trainer::create(Session &session, const TrainOptions &options,
                                                 TrainObserver observer) {
  std::unique_ptr<Trainer> trainer(new Trainer(session, options, std::move(observer)));
  INGOT_RETURN_IF_ERROR(trainer->checkEntry());
  if (options.steps == 0 || options.steps > INT32_MAX)
    return Status::invalidArgument("expects 1 to 2147483647 steps, but got " + std::to_string(options.steps));
  if (options.spikeFactor != 0 && !(options.spikeFactor > 1 && std::isfinite(options.spikeFactor)))
    return Status::invalidArgument("the spike factor expects a number above 1, but got " +
                                   printed(options.spikeFactor));
  if (options.skipBatches == 0)
    return Status::invalidArgument("expects to skip at least one batch after a spike");
  INGOT_RETURN_IF_ERROR(options.schedule.check());
  INGOT_RETURN_IF_ERROR(trainer->openData());
  Result<CheckpointSource> source = CheckpointSource::create(session, *trainer->entry);
  if (!source)
    return source.status();
  trainer->source = std::move(*source);
  INGOT_RETURN_IF_ERROR(trainer->startRun());
  return trainer;
}

Status Trainer::checkEntry() {
  entry = session.findEntry(kTrainEntry);
  if (!entry)
    return Status::invalidArgument("the artifact has no entry '" + std::string(kTrainEntry) +
                                   "'; `ingot compile --train` makes one");
  const ManifestEntry &manifest = entry->manifest();
  for (const char *role : {kRoleTokens, kRoleTargets})
    if (!manifest.inputOfRole(role))
      return Status::invalidArgument("entry '" + manifest.name + "' has no input with role '" + role + "'");
  if (!manifest.outputOfRole(kRoleLoss))
    return Status::invalidArgument("entry '" + manifest.name + "' has no output with role 'loss'");
  for (const ManifestTensor &input : manifest.inputs) {
    bool known = false;
    for (const char *role : {kRoleTokens, kRoleTargets, kRoleWeights, kRoleLr, kRoleStep})
      known |= input.role == role;
    if (!known)
      return Status::unsupported("training with the input '" + input.name + "' of role '" + input.role +
                                 "' is not supported yet");
  }
  const std::vector<int64_t> &shape = manifest.inputOfRole(kRoleTokens)->shape;
  if (shape[0] < 1 || shape[1] < 1)
    return Status::invalidArgument("entry '" + manifest.name + "' takes no tokens");
  INGOT_RETURN_IF_ERROR(checkExtent("--batch", options.batch, "sequences", shape[0]));
  INGOT_RETURN_IF_ERROR(checkExtent("--seq", options.sequence, "tokens", shape[1]));
  position.batch = static_cast<uint64_t>(shape[0]);
  position.sequence = static_cast<uint64_t>(shape[1]);
  return Status::success();
}

Status Trainer::openData() {
  const ManifestEntry &manifest = entry->manifest();
  uint64_t vocabulary = UINT64_MAX;
  for (const char *role : {kRoleTokens, kRoleTargets})
    if (const auto &range = manifest.inputOfRole(role)->range)
      vocabulary = std::min(vocabulary, static_cast<uint64_t>(std::max<int64_t>(range->second, -1)) + 1);
  Result<TrainingData> opened =
      TrainingData::open(options.data, options.format, session.artifact().tokenizer(), vocabulary);
  if (!opened)
    return opened.status();
  data = std::move(*opened);
  Result<Batches> made = Batches::create(data, position.batch, position.sequence, options.seed);
  if (!made)
    return Status(made.status()).withContext("'" + options.data + "'");
  batches = *made;
  position.model = session.artifact().manifest().modelName();
  position.seed = options.seed;
  position.dataTokens = data.size();
  position.dataChecksum = data.checksum();
  return Status::success();
}

Status Trainer::startRun() {
  Result<std::vector<uint64_t>> checkpoints = listCheckpoints(options.folder);
  if (!checkpoints)
    return checkpoints.status();
  if (options.resume)
    return resumeRun(*checkpoints);
  if (!checkpoints->empty())
    return Status::invalidArgument("'" + options.folder +
                                   "' holds checkpoints already; --resume goes on from the newest of them");
  return Status::success();
}

Status Trainer::resumeRun(const std::vector<uint64_t> &checkpoints) {
  for (auto step = checkpoints.rbegin(); step != checkpoints.rend(); ++step) {
    std::string path = checkpointPath(options.folder, *step);
    TrainingPosition read;
    Status status = source->restore(path, session, position, read);
    if (status.code() == StatusCode::corrupt) {
      if (observer.event)
        observer.event(TrainEvent::Unreadable, *step, path);
      continue;
    }
    INGOT_RETURN_IF_ERROR(std::move(status));
    if (read.step > options.steps)
      return Status::invalidArgument("checkpoint '" + path + "' is of step " + std::to_string(read.step) +
                                     ", but the run ends at step " + std::to_string(options.steps));
    position = read;
    average.restore(read.averageLoss, read.averageCount);
    savedStep = read.step;
    if (observer.event)
      observer.event(TrainEvent::Resumed, read.step, path);
    return Status::success();
  }
  if (!checkpoints.empty())
    return Status::corrupt("none of the checkpoints in '" + options.folder +
                           "' can be read; a new run needs another folder");
  return Status::success();
}

Status Trainer::run() {
  INGOT_RETURN_IF_ERROR(makeFolder(options.folder));
  if (options.resume)
    removeUnfinishedCheckpoints(options.folder);
  if (options.spikeFactor != 0 && savedStep == UINT64_MAX)
    INGOT_RETURN_IF_ERROR(save()); // there must be something to rewind to
  before = std::chrono::steady_clock::now();
  while (position.step < options.steps && !(observer.stop && observer.stop->load(std::memory_order_relaxed))) {
    uint64_t before = position.step;
    INGOT_RETURN_IF_ERROR(oneStep());
    // A run that went back stands at a checkpoint already, and must not take writing it once more for progress.
    if (options.checkpointEvery && position.step > before && position.step % options.checkpointEvery == 0)
      INGOT_RETURN_IF_ERROR(save());
  }
  if (savedStep != position.step)
    INGOT_RETURN_IF_ERROR(save());
  INGOT_RETURN_IF_ERROR(writer.finish());
  if (position.step < options.steps)
    return Status::cancelled("stopped after step " + std::to_string(position.step) + "; --resume goes on from '" +
                             newest() + "'");
  return Status::success();
}

std::string Trainer::newest() const { return savedStep == UINT64_MAX ? "" : checkpointPath(options.folder, savedStep); }

Status Trainer::oneStep() {
  while (std::binary_search(position.skipped.begin(), position.skipped.end(), position.nextBatch))
    ++position.nextBatch;
  TrainedStep report;
  uint64_t batch = position.nextBatch;
  report.step = position.step + 1;
  report.learningRate = options.schedule.at(report.step);
  INGOT_RETURN_IF_ERROR(runStep(report));
  if (options.spikeFactor != 0 && isSpike(report))
    return rewind(batch);
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradNorm)) {
    // A checkpoint may still be on its way to the disk.
    INGOT_RETURN_IF_ERROR(writer.finish());
    std::string path = newest();
    return Status::invalidArgument(std::string(std::isfinite(report.loss) ? "the norm of the gradients" : "the loss") +
                                   " is " + printed(std::isfinite(report.loss) ? report.gradNorm : report.loss) +
                                   " at step " + std::to_string(report.step) +
                                   (path.empty() ? "; there is no checkpoint from before"
                                                 : "; the last checkpoint from before is '" + path + "'"));
  }
  position.step = report.step;
  position.nextBatch = batch + 1;
  average.add(report.loss);
  position.averageLoss = average.value();
  position.averageCount = average.count();
  report.averageLoss = average.known() ? average.value() : report.loss;
  if (observer.step)
    observer.step(report);
  return Status::success();
}

Status Trainer::runStep(TrainedStep &report) {
  uint64_t elements = tokensPerStep();
  auto ints = [&](const char *role) {
    return std::span(reinterpret_cast<int32_t *>(entry->inputOfRole(role)), elements);
  };
  batches.read(position.nextBatch, ints(kRoleTokens), ints(kRoleTargets));
  if (std::byte *weights = entry->inputOfRole(kRoleWeights))
    std::fill_n(reinterpret_cast<float *>(weights), elements, 1.0f);
  setScalar(entry->inputOfRole(kRoleLr), static_cast<float>(report.learningRate));
  setScalar(entry->inputOfRole(kRoleStep), static_cast<int32_t>(report.step));
  INGOT_RETURN_IF_ERROR(session.runStep(*entry));
  auto now = std::chrono::steady_clock::now();
  report.seconds = std::chrono::duration<double>(now - before).count();
  before = now;
  report.loss = scalar(entry->outputOfRole(kRoleLoss));
  report.gradNorm = scalar(entry->outputOfRole(kRoleGradNorm));
  return Status::success();
}

bool Trainer::isSpike(const TrainedStep &report) const {
  return average.known() && !(report.loss <= options.spikeFactor * average.value() && std::isfinite(report.gradNorm));
}

Status Trainer::rewind(uint64_t batch) {
  INGOT_RETURN_IF_ERROR(writer.finish());
  if (++rewinds > kMaxRewinds)
    return Status::invalidArgument("the loss at step " + std::to_string(position.step + 1) + " is a spike after " +
                                   std::to_string(kMaxRewinds) + " rewinds from there; expects a larger spike factor");
  std::vector<uint64_t> skipped = position.skipped;
  for (uint64_t i = 0; i < options.skipBatches && i <= batch; ++i)
    skipped.push_back(batch - i);
  std::sort(skipped.begin(), skipped.end());
  skipped.erase(std::unique(skipped.begin(), skipped.end()), skipped.end());
  std::string path = checkpointPath(options.folder, savedStep);
  TrainingPosition expected = position, read;
  INGOT_RETURN_IF_ERROR(source->restore(path, session, expected, read));
  uint64_t spike = position.step + 1;
  position = read;
  position.skipped = std::move(skipped);
  average.restore(read.averageLoss, read.averageCount);
  if (observer.event)
    observer.event(TrainEvent::Rewound, spike, path);
  return Status::success();
}

Status Trainer::save() {
  Result<std::vector<std::byte> *> image = writer.nextImage();
  if (!image)
    return image.status();
  INGOT_RETURN_IF_ERROR(source->take(session, position, **image));
  INGOT_RETURN_IF_ERROR(writer.write(checkpointPath(options.folder, position.step)));
  savedStep = position.step;
  rewinds = 0;
  return Status::success();
}

uint64_t Trainer::trainedElements() const {
  uint64_t elements = 0;
  for (const ManifestState &state : session.artifact().manifest().state)
    if (!state.param.empty())
      elements += checkedElements(state.shape).value_or(0);
  return elements;
}

} // namespace ingot::runtime
