// ingot trace: when each task of a step ran, and when the planner thought it would.
#include "Command.h"
#include "OutputPath.h"
#include "Support.h"
#include "TimedEntry.h"
#include "Timeline.h"

#include <chrono>
#include <cstdio>

namespace ingot::tool {

using runtime::Session;

namespace {

struct Options : TimingOptions {
  std::string output, svg;
  uint64_t steps = 4;
};

/// Steps before the first recorded one: code and weights come into memory, workers wake up.
constexpr uint64_t kWarmUp = 3;

uint64_t now() {
  auto time = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

Result<std::vector<RecordedStep>> record(Session &session, Session::Entry &entry, uint64_t count) {
  for (uint64_t i = 0; i < kWarmUp; ++i)
    INGOT_RETURN_IF_ERROR(session.runStep(entry));
  std::vector<RecordedStep> steps(count);
  for (RecordedStep &step : steps)
    step.tasks.resize(static_cast<size_t>(entry.prepared->program->numTasks()));
  for (RecordedStep &step : steps) {
    entry.step->record(step.tasks);
    step.begin = now();
    Status status = session.runStep(entry);
    step.end = now();
    entry.step->record({});
    INGOT_RETURN_IF_ERROR(std::move(status));
  }
  return steps;
}

Status trace(const Options &options) {
  Result<std::unique_ptr<Session>> session = startSession(options);
  if (!session)
    return session.status();
  Result<Session::Entry *> entry = chooseTimedEntry(**session, options.entry);
  if (!entry)
    return entry.status();
  fillInputs(**session, **entry, options.position);
  Result<std::vector<RecordedStep>> steps = record(**session, **entry, options.steps);
  if (!steps)
    return steps.status();
  Timeline timeline;
  timeline.model = (*session)->artifact().manifest().modelName();
  timeline.launch = options.launch.empty() ? "megakernel" : options.launch;
  timeline.program = (*entry)->prepared->program.get();
  timeline.steps = std::move(*steps);
  Result<std::optional<program::CostModel>> costs = options.costs();
  if (!costs)
    return costs.status();
  timeline.planned = program::predict(*timeline.program, costs->value_or((*session)->artifact().manifest().costs()));
  INGOT_RETURN_IF_ERROR(writeFile(options.output, printTrace(timeline)));
  if (!options.svg.empty())
    INGOT_RETURN_IF_ERROR(writeFile(options.svg, printPicture(timeline)));
  std::fprintf(stderr, "%s", printable(printSummary(timeline)).c_str());
  return Status::success();
}

} // namespace

int traceMain(int argc, char **argv) {
  CLI::App app("Records when the tasks of a step run, beside what the planner expected", "ingot trace");
  Options options;
  options.addTo(app, {{"megakernel", "eager"}});
  app.add_option("-o,--output", options.output, "Where to write trace events for Perfetto or chrome://tracing")
      ->required()
      ->check(fileToWrite())
      ->type_name("FILE.json");
  app.add_option("--svg", options.svg, "Also draw the median step")->check(fileToWrite())->type_name("FILE.svg");
  options.addTimingTo(app);
  app.add_option("--steps", options.steps, "Record N steps [4]")->check(whole(1, 1000))->type_name("N");
  if (int exit = parse(app, argc, argv); exit >= 0)
    return exit;
  if (!options.svg.empty() && isSameFile(options.svg, options.output))
    return badUsage(app.get_name(), "expects different files for -o and --svg, but got '" + options.svg + "' twice");
  Status status = trace(options);
  return status.ok() ? 0 : fail(status);
}

} // namespace ingot::tool
