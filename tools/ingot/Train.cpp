// ingot train: runs the train step of an artifact on data and leaves checkpoints.
#include "Command.h"
#include "OutputPath.h"
#include "Support.h"
#include "TimedEntry.h"
#include "TrainReport.h"

#include "runtime/formats/DTypes.h"
#include "runtime/trainer/CheckpointFolder.h"

#include <atomic>
#include <cfloat>
#include <cmath>
#include <csignal>
#include <filesystem>

namespace ingot::tool {

namespace {

struct Options : RunOptions {
  std::string data, format = "text", folder, log, picture, schedule = "cosine", coolDown = "cosine";
  uint64_t steps = 0, seed = 0, checkpointEvery = 0, batch = 0, sequence = 0, skipBatches = 1;
  uint64_t stableFrom = 0, annealFrom = 0;
  std::optional<uint64_t> warmup;
  double rate = 1e-3, least = 0, stable = 0, spikeFactor = 0, peakFlops = 0;
  std::vector<uint64_t> shape; // layers, heads, size of a head, and perhaps parameters
  bool resume = false;
};

/// Numbers above `low`; 0 stands for what was not given, so options do not take it.
CLI::Validator above(double low) {
  auto check = [=](const std::string &text) -> std::string {
    double value = 0;
    bool fits = CLI::detail::lexical_cast(text, value) && std::isfinite(value) && value > low;
    return fits ? ""
                : "expects a finite number above " + std::to_string(static_cast<int>(low)) + ", but got '" + text + "'";
  };
  return CLI::Validator(check, "");
}

/// Learning rates: the step takes them as float32.
CLI::Validator rate() {
  auto check = [](const std::string &text) -> std::string {
    double value = 0;
    bool fits = CLI::detail::lexical_cast(text, value) && value <= FLT_MAX && static_cast<float>(value) > 0;
    return fits ? "" : "expects a number above 0 in float32, but got '" + text + "'";
  };
  return CLI::Validator(check, "");
}

std::atomic<ingot_trainer *> runningTrainer{nullptr};

extern "C" void stopTraining(int) { ingot_train_stop(runningTrainer.load()); }

/// While it lives, the first SIGINT or SIGTERM ends the run after its step; the next one ends the program as usual.
class StopOnSignals {
public:
  explicit StopOnSignals(ingot_trainer *trainer) {
    runningTrainer = trainer;
    for (size_t i = 0; i < 2; ++i) {
      struct sigaction action = {};
      action.sa_handler = stopTraining;
      action.sa_flags = SA_RESETHAND | SA_RESTART;
      ::sigaction(kSignals[i], nullptr, &before[i]);
      if (before[i].sa_handler != SIG_IGN)
        ::sigaction(kSignals[i], &action, nullptr);
    }
  }
  ~StopOnSignals() {
    for (size_t i = 0; i < 2; ++i)
      ::sigaction(kSignals[i], &before[i], nullptr);
    runningTrainer = nullptr;
  }

private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM};
  struct sigaction before[2];
};

struct TrainerCloser {
  void operator()(ingot_trainer *trainer) const { ingot_train_close(trainer); }
};

std::string pictureOf(const Options &options) {
  return options.picture.empty() ? options.folder + "/loss.svg" : options.picture;
}

/// What is wrong with the files that a run writes beside checkpoints, or "": none may be one that it reads or another
/// one that it writes.
std::string clashOf(const Options &options) {
  namespace fs = std::filesystem;
  std::string picture = pictureOf(options);
  fs::path folder = canonical(options.folder);
  for (const auto &[option, path] : {std::pair("--log", options.log), {"--svg", picture}}) {
    if (path.empty())
      continue;
    for (const auto &[what, other] :
         {std::pair("the artifact", options.artifact), {"--data", options.data}, {"--params", options.params}})
      if (!other.empty() && isSameFile(path, other))
        return std::string(option) + " expects a file to write, but got '" + path + "', which is " + what;
    fs::path written = canonical(path);
    if (written.parent_path() == folder && runtime::isCheckpointName(written.filename().string()))
      return std::string(option) + " expects a file to write, but got '" + path + "', which is a checkpoint's name";
  }
  if (!options.log.empty() && isSameFile(options.log, picture))
    return "expects different files for --log and the picture, but got '" + picture + "' twice";
  return "";
}

/// Options that would have no effect, or "".
std::string uselessOf(const Options &options, const CLI::App &app) {
  const std::string &schedule = options.schedule;
  for (const char *name : {"--stable-lr", "--stable-from", "--cool-down"})
    if (app.count(name) && schedule != "infinite")
      return std::string(name) + " expects --schedule infinite, but it is " + schedule;
  if (app.count("--anneal-from") && schedule != "infinite" && schedule != "wsd")
    return "--anneal-from expects --schedule infinite or wsd, but it is " + schedule;
  if (app.count("--min-lr") && schedule == "constant")
    return "--min-lr expects a schedule that falls, but it is constant";
  if (app.count("--skip-batches") && options.spikeFactor == 0)
    return "--skip-batches expects --spike-factor, too";
  return "";
}

/// What a step counts as: by the formula for transformers if its shape is given, else what the compiler counted.
Utilisation utilisationOf(const Options &options, const runtime::Manifest &manifest, uint32_t workers) {
  Utilisation result;
  result.peakFlops = options.peakFlops;
  if (result.peakFlops == 0 && manifest.targetDescription)
    result.peakFlops = manifest.targetDescription->costs.flopsPerSecond * workers;
  const runtime::ManifestEntry *entry = manifest.findEntry("train_step");
  const runtime::ManifestTensor *tokens = entry ? entry->inputOfRole(runtime::kRoleTokens) : nullptr;
  if (!tokens)
    return result; // the run will say what is missing
  auto batch = static_cast<uint64_t>(tokens->shape[0]), sequence = static_cast<uint64_t>(tokens->shape[1]);
  if (options.shape.empty()) {
    for (const auto &[name, flops] : manifest.flops)
      if (name == entry->name)
        result.flopsPerStep = static_cast<double>(flops);
    result.convention = "all operations of the step, as compiled";
  } else {
    runtime::ModelShape shape{0, options.shape[0], options.shape[1], options.shape[2]};
    for (const runtime::ManifestState &state : manifest.state)
      shape.params += state.param.empty() ? 0 : runtime::checkedElements(state.shape).value_or(0);
    if (options.shape.size() > 3)
      shape.params = options.shape[3];
    result.flopsPerStep = shape.flopsPerToken(sequence) * static_cast<double>(batch * sequence);
    result.convention = "6 N + 12 L H Q T operations per token with N = " + std::to_string(shape.params);
  }
  if (result.flopsPerStep == 0)
    result.peakFlops = 0;
  return result;
}

ingot_schedule toSchedule(const std::string &name) {
  return name == "constant" ? INGOT_SCHEDULE_CONSTANT
         : name == "wsd"    ? INGOT_SCHEDULE_WSD
         : name == "cosine" ? INGOT_SCHEDULE_COSINE
                            : INGOT_SCHEDULE_INFINITE;
}

ingot_train_options toTrainOptions(const Options &options, const runtime::Manifest &manifest) {
  ingot_train_options result = {};
  result.size = sizeof(result);
  result.data = options.data.c_str();
  result.data_format = options.format == "text" ? INGOT_DATA_TEXT : INGOT_DATA_UINT16;
  result.steps = options.steps;
  result.seed = options.seed;
  result.folder = options.folder.c_str();
  result.checkpoint_every = options.checkpointEvery;
  result.resume = options.resume;
  result.schedule = toSchedule(options.schedule);
  result.peak_rate = options.rate;
  result.least_rate = options.least;
  result.stable_rate = options.stable;
  result.warmup_steps = options.warmup.value_or(options.steps / 100);
  result.stable_from = options.stableFrom;
  result.anneal_from = options.annealFrom;
  result.inverse_sqrt = options.coolDown == "invsqrt";
  result.batch = options.batch;
  result.sequence = options.sequence;
  result.spike_factor = options.spikeFactor;
  result.skip_batches = options.skipBatches;
  result.params = options.params.empty() ? nullptr : options.params.c_str();
  const runtime::ManifestEntry *entry = manifest.findEntry("train_step");
  result.launch = toLaunch(options.launch.empty() && entry ? entry->launch : options.launch);
  result.interleaving_seed = options.interleavingSeed;
  return result;
}

int onReport(void *user, const ingot_train_report *report) {
  auto &reports = *static_cast<TrainReport *>(user);
  reports.take(*report);
  return !reports.status().ok();
}

Status train(const Options &options) {
  Result<Running> opened = openArtifact(options);
  if (!opened)
    return opened.status();
  if (!options.log.empty())
    INGOT_RETURN_IF_ERROR(checkWritable(options.log));
  if (!options.picture.empty())
    INGOT_RETURN_IF_ERROR(checkWritable(options.picture));
  ingot_trainer *made = nullptr;
  INGOT_RETURN_IF_ERROR(fromC(ingot_train_create(opened->artifact.get(), opened->executor.get(), &made)));
  std::unique_ptr<ingot_trainer, TrainerCloser> trainer(made);
  uint32_t workers = ingot_executor_workers(opened->executor.get());
  Utilisation counted = utilisationOf(options, opened->manifest, workers);
  if (counted.peakFlops > 0)
    std::fprintf(stderr, "mfu: %s, of a peak of %.4g operations/s\n", counted.convention.c_str(), counted.peakFlops);
  TrainReport reports(options.log, options.steps, counted);
  ingot_train_options trainOptions = toTrainOptions(options, opened->manifest);
  Status trained;
  {
    StopOnSignals stop(trainer.get());
    trained = fromC(ingot_train_run(trainer.get(), &trainOptions, onReport, &reports));
  }
  Status logged = reports.finish(), drawn;
  if (!reports.losses().empty())
    drawn = writeFile(pictureOf(options),
                      printLossCurve(opened->manifest.modelName() + ", loss by step", reports.losses()));
  // A run that was stopped because of its log tells of the log; else what ended the run comes first.
  if (trained.code() != runtime::StatusCode::cancelled)
    INGOT_RETURN_IF_ERROR(std::move(trained));
  INGOT_RETURN_IF_ERROR(std::move(logged));
  INGOT_RETURN_IF_ERROR(std::move(trained));
  INGOT_RETURN_IF_ERROR(std::move(drawn));
  print(runtime::checkpointPath(options.folder, options.steps) + "\n");
  return finishOutput();
}

void addSchedule(CLI::App &app, Options &options) {
  app.add_option("--lr", options.rate, "Learning rate, at its peak [0.001]")->check(rate())->type_name("RATE");
  app.add_option("--schedule", options.schedule, "cosine, constant, wsd or infinite [cosine]")
      ->check(oneOf({"cosine", "constant", "wsd", "infinite"}))
      ->type_name("HOW");
  app.add_option("--warmup", options.warmup, "Steps until the peak [1% of them]")->check(whole(0))->type_name("N");
  app.add_option("--min-lr", options.least, "Rate of the last step [a tenth of the peak]")
      ->check(rate())
      ->type_name("RATE");
  app.add_option("--stable-lr", options.stable, "infinite: rate between cool-down and annealing [half way]")
      ->check(rate())
      ->type_name("RATE");
  app.add_option("--stable-from", options.stableFrom, "infinite: step that ends the cool-down [60% of them]")
      ->check(whole(1))
      ->type_name("N");
  app.add_option("--anneal-from", options.annealFrom, "infinite, wsd: last step before annealing [80% of them]")
      ->check(whole(1))
      ->type_name("N");
  app.add_option("--cool-down", options.coolDown, "infinite: cosine or invsqrt [cosine]")
      ->check(oneOf({"cosine", "invsqrt"}))
      ->type_name("HOW");
}

void addRun(CLI::App &app, Options &options) {
  app.add_option("--data", options.data, "Text or tokens to train on")->required()->type_name("FILE");
  app.add_option("--data-format", options.format,
                 "text (of the artifact's tokenizer; without one, bytes are tokens) or uint16 (token ids) [text]")
      ->check(oneOf({"text", "uint16"}))
      ->type_name("WHAT");
  app.add_option("--steps", options.steps, "Steps of the whole run")
      ->required()
      ->check(whole(1, INT32_MAX))
      ->type_name("N");
  app.add_option("--out", options.folder, "Folder for checkpoints, step-000060.safetensors")
      ->required()
      ->type_name("DIR");
  app.add_option("--checkpoint-every", options.checkpointEvery, "Also write a checkpoint every K steps")
      ->check(whole(1))
      ->type_name("K");
  app.add_flag("--resume", options.resume, "Go on from the newest checkpoint in DIR, to the same bits");
  app.add_option("--seed", options.seed, "Of the order of the data [0]")->check(whole(0))->type_name("S");
  app.add_option("--batch", options.batch, "Fail unless the artifact takes B sequences")
      ->check(whole(1))
      ->type_name("B");
  app.add_option("--seq", options.sequence, "Fail unless they have T tokens")->check(whole(1))->type_name("T");
  app.add_option("--spike-factor", options.spikeFactor,
                 "Go back to the last checkpoint when the loss is above F times its running average")
      ->check(above(1))
      ->type_name("F");
  app.add_option("--skip-batches", options.skipBatches, "and leave out the last N batches then [1]")
      ->check(whole(1, 1 << 20))
      ->type_name("N");
}

} // namespace

int trainMain(int argc, char **argv) {
  CLI::App app("Trains a model and leaves checkpoints, which --params takes", "ingot train");
  Options options;
  options.addTo(app, {{"megakernel", "eager", "interleaved"}});
  addRun(app, options);
  addSchedule(app, options);
  app.add_option("--log", options.log, "Also write each step as a line of JSON")
      ->check(fileToWrite())
      ->type_name("FILE.jsonl");
  app.add_option("--svg", options.picture, "Where to draw the losses [DIR/loss.svg]")
      ->check(fileToWrite())
      ->type_name("FILE.svg");
  app.add_option("--peak-flops", options.peakFlops, "Operations per second that utilisation (mfu) is a share of")
      ->check(above(1))
      ->type_name("F");
  app.add_option("--model-shape", options.shape,
                 "Count a step by the formula for transformers: layers, heads, size of a head, perhaps parameters")
      ->delimiter(',')
      ->expected(3, 4)
      ->check(whole(1))
      ->type_name("L,H,Q[,N]");
  if (int exit = parse(app, argc, argv); exit >= 0)
    return exit;
  for (const std::string &problem : {uselessOf(options, app), clashOf(options)})
    if (!problem.empty())
      return badUsage(app.get_name(), problem);
  Status status = train(options);
  return status.ok() ? 0 : fail(status);
}

} // namespace ingot::tool
