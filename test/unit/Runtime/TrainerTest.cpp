// Runs of a trainer on a handmade `train_step`.
#include "SessionFixture.h"

#include "runtime/formats/Safetensors.h"
#include "runtime/trainer/CheckpointFolder.h"
#include "runtime/trainer/Trainer.h"

#include <cmath>
#include <cstring>
#include <filesystem>

namespace ingot::test {

namespace {

class TrainerTest : public SessionTest {
protected:
  TrainerTest() {
    write(makeTrained());
    std::string text;
    for (int i = 0; i < 1000; ++i)
      text += static_cast<char>('a' + i * i % 23);
    writeFile(directory / "data", text);
    options.data = directory / "data";
    options.folder = directory / "out";
    options.steps = 12;
    options.seed = 3;
    options.schedule = {ScheduleKind::Cosine, 0.05, 0.005, 0.02, 3, 0, 0, 12};
  }

  struct Run {
    Status status;
    std::vector<TrainedStep> steps;
    std::vector<std::pair<TrainEvent, uint64_t>> events;
    std::vector<float> weights, momentum;
  };

  /// Trains with `options` in a session of its own; stops after `stopAfter` steps.
  Run train(uint32_t workers = 2, uint64_t stopAfter = UINT64_MAX, SessionOptions sessionOptions = {}) {
    Run run;
    std::unique_ptr<Session> session = makeSession(workers, sessionOptions);
    std::atomic<bool> stop{stopAfter == 0};
    TrainObserver observer;
    observer.stop = &stop;
    observer.step = [&](const TrainedStep &step) {
      run.steps.push_back(step);
      stop = run.steps.size() >= stopAfter;
    };
    observer.event = [&](TrainEvent event, uint64_t step, const std::string &) {
      run.events.emplace_back(event, step);
    };
    Result<std::unique_ptr<Trainer>> trainer = Trainer::create(*session, options, observer);
    run.status = trainer ? (*trainer)->run() : trainer.status();
    if (session->artifact().manifest().state.empty())
      return run;
    run.weights = values(session->stateBytes(0));
    run.momentum = values(session->stateBytes(1));
    return run;
  }

  static std::vector<float> values(std::span<const std::byte> bytes) {
    std::vector<float> result(bytes.size() / sizeof(float));
    std::memcpy(result.data(), bytes.data(), bytes.size());
    return result;
  }

  void fresh() { std::filesystem::remove_all(options.folder); }

  std::vector<uint64_t> saved() { return *listCheckpoints(options.folder); }

  TrainOptions options;
};

TEST_F(TrainerTest, StatesStartAsTheirParameters) {
  Synthetic artifact = makeTrained();
  std::unique_ptr<Session> session = makeSession(1);
  EXPECT_EQ(values(session->stateBytes(0)), trainedStart(artifact));
  std::memset(session->stateBytes(0).data(), 1, 100);
  ASSERT_TRUE(session->reset());
  EXPECT_EQ(values(session->stateBytes(0)), trainedStart(artifact));
  // Weights from elsewhere: row-major.
  for (std::vector<float> &param : artifact.params)
    for (float &value : param)
      value += 1;
  writeArtifact(directory / "other.ingot", artifact);
  ASSERT_TRUE((*Session::create(*Artifact::open(directory / "other.ingot"), makeTarget(1), {}))
                  ->saveParams(directory / "w.safetensors"));
  ASSERT_TRUE(session->loadParams(directory / "w.safetensors"));
  EXPECT_EQ(values(session->stateBytes(0)), trainedStart(artifact));
  EXPECT_EQ(values((*session->fork())->stateBytes(0)), trainedStart(artifact));
}

/// Against the same steps in plain loops.
TEST_F(TrainerTest, StepsAreWhatTheyShouldBe) {
  Run run = train();
  ASSERT_TRUE(run.status) << run.status.message();
  ASSERT_EQ(run.steps.size(), 12u);
  Result<TrainingData> data = TrainingData::open(options.data, DataFormat::Text, nullptr, 256);
  Result<Batches> batches = Batches::create(*data, 2, 4, options.seed);
  std::vector<float> w = trainedStart(makeTrained()), m(w.size()), g(w.size());
  for (uint64_t step = 1; step <= 12; ++step) {
    std::vector<int32_t> tokens(8), targets(8);
    batches->read(step - 1, tokens, targets);
    g.assign(g.size(), 0);
    double loss = 0, norm = 0;
    for (size_t p = 0; p < 8; ++p)
      for (size_t v = 0; v < 256; ++v) {
        size_t at = static_cast<size_t>(tokens[p]) * 256 + v;
        float error = w[at] - (v == static_cast<size_t>(targets[p]) ? 1.0f : 0.0f);
        loss += error * error;
        g[at] += 2 * error;
      }
    const TrainedStep &report = run.steps[step - 1];
    double rate = step < 3 ? 0.05 * static_cast<double>(step) / 3
                           : 0.005 + 0.0225 * (std::cos(M_PI * static_cast<double>(step - 3) / 9) + 1);
    EXPECT_NEAR(report.learningRate, rate, 1e-15);
    for (size_t i = 0; i < w.size(); ++i) {
      norm += g[i] * g[i];
      m[i] = 0.5f * m[i] + g[i];
      w[i] -= static_cast<float>(rate) * m[i] / (1.0f + 1.0f / static_cast<float>(step));
    }
    EXPECT_EQ(report.step, step);
    EXPECT_NEAR(report.loss, loss, 1e-4 * loss);
    EXPECT_NEAR(report.gradNorm, norm, 1e-4 * norm);
    EXPECT_GT(report.seconds, 0);
  }
  for (size_t i = 0; i < w.size(); ++i)
    ASSERT_NEAR(run.weights[i], w[i], 1e-4) << i;
  EXPECT_EQ(saved(), std::vector<uint64_t>{12});
}

TEST_F(TrainerTest, SameBitsForWorkersAndLaunches) {
  options.steps = 5;
  options.schedule.end = 5;
  Run one = train(1);
  std::string file = readFile(checkpointPath(options.folder, 5));
  SessionOptions eager, interleaved;
  eager.eager = true;
  interleaved.interleavingSeed = 3;
  for (auto [workers, how] : {std::pair(2u, SessionOptions()), {4u, {}}, {2u, eager}, {2u, interleaved}}) {
    fresh();
    Run other = train(workers, UINT64_MAX, how);
    ASSERT_TRUE(other.status) << other.status.message();
    EXPECT_EQ(other.weights, one.weights);
    EXPECT_EQ(other.momentum, one.momentum);
    EXPECT_EQ(readFile(checkpointPath(options.folder, 5)), file);
  }
}

/// What a checkpoint holds serves as weights, too: trained ones, and those that are not trained.
TEST_F(TrainerTest, CheckpointsAreWeights) {
  Run run = train();
  std::string path = checkpointPath(options.folder, 12);
  std::unique_ptr<Session> session = makeSession(1);
  ASSERT_TRUE(session->loadParams(path));
  EXPECT_EQ(values(session->stateBytes(0)), run.weights);
  std::string text = readFile(path);
  Result<Safetensors> file = Safetensors::parse(std::as_bytes(std::span(text)));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->tensors().size(), 3u);
  EXPECT_EQ(values(file->find("w")->data), run.weights);
  EXPECT_EQ(values(file->find("w.m")->data), run.momentum);
  EXPECT_EQ(values(file->find("scale")->data), makeTrained().params[1]);
  EXPECT_EQ(file->metadata().at("step"), "12");
}

TEST_F(TrainerTest, ResumedRunsEndInTheSameBits) {
  options.checkpointEvery = 2;
  Run whole = train();
  std::string file = readFile(checkpointPath(options.folder, 12));
  EXPECT_EQ(saved(), (std::vector<uint64_t>{2, 4, 6, 8, 10, 12}));
  EXPECT_EQ(train().status.message(),
            "'" + options.folder + "' holds checkpoints already; --resume goes on from the newest of them");
  options.resume = true;
  for (uint64_t stopAfter : {1u, 4u, 7u, 11u}) {
    fresh();
    Run first = train(2, stopAfter);
    EXPECT_EQ(first.status.code(), StatusCode::cancelled);
    EXPECT_NE(first.status.message().find("stopped after step " + std::to_string(stopAfter)), std::string::npos);
    Run second = train(1);
    ASSERT_TRUE(second.status) << second.status.message();
    EXPECT_EQ(second.events, (std::vector{std::pair(TrainEvent::Resumed, stopAfter)}));
    EXPECT_EQ(second.steps.size(), 12 - stopAfter);
    EXPECT_EQ(second.weights, whole.weights);
    EXPECT_EQ(readFile(checkpointPath(options.folder, 12)), file);
    Run third = train();
    EXPECT_TRUE(third.status) << "nothing is left to do";
    EXPECT_TRUE(third.steps.empty());
  }
  options.steps = 11;
  EXPECT_EQ(train().status.message(),
            "checkpoint '" + checkpointPath(options.folder, 12) + "' is of step 12, but the run ends at step 11");
}

TEST_F(TrainerTest, DamagedCheckpointsArePassedOver) {
  options.checkpointEvery = 4;
  Run whole = train();
  std::string text = readFile(checkpointPath(options.folder, 12));
  options.resume = true;
  for (const std::string &damaged : {text.substr(0, text.size() - 1), std::string("x"), text.substr(0, 100), [&] {
                                       std::string other = text;
                                       return other.replace(other.find("\"step\":\"12\""), 11, "\"step\":\"1x\"");
                                     }()}) {
    writeFile(checkpointPath(options.folder, 12), damaged);
    Run run = train();
    ASSERT_TRUE(run.status) << run.status.message();
    EXPECT_EQ(run.events, (std::vector{std::pair(TrainEvent::Unreadable, uint64_t(12)), {TrainEvent::Resumed, 8}}));
    EXPECT_EQ(run.weights, whole.weights);
    EXPECT_EQ(readFile(checkpointPath(options.folder, 12)), text);
  }
}

/// Damage anywhere gives a message or other numbers, never a crash.
TEST_F(TrainerTest, RandomDamageNeverCrashes) {
  options.steps = 1;
  options.schedule = {ScheduleKind::Constant};
  Run whole = train();
  std::string path = checkpointPath(options.folder, 1), text = readFile(path);
  uint64_t header = 0;
  std::memcpy(&header, text.data(), sizeof(header));
  options.resume = true;
  uint64_t random = 1, refused = 0;
  std::unique_ptr<Session> session = makeSession(1);
  for (int i = 0; i < 300; ++i) {
    std::string damaged = text;
    random = random * 6364136223846793005 + 1442695040888963407;
    damaged[(random >> 33) % (header + 8)] = static_cast<char>(random >> 20);
    writeFile(path, damaged);
    Result<std::unique_ptr<Trainer>> trainer = Trainer::create(*session, options, {});
    refused += !trainer || (*trainer)->stepsDone() == 0;
  }
  EXPECT_GT(refused, 100u);
}

TEST_F(TrainerTest, CheckpointsOfOtherRunsAreRefused) {
  ASSERT_TRUE(train(2, 5).status.code() == StatusCode::cancelled);
  options.resume = true;
  std::string at = "checkpoint '" + checkpointPath(options.folder, 5) + "': ";
  options.seed = 4;
  EXPECT_EQ(train().status.message(), at + "it was made with seed 3, but this run has 4");
  options.seed = 3;
  std::string text = readFile(options.data);
  writeFile(options.data, text + "more");
  EXPECT_EQ(train().status.message(),
            at + "it was made with other data; to start on new data with its weights, use --params");
  writeFile(options.data, text);
  Synthetic other = makeTrained();
  other.manifest.model = {{"name", "other"}};
  write(other);
  EXPECT_EQ(train().status.message(), at + "it was made with model 'table', but this run has 'other'");
  write(makeTrained(272));
  EXPECT_EQ(train().status.message(), at + "it is of another model: 'w' expects f32[272,272], but it has another type");
  EXPECT_EQ(saved(), std::vector<uint64_t>{5}) << "nothing else was written";
}

TEST_F(TrainerTest, MistakesAreNamedBeforeAnythingIsWritten) {
  auto message = [&](auto change) {
    TrainOptions before = options;
    change();
    std::string text(train().status.message());
    options = before;
    EXPECT_FALSE(std::filesystem::exists(options.folder)) << text;
    return text;
  };
  EXPECT_EQ(message([&] { options.batch = 4; }),
            "--batch expects 2, which the artifact was compiled for, but got 4 sequences");
  EXPECT_EQ(message([&] { options.sequence = 8; }),
            "--seq expects 4, which the artifact was compiled for, but got 8 tokens");
  EXPECT_EQ(message([&] { options.steps = 0; }), "expects 1 to 2147483647 steps, but got 0");
  EXPECT_EQ(message([&] { options.spikeFactor = 0.5; }), "the spike factor expects a number above 1, but got 0.5");
  writeFile(directory / "short", "abcdefgh");
  EXPECT_EQ(message([&] { options.data = directory / "short"; }),
            "'" + (directory / "short") + "': the data have 8 tokens, but one batch of 2 sequences of 4 needs 9");
  write(makeMlp());
  EXPECT_EQ(message([] {}), "the artifact has no entry 'train_step'; `ingot compile --train` makes one");
  write(makeTrained(128));
  EXPECT_NE(message([] {}).find("a vocabulary of 128"), std::string::npos);
  writeFile(directory / "file", "");
  write(makeTrained());
  options.folder = directory / "file/out";
  EXPECT_NE(train().status.message().find("'" + options.folder + "'"), std::string::npos);
}

TEST_F(TrainerTest, ALossThatIsNoNumberStopsTheRun) {
  std::string text = readFile(options.data);
  text[500] = static_cast<char>(254);
  writeFile(options.data, text);
  options.checkpointEvery = 3;
  options.steps = 500;
  Run run = train();
  ASSERT_FALSE(run.status);
  uint64_t done = run.steps.size();
  ASSERT_GT(done, 3u);
  EXPECT_EQ(run.status.message(), "the loss is nan at step " + std::to_string(done + 1) +
                                      "; the last checkpoint from before is '" +
                                      checkpointPath(options.folder, done / 3 * 3) + "'");
  EXPECT_EQ(saved().back(), done / 3 * 3);
}

/// A run that meets a poisoned batch ends in the same bits as one that never sees it.
TEST_F(TrainerTest, SpikesAreSkipped) {
  for (int kind : {255, 254}) { // a large loss, and one that is no number
    fresh();
    std::string text = readFile(options.data);
    text[500] = static_cast<char>(kind);
    writeFile(options.data, text);
    options.checkpointEvery = 5;
    options.steps = 100;
    options.spikeFactor = 20;
    Run run = train();
    ASSERT_TRUE(run.status) << run.status.message();
    ASSERT_EQ(run.events.size(), 1u);
    uint64_t spike = run.events[0].second;
    ASSERT_EQ(run.events[0].first, TrainEvent::Rewound);
    EXPECT_GT(spike, 6u);
    std::string file = readFile(checkpointPath(options.folder, 100));

    // The same from a checkpoint at step 0 that says which batch is to be skipped.
    fresh();
    options.resume = true;
    std::unique_ptr<Session> session = makeSession(1);
    Result<CheckpointSource> source = CheckpointSource::create(*session, *session->findEntry("train_step"));
    Result<TrainingData> data = TrainingData::open(options.data, DataFormat::Text, nullptr, 256);
    TrainingPosition position;
    position.model = "table";
    position.batch = 2;
    position.sequence = 4;
    position.seed = options.seed;
    position.dataTokens = data->size();
    position.dataChecksum = data->checksum();
    position.skipped = {spike - 1};
    std::vector<std::byte> image;
    ASSERT_TRUE(source->take(*session, position, image));
    std::filesystem::create_directories(options.folder);
    writeFile(checkpointPath(options.folder, 0), {reinterpret_cast<const char *>(image.data()), image.size()});
    options.spikeFactor = 0;
    Run spared = train();
    ASSERT_TRUE(spared.status) << spared.status.message();
    EXPECT_EQ(spared.weights, run.weights);
    EXPECT_EQ(readFile(checkpointPath(options.folder, 100)), file);
    options.resume = false;
  }
}

/// Parameters that are not trained come back as well.
TEST_F(TrainerTest, ResumedRunsKeepTheirOtherParameters) {
  Synthetic other = makeTrained();
  for (float &value : other.params[1])
    value += 1;
  write(other);
  Run whole = train();
  ASSERT_TRUE(whole.status) << whole.status.message();
  std::string file = readFile(checkpointPath(options.folder, 12));
  fresh();
  ASSERT_EQ(train(2, 5).status.code(), StatusCode::cancelled);
  write(makeTrained()); // as if the values had come with --params
  options.resume = true;
  Run resumed = train();
  ASSERT_TRUE(resumed.status) << resumed.status.message();
  EXPECT_EQ(readFile(checkpointPath(options.folder, 12)), file);
}

/// Rewinds to the same checkpoint are counted, however often checkpoints are written.
TEST_F(TrainerTest, SpikesWithoutEndEndTheRun) {
  options.steps = 60;
  options.schedule = {ScheduleKind::Constant, 30, 3, 3, 20, 0, 0, 60}; // diverges
  options.checkpointEvery = 5;
  options.spikeFactor = 2;
  std::unique_ptr<Session> session = makeSession(2);
  std::atomic<bool> stop{false};
  uint64_t rewinds = 0;
  TrainObserver observer;
  observer.stop = &stop;
  observer.event = [&](TrainEvent, uint64_t, const std::string &) { stop = ++rewinds > 200; };
  Result<std::unique_ptr<Trainer>> trainer = Trainer::create(*session, options, observer);
  ASSERT_TRUE(trainer) << trainer.status().message();
  Status status = (*trainer)->run();
  EXPECT_EQ(status.code(), StatusCode::invalidArgument) << status.message();
  EXPECT_NE(status.message().find("is a spike after 10 rewinds from there; expects a larger spike factor"),
            std::string::npos)
      << status.message();
}

} // namespace

} // namespace ingot::test
