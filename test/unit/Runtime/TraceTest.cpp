// `ingot trace`: what its files say about steps, and that they are well formed; `ingot bench` and descriptions of
// machines.
#include "CliFixture.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>
#include <vector>

using namespace ingot;
using namespace ingot::test;
using nlohmann::json;

namespace {

/// Begin and end of a slice in microseconds.
struct Interval {
  double begin, end;
};

class TraceTest : public CliTest {
protected:
  /// Traces `synthetic` and gives the parsed trace.
  json trace(const Synthetic &synthetic, const std::string &options) {
    writeArtifact(directory / "a.ingot", synthetic);
    Outcome outcome = run("trace @/a.ingot -o @/t.json --svg @/t.svg " + options);
    EXPECT_EQ(outcome.exit, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "") << "standard output is for results";
    EXPECT_NE(outcome.err.find("median step"), std::string::npos) << outcome.err;
    return json::parse(readFile(directory / "t.json"));
  }

  static Interval intervalOf(const json &event) {
    double begin = event["ts"];
    return {begin, begin + event["dur"].get<double>()};
  }

  /// Slices of the tasks of process `pid` by step and name; each may come only once.
  static std::map<std::pair<int, std::string>, Interval> tasksOf(const json &trace, int pid) {
    std::map<std::pair<int, std::string>, Interval> tasks;
    for (const json &event : trace["traceEvents"]) {
      if (event["ph"] != "X" || event["cat"] != "task" || event["pid"] != pid)
        continue;
      bool isNew = tasks
                       .emplace(std::pair(event["args"]["step"].get<int>(), event["args"]["task"].get<std::string>()),
                                intervalOf(event))
                       .second;
      EXPECT_TRUE(isNew) << event;
    }
    return tasks;
  }

  /// A worker does one thing at a time, and a task runs after all that signal what it waits for.
  static void checkOrder(const json &trace) {
    std::map<std::pair<int, int>, double> lastEnd; // of a thread
    std::map<std::tuple<int, int, std::string>, double> signalled;
    for (const json &event : trace["traceEvents"]) {
      if (event["ph"] != "X")
        continue;
      Interval interval = intervalOf(event);
      double &last = lastEnd[{event["pid"], event["tid"]}];
      EXPECT_GE(interval.begin + 2e-3, last) << event;
      last = interval.end;
      if (event["cat"] == "task")
        for (const json &counter : event["args"]["signals"]) {
          double &end = signalled[{event["pid"], event["args"]["step"], counter}];
          end = std::max(end, interval.end);
        }
    }
    for (const json &event : trace["traceEvents"])
      if (event["ph"] == "X" && event["cat"] == "task")
        for (const json &counter : event["args"]["waits"]) {
          double end = signalled[{event["pid"], event["args"]["step"], counter}];
          EXPECT_GE(event["ts"].get<double>() + 2e-3, end) << event;
        }
  }
};

/// Whether tags nest, attributes are quoted and nothing unescaped stands between.
bool isWellFormed(const std::string &xml) {
  std::vector<std::string> open;
  for (size_t at = 0; at < xml.size();) {
    if (xml[at] != '<') {
      if (xml[at] == '>' || (open.empty() && !std::isspace(static_cast<unsigned char>(xml[at]))))
        return false;
      ++at;
      continue;
    }
    size_t end = xml.find('>', at);
    if (end == std::string::npos)
      return false;
    std::string tag = xml.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.find('<') != std::string::npos || std::count(tag.begin(), tag.end(), '"') % 2)
      return false;
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1))
        return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty();
}

TEST_F(TraceTest, EveryTaskOncePerStepInOrder) {
  for (const char *options : {"--workers 1", "--workers 2", "--workers 3 --launch eager"}) {
    json recorded = trace(makeMlp(), std::string(options) + " --steps 3");
    auto measured = tasksOf(recorded, 0), planned = tasksOf(recorded, 1);
    EXPECT_EQ(planned.size(), 16u); // two grids of 4 x 2
    EXPECT_EQ(measured.size(), 3 * 16u);
    for (const auto &[key, interval] : planned)
      for (int step = 0; step < 3; ++step)
        EXPECT_TRUE(measured.contains({step, key.second})) << key.second;
    checkOrder(recorded);
    EXPECT_EQ(recorded["otherData"]["steps"], 3);
  }
}

TEST_F(TraceTest, WaitsAreShown) {
  // Chains of launches: with more workers than tasks in the narrow ones somebody waits.
  json recorded = trace(makeChain(6, 3), "--workers 3 --launch eager --steps 2");
  std::set<int> waiting;
  for (const json &event : recorded["traceEvents"])
    if (event["ph"] == "X" && event["cat"] == "wait")
      waiting.insert(event["pid"].get<int>());
  EXPECT_TRUE(waiting.contains(0)) << "measured";
  EXPECT_TRUE(waiting.contains(1)) << "planned";
}

TEST_F(TraceTest, DecoderEntriesGetTokensAndPositions) {
  for (const char *options : {"", "--entry prefill", "--position 1000000"}) {
    json recorded = trace(makeDecoder(), options);
    EXPECT_EQ(recorded["otherData"]["entry"], std::strstr(options, "prefill") ? "prefill" : "decode");
    checkOrder(recorded);
  }
}

TEST_F(TraceTest, PictureIsWellFormed) {
  Synthetic mlp = makeMlp();
  for (auto &[key, value] : mlp.manifest.model)
    value = "a <b> & \"c\"";
  trace(mlp, "--workers 2");
  std::string svg = readFile(directory / "t.svg");
  EXPECT_EQ(svg.rfind("<svg xmlns=", 0), 0u);
  EXPECT_TRUE(isWellFormed(svg)) << svg;
  for (const char *expected : {"measured", "planned", "worker 1", "waiting", "test__matmul", "a &lt;b&gt; &amp;"})
    EXPECT_NE(svg.find(expected), std::string::npos) << expected;
  size_t titles = 0;
  for (size_t at = 0; (at = svg.find("<title>@", at)) != std::string::npos; ++at)
    ++titles;
  EXPECT_EQ(titles, 2 * 16u) << "each task measured and planned";
  EXPECT_FALSE(isWellFormed(svg.substr(0, svg.size() / 2)));
}

TEST_F(TraceTest, BadRequests) {
  writeArtifact(directory / "a.ingot", makeDecoder());
  EXPECT_EQ(run("trace @/a.ingot").exit, 2) << "no output";
  EXPECT_EQ(run("trace @/a.ingot -o @/t.json --steps 0").exit, 2);
  EXPECT_EQ(run("trace @/a.ingot -o @/t.json --entry no").err,
            "ingot: the artifact has no entry 'no', but decode, prefill\n");
  for (const char *options : {"--launch interleaved", "--launch graph", "--ranks 2", "--target cuda"}) {
    Outcome outcome = run("trace @/a.ingot -o @/t.json " + std::string(options));
    EXPECT_EQ(outcome.exit, 1);
    EXPECT_NE(outcome.err.find("not supported yet"), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(run("trace @/a.ingot -o @/no/t.json").exit, 1);
  EXPECT_FALSE(std::filesystem::exists(directory / "t.json"));
}

TEST_F(TraceTest, OneFileIsNotWrittenTwice) {
  writeArtifact(directory / "a.ingot", makeMlp());
  namespace fs = std::filesystem;
  fs::create_directory(directory / "d");
  fs::create_symlink("d", directory / "e");
  fs::create_symlink("../new", directory / "d/dangling");
  writeFile(directory / "old", "old");
  fs::create_hard_link(directory / "old", directory / "twin");
  for (auto [output, picture] : {std::pair("@/new", "@/new"),
                                 {"@/new", "@/./new"},
                                 {"@/d/new", "@/e/../d/new"},
                                 {"@/d/new", "@/e/new"},
                                 {"@/new", "@/e/dangling"},
                                 {"@/old", "@/twin"}}) {
    Outcome outcome = run(std::string("trace @/a.ingot -o ") + output + " --svg " + picture);
    EXPECT_EQ(outcome.exit, 2) << output << " " << picture;
    EXPECT_NE(outcome.err.find("expects different files for -o and --svg"), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(readFile(directory / "old"), "old");
  EXPECT_FALSE(fs::exists(directory / "new") || fs::exists(directory / "d/new"));
  EXPECT_EQ(run("trace @/a.ingot -o @/new --svg @/d/new").exit, 0);
  EXPECT_TRUE(fs::exists(directory / "new") && fs::exists(directory / "d/new"));
}

/// What `ingot bench --calibrate` writes, with these numbers.
std::string description(const std::string &taskSeconds) {
  return "{\"format\": \"ingot-target-description\", \"version\": 1, \"device\": \"d\", \"workers\": 2, "
         "\"flops_per_second\": 1e9, \"bytes_per_second\": 1e9, \"sync_seconds\": 1e-6, \"counter_seconds\": 1e-9, "
         "\"task_seconds\": " +
         taskSeconds + "}";
}

TEST_F(TraceTest, DescriptionsOfMachinesArePlannedWith) {
  writeFile(directory / "slow.json", description("0.25"));
  json slow = trace(makeMlp(), "--workers 2 --target-description @/slow.json");
  double end = 0;
  for (const json &event : slow["traceEvents"])
    if (event["ph"] == "X" && event["pid"] == 1)
      end = std::max(end, intervalOf(event).end);
  EXPECT_GE(end, 16 / 2 * 0.25e6) << "sixteen tasks of a quarter of a second on two workers";
  writeFile(directory / "far.json",
            "{\"format\": \"ingot-target-description\", \"version\": 1, \"device\": \"\", \"workers\": 2, "
            "\"task_seconds\": 1e-9, \"flops_per_second\": 1e12, \"bytes_per_second\": 1e12, \"sync_seconds\": 1, "
            "\"counter_seconds\": 1e-9}");
  std::set<int> workers;
  json far = trace(makeChain(4, 1), "--workers 2 --target-description @/far.json");
  for (const json &event : far["traceEvents"])
    if (event["ph"] == "X" && event["cat"] == "task")
      workers.insert(event["tid"].get<int>());
  EXPECT_EQ(workers, std::set<int>{0}) << "a signal costs more than a task: the chain stays on one worker";
}

TEST_F(TraceTest, ArtifactsRememberTheirMachine) {
  Synthetic mlp = makeMlp();
  mlp.manifest.targetDescription = {"an island", 7, {1e9, 1e9, 1e-6, 0.25, 1e-9}};
  json slow = trace(mlp, "--workers 3");
  double end = 0;
  for (const json &event : slow["traceEvents"])
    if (event["ph"] == "X" && event["pid"] == 1)
      end = std::max(end, intervalOf(event).end);
  EXPECT_GE(end, 6 * 0.25e6) << "sixteen tasks of a quarter of a second on three workers";
  writeArtifact(directory / "island.ingot", mlp);
  Outcome inspected = run("inspect @/island.ingot --kernels");
  for (const char *expected : {"an island, 7 workers, ", "waits 1 (1 for parts), signals "})
    EXPECT_NE(inspected.out.find(expected), std::string::npos) << expected << " in\n" << inspected.out;
  EXPECT_EQ(json::parse(run("inspect @/island.ingot --json").out)["target_description"]["task_seconds"], 0.25);
}

TEST_F(TraceTest, BadDescriptionsAreRefused) {
  writeArtifact(directory / "a.ingot", makeMlp());
  for (const char *text :
       {"", "[]", "{}", "{\"format\": 1}", "{\"format\": \"ingot-target-description\", \"version\": 2}"}) {
    writeFile(directory / "d.json", text);
    Outcome outcome = run("bench @/a.ingot --target-description @/d.json");
    EXPECT_EQ(outcome.exit, 1) << text;
    EXPECT_NE(outcome.err.find("d.json"), std::string::npos) << outcome.err;
  }
  for (const char *number : {"0", "-1", "1e-16", "1.5", "1e99", "1e999", "\"1\"", "null", "NaN"}) {
    writeFile(directory / "d.json", description(number));
    Outcome outcome = run("trace @/a.ingot -o @/t.json --target-description @/d.json");
    EXPECT_EQ(outcome.exit, 1) << number;
    EXPECT_NE(outcome.err.find("d.json': target description: "), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(run("bench @/a.ingot --target-description @/none.json").exit, 1);
}

TEST_F(TraceTest, BenchTimesEveryEntry) {
  writeArtifact(directory / "a.ingot", makeDecoder());
  std::string quick = "bench @/a.ingot --workers 2 --rounds 3 --seconds 0.001 ";
  json rows = json::parse(run(quick + "--json").out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["entry"], "decode");
  EXPECT_EQ(rows[1]["entry"], "prefill");
  for (const json &row : rows) {
    EXPECT_EQ(row["workers"], 2);
    EXPECT_GT(row["step_seconds"], 0.0);
    EXPECT_LE(row["best_step_seconds"], row["step_seconds"]);
    double tokens = row["entry"] == "decode" ? 1 : 4;
    EXPECT_NEAR(row["tokens_per_second"].get<double>() * row["step_seconds"].get<double>(), tokens, 1e-6);
  }
  Outcome one = run(quick + "--entry prefill --launch eager");
  EXPECT_EQ(one.exit, 0) << one.err;
  EXPECT_EQ(one.out.find("decode"), std::string::npos);
  EXPECT_NE(one.out.find("tokens/s"), std::string::npos) << one.out;
  EXPECT_EQ(run(quick + "--entry no").err, "ingot: the artifact has no entry 'no', but decode, prefill\n");
  EXPECT_EQ(run("bench").exit, 2);
  EXPECT_EQ(run("bench @/a.ingot --calibrate").exit, 2);
  EXPECT_EQ(run("bench @/a.ingot -o @/x.json").exit, 2);
}

TEST_F(TraceTest, CalibrationDescribesThisMachine) {
  writeArtifact(directory / "a.ingot", makeMlp());
  for (const char *workers : {"1", "2"}) {
    Outcome outcome = run("bench --calibrate --workers " + std::string(workers) + " -o @/target.json");
    ASSERT_EQ(outcome.exit, 0) << outcome.err;
    json target = json::parse(readFile(directory / "target.json"));
    EXPECT_EQ(target["workers"], std::stoi(workers));
    // Wide enough for every machine, however busy: this is about units.
    EXPECT_GT(target["flops_per_second"], 1e6);
    EXPECT_LT(target["flops_per_second"], 1e13);
    EXPECT_GT(target["bytes_per_second"], 1e6);
    EXPECT_LT(target["bytes_per_second"], 1e13);
    EXPECT_LT(target["sync_seconds"], 1.0);
    EXPECT_LT(target["task_seconds"], 1e-2);
    EXPECT_EQ(run("trace @/a.ingot -o @/t.json --target-description @/target.json").exit, 0);
  }
}

} // namespace
