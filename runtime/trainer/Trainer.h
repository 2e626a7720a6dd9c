// Runs `train_step` of an artifact on data: batches, learning rates, checkpoints.
#pragma once

#include "runtime/session/Session.h"
#include "runtime/support/Status.h"
#include "runtime/trainer/Batches.h"
#include "runtime/trainer/Checkpoint.h"
#include "runtime/trainer/CheckpointWriter.h"
#include "runtime/trainer/Metrics.h"
#include "runtime/trainer/Schedule.h"
#include "runtime/trainer/TrainingData.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ingot::runtime {

inline constexpr const char *kTrainEntry = "train_step";

struct TrainOptions {
  std::string data;
  DataFormat format = DataFormat::Text;
  uint64_t steps = 0; // of the whole run, those of a resumed checkpoint included
  uint64_t seed = 0;
  Schedule schedule;
  std::string folder;               // of checkpoints; one is written at the end
  uint64_t checkpointEvery = 0;     // 0: only at the end
  bool resume = false;              // go on from the newest valid checkpoint, if there is one
  uint64_t batch = 0, sequence = 0; // what the caller believes the artifact to have; 0: nothing
  double spikeFactor = 0;           // a loss above that times the running average is a spike; 0: none is
  uint64_t skipBatches = 1;         // that many batches, up to the one with the spike, are passed over then
};

struct TrainedStep {
  uint64_t step = 0;
  double loss = 0, averageLoss = 0; // the latter running
  double gradNorm = 0;              // 0 if the entry does not tell
  double learningRate = 0;
  double seconds = 0; // since the end of the step before, so data and checkpoints count
};

/// What happens beside steps.
enum class TrainEvent : uint8_t {
  Resumed,    // from the checkpoint `path`
  Unreadable, // checkpoint `path` is damaged and was passed over
  Rewound,    // to the checkpoint `path`, after a spike
};

/// Who watches a run. All may be empty.
struct TrainObserver {
  std::function<void(const TrainedStep &)> step;
  std::function<void(TrainEvent event, uint64_t step, const std::string &path)> event;
  const std::atomic<bool> *stop = nullptr; // once true, the run ends after the step in progress, with a checkpoint
};

/// One run. Belongs to one thread.
class Trainer {
public:
  /// Checks the artifact, the options and the data, and reads the checkpoint to go on from. Writes nothing. `session`
  /// has been given its weights and outlives the trainer.
  static Result<std::unique_ptr<Trainer>> create(Session &session, const TrainOptions &options, TrainObserver observer);

  /// Runs all steps that are left. Fails on a loss or gradient norm that is not finite, when a checkpoint cannot be
  /// written, and with `cancelled` when it was stopped. When all went well or the run was stopped, its last state is in
  /// a checkpoint.
  Status run();

  uint64_t stepsDone() const { return position.step; }
  uint64_t tokensPerStep() const { return position.batch * position.sequence; }
  /// Elements of all states that start as a parameter.
  uint64_t trainedElements() const;

private:
  Trainer(Session &session, const TrainOptions &options, TrainObserver observer)
      : session(session), options(options), observer(std::move(observer)) {}
  Status checkEntry();
  Status openData();
  Status startRun();
  Status resumeRun(const std::vector<uint64_t> &checkpoints);
  Status oneStep();
  Status runStep(TrainedStep &report);
  bool isSpike(const TrainedStep &report) const;
  Status rewind(uint64_t batch);
  Status save();
  std::string newest() const;

  Session &session;
  TrainOptions options;
  TrainObserver observer;
  Session::Entry *entry = nullptr;
  TrainingData data;
  Batches batches;
  std::optional<CheckpointSource> source;
  CheckpointWriter writer;
  TrainingPosition position;
  RunningAverage average{kSkippedLosses};
  uint64_t savedStep = UINT64_MAX;              // of the newest checkpoint of this run's state; UINT64_MAX: none
  std::chrono::steady_clock::time_point before; // when the last step ended
  uint64_t rewinds = 0;                         // without a new checkpoint since

  static constexpr uint64_t kSkippedLosses = 5;
};

} // namespace ingot::runtime
