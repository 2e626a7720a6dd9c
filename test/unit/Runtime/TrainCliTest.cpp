// `ingot train` as a user calls it, and as a machine ends it.
#include "CliFixture.h"

#include "TrainReport.h"

#include "runtime/formats/Json.h"
#include "runtime/program/SplitMix64.h"
#include "runtime/trainer/CheckpointFolder.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

namespace ingot::test {

namespace fs = std::filesystem;

namespace {

class TrainCliTest : public CliTest {
protected:
  TrainCliTest() {
    writeArtifact(directory / "m.ingot", makeTrained());
    std::string text;
    for (int i = 0; i < 1000; ++i)
      text += static_cast<char>('a' + i * i % 23);
    writeFile(directory / "text", text);
  }

  /// Runs `ingot train` on the test's artifact and text.
  Outcome train(const std::string &arguments, const std::string &prefix = "") {
    return run("train @/m.ingot --data @/text --lr 0.05 --workers 2 " + arguments, prefix);
  }

  std::string checkpoint(const std::string &folder, uint64_t step) {
    return readFile(runtime::checkpointPath(directory / folder, step));
  }

  std::vector<uint64_t> saved(const std::string &folder) { return *runtime::listCheckpoints(directory / folder); }
};

size_t lines(const std::string &text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

TEST_F(TrainCliTest, LeavesCheckpointsALogAndAPicture) {
  Outcome outcome = train("--steps 9 --out @/run --checkpoint-every 4 --seed 1 --log @/log.jsonl --peak-flops 1e9 "
                          "--model-shape 1,2,4");
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_EQ(outcome.out, (directory / "run/step-000009.safetensors") + "\n");
  EXPECT_EQ(saved("run"), (std::vector<uint64_t>{4, 8, 9}));
  EXPECT_EQ(lines(outcome.err), 10u);
  EXPECT_NE(outcome.err.find("mfu: 6 N + 12 L H Q T operations per token with N = 65536, of a peak of 1e+09"),
            std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("step 9/9  loss "), std::string::npos) << outcome.err;
  std::istringstream log(readFile(directory / "log.jsonl"));
  std::string line;
  double first = 0, last = 0;
  for (uint64_t step = 1; std::getline(log, line); ++step) {
    runtime::Result<runtime::Json> json = runtime::parseJson(line);
    ASSERT_TRUE(json) << line;
    EXPECT_EQ((*json)["step"], step);
    EXPECT_EQ((*json)["tokens"], 8);
    // 6 N + 12 * 1 * 2 * 4 * 4 operations for each of 8 tokens.
    double seconds = (*json)["seconds"].get<double>();
    EXPECT_DOUBLE_EQ((*json)["mfu"].get<double>(), (6 * 65536.0 + 384) * 8 / (seconds * 1e9));
    last = (*json)["loss"].get<double>();
    first = step == 1 ? last : first;
  }
  EXPECT_LT(last, first);
  std::string picture = readFile(directory / "run/loss.svg");
  EXPECT_EQ(picture.rfind("<svg ", 0), 0u);
  EXPECT_NE(picture.find("<polyline"), std::string::npos);
  EXPECT_NE(run("inspect @/m.ingot").out.find("starts as parameter w\n"), std::string::npos);
  std::string memory = run("inspect @/m.ingot --memory").out;
  EXPECT_NE(memory.find("state               524288 (512.0 KiB)\n  of which trained  262144 (256.0 KiB)\n"
                        "  of which optimizer 262144 (256.0 KiB)\n"),
            std::string::npos)
      << memory;
  // The checkpoint serves as weights: so trained, the first loss is about the last one.
  Outcome again = train("--steps 1 --out @/again --params @/run/step-000009.safetensors --log @/again.jsonl --seed 1");
  ASSERT_EQ(again.exit, 0) << again.err;
  EXPECT_LT((*runtime::parseJson(readFile(directory / "again.jsonl")))["loss"].get<double>(), first);
}

TEST_F(TrainCliTest, ResumesToTheSameBitsAndKeepsOneLog) {
  ASSERT_EQ(train("--steps 8 --out @/whole --log @/whole.jsonl").exit, 0);
  ASSERT_EQ(train("--steps 5 --out @/run --schedule constant --warmup 0 --log @/log.jsonl").exit, 0);
  Outcome taken = train("--steps 8 --out @/run");
  EXPECT_EQ(taken.exit, 1);
  EXPECT_EQ(taken.err, "ingot: '" + (directory / "run") +
                           "' holds checkpoints already; --resume goes on from the newest of them\n");
  Outcome resumed = train("--steps 8 --out @/run --resume --log @/log.jsonl");
  ASSERT_EQ(resumed.exit, 0) << resumed.err;
  EXPECT_EQ(resumed.err.rfind("resumed from '" + (directory / "run/step-000005.safetensors") + "'\n", 0), 0u);
  EXPECT_EQ(lines(readFile(directory / "log.jsonl")), 8u);
  Outcome damaged = [&] {
    writeFile(directory / "run/step-000008.safetensors", "x");
    return train("--steps 8 --out @/run --resume --log @/log.jsonl");
  }();
  EXPECT_EQ(damaged.exit, 0) << damaged.err;
  EXPECT_NE(damaged.err.find("step-000008.safetensors' is damaged and is passed over"), std::string::npos);
  EXPECT_EQ(lines(readFile(directory / "log.jsonl")), 8u) << "steps that are done again are logged once";
}

TEST_F(TrainCliTest, Mistakes) {
  auto message = [&](const std::string &arguments, int exit) {
    Outcome outcome = train(arguments + " --out @/run");
    EXPECT_EQ(outcome.exit, exit) << arguments << ": " << outcome.err;
    EXPECT_EQ(outcome.out, "");
    EXPECT_FALSE(fs::exists(directory / "run")) << arguments;
    return outcome.err.substr(0, outcome.err.find('\n'));
  };
  EXPECT_EQ(message("", 2), "ingot train: --steps is required");
  EXPECT_EQ(message("--steps 0", 2), "ingot train: --steps expects a whole number from 1 to 2147483647, but got '0'");
  EXPECT_EQ(message("--steps 5 --schedule line", 2),
            "ingot train: --schedule expects cosine, constant, wsd or infinite, but got 'line'");
  EXPECT_EQ(message("--steps 5 --min-lr 0", 2),
            "ingot train: --min-lr expects a number above 0 in float32, but got '0'");
  for (std::string value : {"1e-60", "1e300", "nan", "inf"}) {
    Outcome outcome = run("train @/m.ingot --data @/text --steps 5 --out @/run --lr " + value);
    EXPECT_EQ(outcome.exit, 2);
    EXPECT_EQ(outcome.err.substr(0, outcome.err.find('\n')),
              "ingot train: --lr expects a number above 0 in float32, but got '" + value + "'");
  }
  EXPECT_EQ(message("--steps 5 --peak-flops 1e-300", 2),
            "ingot train: --peak-flops expects a finite number above 1, but got '1e-300'");
  EXPECT_EQ(message("--steps 5 --stable-lr 0.01", 2),
            "ingot train: --stable-lr expects --schedule infinite, but it is cosine");
  EXPECT_EQ(message("--steps 5 --schedule wsd --stable-from 2", 2),
            "ingot train: --stable-from expects --schedule infinite, but it is wsd");
  EXPECT_EQ(message("--steps 5 --cool-down invsqrt", 2),
            "ingot train: --cool-down expects --schedule infinite, but it is cosine");
  EXPECT_EQ(message("--steps 5 --anneal-from 2", 2),
            "ingot train: --anneal-from expects --schedule infinite or wsd, but it is cosine");
  EXPECT_EQ(message("--steps 5 --schedule constant --min-lr 0.01", 2),
            "ingot train: --min-lr expects a schedule that falls, but it is constant");
  EXPECT_EQ(message("--steps 5 --skip-batches 2", 2), "ingot train: --skip-batches expects --spike-factor, too");
  EXPECT_EQ(message("--steps 5 --min-lr 1", 1), "ingot: the schedule expects a last learning rate of at most the peak");
  EXPECT_EQ(message("--steps 5 --warmup 6", 1),
            "ingot: the schedule expects its warm-up, 6, not to be after its last step, 5");
  EXPECT_EQ(message("--steps 5 --batch 4", 1),
            "ingot: --batch expects 2, which the artifact was compiled for, but got 4 sequences");
  EXPECT_NE(message("--steps 5 --params @/none", 1).find("No such file"), std::string::npos);
  EXPECT_NE(message("--steps 5 --ranks 2", 1).find("not supported yet"), std::string::npos);
  writeArtifact(directory / "m.ingot", makeDecoder());
  EXPECT_EQ(message("--steps 5", 1),
            "ingot: the artifact has no entry 'train_step'; `ingot compile --train` makes one");
}

/// Values of a key in the lines of a log that have it.
std::vector<double> column(const std::string &text, const char *key) {
  std::istringstream log(text);
  std::vector<double> values;
  for (std::string line; std::getline(log, line);)
    if (runtime::Result<runtime::Json> json = runtime::parseJson(line); json && json->contains(key))
      values.push_back((*json)[key].get<double>());
  return values;
}

TEST_F(TrainCliTest, SchedulesFromTheCommandLine) {
  auto rates = [&](const std::string &arguments) {
    fs::remove_all(directory / "run");
    Outcome outcome = train("--steps 10 --out @/run --log @/log.jsonl " + arguments);
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    return column(readFile(directory / "log.jsonl"), "learning_rate");
  };
  auto expect = [](const std::vector<double> &got, const std::vector<double> &expected) {
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], 1e-15) << "step " << i + 1;
  };
  expect(rates("--schedule constant --warmup 2"), {0.025, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05});
  expect(rates("--schedule wsd --min-lr 0.01 --anneal-from 6"),
         {0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.04, 0.03, 0.02, 0.01});
  expect(rates("--schedule infinite --warmup 2 --stable-from 4 --anneal-from 8 --stable-lr 0.03 --min-lr 0.01"),
         {0.025, 0.05, 0.04, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03 * std::sqrt(1.0 / 3), 0.01});
  double half = (1 / std::sqrt(6.0) - 1) / (1 / std::sqrt(11.0) - 1);
  std::vector<double> steep =
      rates("--schedule infinite --warmup 2 --stable-from 4 --stable-lr 0.03 --cool-down invsqrt");
  EXPECT_NEAR(steep[2], 0.05 - 0.02 * half, 1e-15);
  EXPECT_NEAR(steep[9], 0.005, 1e-15);
}

TEST_F(TrainCliTest, SpikesAreTold) {
  std::string text = readFile(directory / "text");
  text[500] = static_cast<char>(255); // makes the loss large
  writeFile(directory / "text", text);
  Outcome outcome = train("--steps 100 --seed 3 --out @/run --spike-factor 20 --checkpoint-every 5 --log @/log.jsonl");
  ASSERT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("is a spike; back to '" + (directory / "run/step-")), std::string::npos) << outcome.err;
  std::string log = readFile(directory / "log.jsonl");
  EXPECT_NE(log.find("\"event\":\"rewound\""), std::string::npos);
  std::vector<double> losses = column(log, "loss");
  EXPECT_LT(*std::max_element(losses.begin() + 6, losses.end()), 20 * losses[0]);
}

/// A log that cannot be written ends the run with what it has done in a checkpoint.
TEST_F(TrainCliTest, LogThatCannotBeWritten) {
  Outcome outcome = train("--steps 9 --out @/run --log /dev/full");
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_NE(outcome.err.find("cannot write '/dev/full': No space left"), std::string::npos) << outcome.err;
  EXPECT_EQ(saved("run"), std::vector<uint64_t>{1});
}

TEST_F(TrainCliTest, PlacesThatCannotBeWrittenAreNamedBeforeTheRun) {
  writeFile(directory / "file", "");
  for (const char *option : {"--log", "--svg"})
    for (auto [path, why] :
         {std::pair("none/x", "No such file"), {"file/x", "Not a directory"}, {".", "Is a directory"}}) {
      Outcome outcome = train(std::string("--steps 9 --out @/run ") + option + " @/" + path);
      EXPECT_EQ(outcome.exit, 1);
      EXPECT_EQ(outcome.err.rfind("ingot: cannot write '" + (directory / path) + "': " + why, 0), 0u) << outcome.err;
      EXPECT_FALSE(fs::exists(directory / "run"));
    }
}

/// What a run reads, and what else it writes, is not where it logs or draws.
TEST_F(TrainCliTest, OutputsAreNoOtherFilesOfTheRun) {
  ASSERT_EQ(train("--steps 2 --out @/first").exit, 0);
  fs::create_directory_symlink("first", directory / "link");
  auto before = [&] { return readFile(directory / "m.ingot") + readFile(directory / "text") + checkpoint("first", 2); };
  std::string kept = before();
  for (const char *option : {"--log", "--svg"})
    for (auto [path, why] : {std::pair("m.ingot", "which is the artifact"),
                             {"text", "which is --data"},
                             {"first/../text", "which is --data"},
                             {"link/step-000002.safetensors", "which is a checkpoint's name"},
                             {"first/step-000007.safetensors", "which is a checkpoint's name"}}) {
      Outcome outcome = train(std::string("--steps 9 --out @/first --resume ") + option + " @/" + path);
      EXPECT_EQ(outcome.exit, 2) << outcome.err;
      EXPECT_EQ(outcome.err, "ingot train: " + std::string(option) + " expects a file to write, but got '" +
                                 (directory / path) + "', " + why + "\n");
    }
  for (const char *arguments : {"--log @/x --svg @/x", "--log @/run/loss.svg"})
    EXPECT_EQ(train(std::string("--steps 9 --out @/run ") + arguments).exit, 2) << arguments;
  EXPECT_EQ(train("--steps 9 --out @/run --params @/first/step-000002.safetensors --log "
                  "@/link/step-000002.safetensors")
                .exit,
            2);
  EXPECT_EQ(before(), kept);
  EXPECT_FALSE(fs::exists(directory / "run"));
}

TEST_F(TrainCliTest, NothingToResumeFrom) {
  fs::create_directory(directory / "run");
  writeFile(directory / "run/step-000003.safetensors", "x");
  Outcome outcome = train("--steps 9 --out @/run --resume");
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_NE(outcome.err.find("ingot: none of the checkpoints in '" + (directory / "run") + "' can be read"),
            std::string::npos)
      << outcome.err;
  EXPECT_EQ(saved("run"), std::vector<uint64_t>{3});
  EXPECT_EQ(checkpoint("run", 3), "x");
  // Nor is somebody else's file passed over, and written again later.
  ASSERT_EQ(train("--steps 3 --out @/other").exit, 0);
  std::string foreign = checkpoint("other", 3);
  foreign.replace(foreign.find("ingot.checkpoint"), 16, "ingot.weight_set");
  writeFile(directory / "run/step-000003.safetensors", foreign);
  outcome = train("--steps 9 --out @/run --resume");
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_NE(outcome.err.find("it is no checkpoint of a training run"), std::string::npos) << outcome.err;
  EXPECT_EQ(checkpoint("run", 3), foreign);
}

#if !__has_feature(thread_sanitizer) // which itself does not start under this limit
/// A disk that is full: what was saved stays.
TEST_F(TrainCliTest, FullDisk) {
  ASSERT_EQ(train("--steps 3 --out @/run").exit, 0);
  std::string before = checkpoint("run", 3);
  // A limit on the size of files is the one kind of full disk that needs no privileges.
  Outcome outcome = train("--steps 9 --out @/run --resume --checkpoint-every 2", "ulimit -f 100; ");
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_NE(outcome.err.find("cannot write '" + (directory / "run/step-000004.safetensors") + "': File too large"),
            std::string::npos)
      << outcome.err;
  EXPECT_EQ(saved("run"), std::vector<uint64_t>{3});
  EXPECT_EQ(checkpoint("run", 3), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory / "run"), {}), 2) << "the checkpoint and the picture";
  Outcome resumed = train("--steps 9 --out @/run --resume");
  EXPECT_EQ(resumed.exit, 0) << resumed.err;
}

#endif

/// A process of `ingot train`, without a shell between.
class Process {
public:
  Process(const TemporaryDirectory &directory, const std::string &folder, const std::string &steps) {
    std::vector<std::string> arguments = {INGOT_BINARY_DIR "/bin/ingot",
                                          "train",
                                          directory / "m.ingot",
                                          "--data",
                                          directory / "text",
                                          "--lr",
                                          "0.05",
                                          "--workers",
                                          "2",
                                          "--steps",
                                          steps,
                                          "--out",
                                          directory / folder,
                                          "--checkpoint-every",
                                          "1",
                                          "--resume"};
    std::vector<char *> pointers;
    for (std::string &argument : arguments)
      pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    std::string errors = directory / "process-err";
    pid = ::fork();
    if (pid == 0) {
      for (int signal : {SIGINT, SIGTERM})
        ::signal(signal, SIG_DFL); // whatever the parent ignores
      int file = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
      ::dup2(file, 1);
      ::dup2(file, 2);
      ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
  }
  /// The status of waitpid.
  int wait() {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
  }
  pid_t pid;
};

/// Killed at any moment, a run goes on from a checkpoint that loads, and ends in the same bits.
TEST_F(TrainCliTest, KilledRunsEndInTheSameBits) {
  ASSERT_EQ(WEXITSTATUS(Process(directory, "whole", "60").wait()), 0) << readFile(directory / "process-err");
  std::string whole = checkpoint("whole", 60);
  program::SplitMix64 random(1);
  int kills = 0, attempts = 0;
  while (kills < 50 && attempts < 400) {
    fs::remove_all(directory / "run");
    // Several kills in each run, until it comes to its end.
    for (bool finished = false; !finished && attempts < 400; ++attempts) {
      Process process(directory, "run", "60");
      // The moment is what is tested: any must do.
      ::usleep(static_cast<useconds_t>(5000 + random.below(60000)));
      ::kill(process.pid, SIGKILL);
      int status = process.wait();
      kills += WIFSIGNALED(status);
      finished = WIFEXITED(status);
      if (finished) {
        ASSERT_EQ(WEXITSTATUS(status), 0) << readFile(directory / "process-err");
      }
    }
    Process last(directory, "run", "60");
    ASSERT_EQ(WEXITSTATUS(last.wait()), 0) << readFile(directory / "process-err");
    EXPECT_EQ(checkpoint("run", 60), whole);
    EXPECT_EQ(readFile(directory / "process-err").find("damaged"), std::string::npos);
    for (const fs::directory_entry &file : fs::directory_iterator(directory / "run"))
      EXPECT_NE(file.path().filename().string()[0], '.') << "left behind: " << file.path();
  }
  EXPECT_GE(kills, 50);
}

/// The first signal ends the run after its step, with a checkpoint.
TEST_F(TrainCliTest, InterruptedRunsSave) {
  for (int signal : {SIGINT, SIGTERM}) {
    fs::remove_all(directory / "run");
    Process process(directory, "run", "2000000");
    // Nothing but the file system says when the first checkpoint is there.
    while (saved("run").empty() && ::kill(process.pid, 0) == 0)
      ::usleep(1000);
    ::kill(process.pid, signal);
    int status = process.wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    std::string err = readFile(directory / "process-err");
    std::string last = std::to_string(saved("run").back());
    EXPECT_NE(err.find("ingot: stopped after step " + last + "; --resume goes on from '"), std::string::npos)
        << err.substr(err.size() - std::min<size_t>(err.size(), 300));
  }
}

/// Values of canned times, as nanoGPT prints them: the first five steps are not averaged.
TEST(TrainReportTest, RunningUtilisation) {
  tool::Utilisation counted = {1e9, 1e10, ""};
  runtime::RunningAverage average(5);
  std::string text;
  double seconds[] = {1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.2};
  for (uint64_t i = 0; i < 8; ++i) {
    average.add(runtime::utilisation(counted.flopsPerStep, seconds[i], counted.peakFlops));
    ingot_train_report report = {sizeof(report), INGOT_TRAIN_STEP, i + 1, 2.5,    2.5, 0.75,
                                 1e-3,           seconds[i],       100,   nullptr};
    text += tool::TrainReport::stepLine(report, 8, counted, average) + "\n";
  }
  EXPECT_EQ(text, "step 1/8  loss 2.5000  lr 1.000e-03  grad norm 0.750  1000.0 ms  100 tokens/s  mfu 10.00%\n"
                  "step 2/8  loss 2.5000  lr 1.000e-03  grad norm 0.750  500.0 ms  200 tokens/s  mfu 20.00%\n"
                  "step 3/8  loss 2.5000  lr 1.000e-03  grad norm 0.750  500.0 ms  200 tokens/s  mfu 20.00%\n"
                  "step 4/8  loss 2.5000  lr 1.000e-03  grad norm 0.750  500.0 ms  200 tokens/s  mfu 20.00%\n"
                  "step 5/8  loss 2.5000  lr 1.000e-03  grad norm 0.750  500.0 ms  200 tokens/s  mfu 20.00%\n"
                  "step 6/8  loss 2.5000  lr 1.000e-03  grad norm 0.750  500.0 ms  200 tokens/s  mfu 20.00%\n"
                  "step 7/8  loss 2.5000  lr 1.000e-03  grad norm 0.750  250.0 ms  400 tokens/s  mfu 22.00%\n"
                  "step 8/8  loss 2.5000  lr 1.000e-03  grad norm 0.750  200.0 ms  500 tokens/s  mfu 24.80%\n");
}

TEST(TrainReportTest, PicturesOfLargeAndEqualLosses) {
  for (double loss : {5.6e12, 3e38, -5.6e12, 0.0, 1e-30})
    for (uint64_t steps : {1u, 3u}) {
      std::map<uint64_t, double> losses;
      for (uint64_t step = 1; step <= steps; ++step)
        losses[step] = loss;
      std::string picture = tool::printLossCurve("flat", losses);
      EXPECT_EQ(picture.find("nan"), std::string::npos) << loss;
      EXPECT_NE(picture.find("points=\"70.0,250.0 "), std::string::npos) << loss << " is in the middle";
      EXPECT_NE(picture.find("<line"), std::string::npos) << loss;
      EXPECT_LT(picture.size(), 5000u) << loss;
    }
}

TEST(TrainReportTest, PicturesOfLongRunsStaySmall) {
  std::map<uint64_t, double> losses = {{3, 2.0}};
  EXPECT_NE(tool::printLossCurve("a < b", losses).find("a &lt; b"), std::string::npos);
  for (uint64_t step = 1; step <= 100001; ++step)
    losses[step] = 1 + 5 / static_cast<double>(step);
  std::string picture = tool::printLossCurve("long", losses);
  EXPECT_LT(picture.size(), 40000u);
  EXPECT_EQ(picture.find("nan"), std::string::npos);
  // The first point is the mean of 51 losses, the last one ends at the right.
  EXPECT_NE(picture.find("970.0,"), std::string::npos);
}

} // namespace

} // namespace ingot::test
