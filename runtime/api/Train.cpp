#include "runtime/api/Handles.h"
#include "runtime/trainer/Trainer.h"

#include <atomic>

using namespace ingot::runtime;

struct ingot_trainer {
  std::shared_ptr<Artifact> artifact;
  std::shared_ptr<CpuTarget> target;
  std::atomic<bool> stop{false};
};

namespace {

Status toSchedule(const ingot_train_options &given, Schedule &schedule) {
  switch (given.schedule) {
  case INGOT_SCHEDULE_COSINE:
    schedule.kind = ScheduleKind::Cosine;
    break;
  case INGOT_SCHEDULE_CONSTANT:
    schedule.kind = ScheduleKind::Constant;
    break;
  case INGOT_SCHEDULE_WSD:
    schedule.kind = ScheduleKind::Wsd;
    break;
  case INGOT_SCHEDULE_INFINITE:
    schedule.kind = ScheduleKind::Infinite;
    break;
  default:
    return Status::invalidArgument("unknown schedule " + std::to_string(given.schedule));
  }
  schedule.peak = given.peak_rate == 0 ? 1e-3 : given.peak_rate;
  schedule.least = given.least_rate == 0 ? schedule.peak / 10 : given.least_rate;
  schedule.stable = given.stable_rate == 0 ? (schedule.peak + schedule.least) / 2 : given.stable_rate;
  schedule.warmup = given.warmup_steps;
  schedule.end = given.steps;
  schedule.stableFrom = given.stable_from == 0 ? given.steps * 3 / 5 : given.stable_from;
  schedule.annealFrom = given.anneal_from == 0 ? given.steps * 4 / 5 : given.anneal_from;
  schedule.coolDown = given.inverse_sqrt ? CoolDown::InverseSqrt : CoolDown::Cosine;
  return Status::success();
}

Result<TrainOptions> toTrainOptions(const ingot_train_options &given) {
  INGOT_RETURN_IF_ERROR(requireNonNull(given.data, "data"));
  INGOT_RETURN_IF_ERROR(requireNonNull(given.folder, "folder"));
  TrainOptions options;
  options.data = given.data;
  if (given.data_format != INGOT_DATA_TEXT && given.data_format != INGOT_DATA_UINT16)
    return Status::invalidArgument("unknown data format " + std::to_string(given.data_format));
  options.format = given.data_format == INGOT_DATA_TEXT ? DataFormat::Text : DataFormat::Uint16;
  options.steps = given.steps;
  options.seed = given.seed;
  INGOT_RETURN_IF_ERROR(toSchedule(given, options.schedule));
  options.folder = given.folder;
  options.checkpointEvery = given.checkpoint_every;
  options.resume = given.resume;
  options.batch = given.batch;
  options.sequence = given.sequence;
  options.spikeFactor = given.spike_factor;
  options.skipBatches = given.skip_batches == 0 ? 1 : given.skip_batches;
  return options;
}

TrainObserver observe(ingot_trainer &trainer, ingot_train_callback callback, void *user, const uint64_t &tokens) {
  TrainObserver observer;
  observer.stop = &trainer.stop;
  if (!callback)
    return observer;
  auto tell = [callback, user, &trainer](const ingot_train_report &report) {
    if (callback(user, &report) != 0)
      trainer.stop = true;
  };
  observer.step = [tell, &tokens](const TrainedStep &step) {
    tell({sizeof(ingot_train_report), INGOT_TRAIN_STEP, step.step, step.loss, step.averageLoss, step.gradNorm,
          step.learningRate, step.seconds, tokens, nullptr});
  };
  observer.event = [tell](TrainEvent event, uint64_t step, const std::string &path) {
    ingot_train_event kind = event == TrainEvent::Resumed      ? INGOT_TRAIN_RESUMED
                             : event == TrainEvent::Unreadable ? INGOT_TRAIN_UNREADABLE
                                                               : INGOT_TRAIN_REWOUND;
    tell({sizeof(ingot_train_report), kind, step, 0, 0, 0, 0, 0, 0, path.c_str()});
  };
  return observer;
}

Status runTraining(ingot_trainer &trainer, const ingot_train_options &given, ingot_train_callback callback,
                   void *user) {
  Result<TrainOptions> options = toTrainOptions(given);
  if (!options)
    return options.status();
  Result<SessionOptions> sessionOptions = toSessionOptions(given.launch, given.interleaving_seed, given.memory_limit);
  if (!sessionOptions)
    return sessionOptions.status();
  Result<std::unique_ptr<Session>> session = Session::create(trainer.artifact, trainer.target, *sessionOptions);
  if (!session)
    return session.status();
  if (given.params)
    INGOT_RETURN_IF_ERROR((*session)->loadParams(given.params));
  uint64_t tokens = 0;
  Result<std::unique_ptr<Trainer>> run = Trainer::create(**session, *options, observe(trainer, callback, user, tokens));
  if (!run)
    return run.status();
  tokens = (*run)->tokensPerStep();
  return (*run)->run();
}

} // namespace

ingot_status *ingot_train_create(ingot_artifact *artifact, ingot_executor *executor, ingot_trainer **trainer) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(artifact, "artifact"));
    INGOT_RETURN_IF_ERROR(requireNonNull(executor, "executor"));
    INGOT_RETURN_IF_ERROR(requireNonNull(trainer, "trainer"));
    *trainer = new ingot_trainer{artifact->value, executor->value, {}};
    return Status::success();
  });
}

void ingot_train_close(ingot_trainer *trainer) { delete trainer; }

ingot_status *ingot_train_run(ingot_trainer *trainer, const ingot_train_options *options, ingot_train_callback callback,
                              void *user) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(trainer, "trainer"));
    INGOT_RETURN_IF_ERROR(requireNonNull(options, "options"));
    Result<ingot_train_options> given = readSized(options, "ingot_train_options");
    if (!given)
      return given.status();
    Status status = runTraining(*trainer, *given, callback, user);
    trainer->stop = false;
    return status;
  });
}

void ingot_train_stop(ingot_trainer *trainer) {
  if (trainer)
    trainer->stop.store(true, std::memory_order_relaxed);
}
