// ingot bench: how long steps of an artifact's entries take on this machine.
#include "Command.h"
#include "Support.h"
#include "TimedEntry.h"

#include "runtime/cpu/Calibrate.h"
#include "runtime/cpu/Isa.h"
#include "runtime/formats/Json.h"
#include "runtime/formats/TargetDescription.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <vector>

namespace ingot::tool {

using runtime::OrderedJson;
using runtime::Session;

namespace {

struct Options : TimingOptions {
  std::string output;
  uint64_t rounds = 9;
  double seconds = 0.1;
  bool json = false, calibrate = false;
};

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// Seconds per step in each of several rounds, sorted.
struct Timing {
  std::vector<double> rounds;

  double median() const {
    size_t middle = rounds.size() / 2;
    return rounds.size() % 2 ? rounds[middle] : (rounds[middle - 1] + rounds[middle]) / 2;
  }
  /// Distance of the quartiles as a share of the median.
  double spread() const { return (rounds[rounds.size() * 3 / 4] - rounds[rounds.size() / 4]) / median(); }
};

Result<Timing> timeSteps(Session &session, Session::Entry &entry, const Options &options) {
  Timing timing;
  // The first round warms up and says how many steps a round needs.
  uint64_t steps = 0;
  for (Clock::time_point begin = Clock::now(); steps < 3 || since(begin) < options.seconds; ++steps)
    INGOT_RETURN_IF_ERROR(session.runStep(entry));
  for (uint64_t round = 0; round < options.rounds; ++round) {
    Clock::time_point begin = Clock::now();
    for (uint64_t step = 0; step < steps; ++step)
      INGOT_RETURN_IF_ERROR(session.runStep(entry));
    timing.rounds.push_back(since(begin) / static_cast<double>(steps));
  }
  std::sort(timing.rounds.begin(), timing.rounds.end());
  return timing;
}

/// Tokens that a step works on; 0 if it is no step of a decoder.
uint64_t tokensOf(const runtime::ManifestEntry &entry) {
  const runtime::ManifestTensor *tokens = entry.inputOfRole(runtime::kRoleTokens);
  uint64_t count = tokens ? 1 : 0;
  for (int64_t extent : tokens ? tokens->shape : std::vector<int64_t>())
    count *= static_cast<uint64_t>(extent);
  return count;
}

OrderedJson describe(const Session &session, const Session::Entry &entry, const Options &options,
                     const Timing &timing) {
  OrderedJson row = {{"entry", entry.manifest().name},
                     {"target", entry.prepared->program->target},
                     {"launch", options.launch.empty() ? "megakernel" : options.launch},
                     {"workers", session.workers()},
                     {"step_seconds", timing.median()},
                     {"best_step_seconds", timing.rounds.front()},
                     {"spread", timing.spread()}};
  if (uint64_t tokens = tokensOf(entry.manifest()))
    row["tokens_per_second"] = static_cast<double>(tokens) / timing.median();
  return row;
}

void printRow(const OrderedJson &row) {
  char line[512];
  std::snprintf(line, sizeof(line), "%-12s %s, %s, %u workers: %.1f us per step, best %.1f us, spread %.0f%%",
                row["entry"].get<std::string>().c_str(), row["target"].get<std::string>().c_str(),
                row["launch"].get<std::string>().c_str(), row["workers"].get<uint32_t>(),
                row["step_seconds"].get<double>() * 1e6, row["best_step_seconds"].get<double>() * 1e6,
                row["spread"].get<double>() * 100);
  std::string text = line;
  if (row.contains("tokens_per_second")) {
    std::snprintf(line, sizeof(line), "; %.1f tokens/s", row["tokens_per_second"].get<double>());
    text += line;
  }
  print(printable(text) + "\n");
}

Status benchArtifact(const Options &options) {
  Result<std::unique_ptr<Session>> session = startSession(options);
  if (!session)
    return session.status();
  OrderedJson rows = OrderedJson::array();
  for (const runtime::ManifestEntry &manifest : (*session)->artifact().manifest().entries) {
    if (!options.entry.empty() && manifest.name != options.entry)
      continue;
    Session::Entry &entry = *(*session)->findEntry(manifest.name);
    fillInputs(**session, entry, options.position);
    Result<Timing> timing = timeSteps(**session, entry, options);
    if (!timing)
      return Status(timing.status()).withContext("entry '" + manifest.name + "'");
    rows.push_back(describe(**session, entry, options, *timing));
    if (!options.json)
      printRow(rows.back());
  }
  if (rows.empty())
    return chooseTimedEntry(**session, options.entry).status();
  if (options.json)
    print(rows.dump(2) + "\n");
  return finishOutput();
}

std::string deviceName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos)
      return line.substr(line.find(": ") + 2);
  return runtime::describeCpu();
}

Status calibrateMachine(const Options &options) {
  Result<std::shared_ptr<runtime::CpuTarget>> target = runtime::CpuTarget::create(
      options.target, options.workers, options.affinity.empty() ? nullptr : options.affinity.c_str());
  if (!target)
    return target.status();
  Result<runtime::Calibration> measured = runtime::calibrate(*(*target)->executor);
  if (!measured)
    return measured.status();
  for (const std::string &field : measured->unsteady)
    std::fprintf(
        stderr,
        "ingot bench: warning: %s: the median of the rounds is more than ten times the best one: is the machine "
        "busy?\n",
        field.c_str());
  std::string text = runtime::printTargetDescription({deviceName(), (*target)->executor->workers(), measured->costs});
  if (!options.output.empty())
    return writeFile(options.output, text);
  print(text);
  return finishOutput();
}

} // namespace

int benchMain(int argc, char **argv) {
  CLI::App app("Times the steps of an artifact's entries on this machine", "ingot bench");
  Options options;
  options.addTo(app, {{"megakernel", "eager"}});
  app.get_option("artifact")->required(false);
  options.addTimingTo(app);
  app.add_option("--rounds", options.rounds, "Take the median of N rounds [9]")->check(whole(1, 10000))->type_name("N");
  app.add_option("--seconds", options.seconds, "Length of a round [0.1]")
      ->check([](const std::string &text) { // a range alone lets NaN through
        double seconds = -1;
        bool fits = CLI::detail::lexical_cast(text, seconds) && seconds >= 0 && seconds <= 3600;
        return fits ? std::string() : "expects a number from 0 to 3600, but got '" + text + "'";
      })
      ->type_name("S");
  app.add_flag("--json", options.json, "Print JSON");
  app.add_flag("--calibrate", options.calibrate, "Measure this machine instead, for --target-description");
  app.add_option("-o,--output", options.output, "Where to write what --calibrate finds [standard output]")
      ->check(fileToWrite())
      ->type_name("FILE.json");
  if (int exit = parse(app, argc, argv); exit >= 0)
    return exit;
  if (options.calibrate != options.artifact.empty() || (!options.output.empty() && !options.calibrate))
    return badUsage(app.get_name(), "expects an artifact, or --calibrate with or without -o");
  Status status = options.calibrate ? calibrateMachine(options) : benchArtifact(options);
  return status.ok() ? 0 : fail(status);
}

} // namespace ingot::tool
