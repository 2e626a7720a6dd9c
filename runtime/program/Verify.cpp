#include "runtime/program/Verify.h"

#include "runtime/program/Boxes.h"
#include "runtime/program/HappensBefore.h"
#include "runtime/program/Spaces.h"
#include "runtime/program/Structure.h"
#include "runtime/program/TaskGraph.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <queue>

namespace ingot::program {

using runtime::Status;

const char *toString(Rule rule) {
  switch (rule) {
  case Rule::Structure:
    return "structure";
  case Rule::ReadOnly:
    return "read-only";
  case Rule::Stream:
    return "stream";
  case Rule::MustInMay:
    return "must-in-may";
  case Rule::Signals:
    return "signals";
  case Rule::Deadlock:
    return "deadlock";
  case Rule::Race:
    return "race";
  case Rule::UndefinedRead:
    return "undefined-read";
  case Rule::OutputWritten:
    return "output-written";
  case Rule::Limit:
    return "limit";
  }
  return "unknown";
}

Status VerifyResult::status() const {
  if (ok())
    return Status::success();
  std::string message = violations[0].message;
  if (violations.size() > 1)
    message += " (and " + std::to_string(violations.size() - 1) + " more)";
  return Status::corrupt(message);
}

namespace {

// More tasks than any step we know of has; each costs up to one clock.
constexpr int64_t kMaxVerifiedTasks = int64_t(1) << 22;

bool isEmpty(const Access &access) { return std::find(access.size.begin(), access.size.end(), 0) != access.size.end(); }

/// Rules that a launch alone can break.
void checkLaunch(const Program &program, const Launch &launch, const std::vector<bool> &written, Report &report) {
  std::string what = "launch @" + launch.symbol;
  for (const Access &write : launch.writes) {
    const Buffer &buffer = program.buffers[write.buffer];
    if (isEmpty(write))
      continue;
    if (buffer.kind == BufferKind::Param || buffer.kind == BufferKind::Input)
      report.add(Rule::ReadOnly, what + " writes @" + buffer.symbol +
                                     ": expects a state, output or scratch buffer, but got " +
                                     (buffer.kind == BufferKind::Param ? "a param" : "an input"));
  }
  for (const Access &read : launch.reads) {
    const Buffer &buffer = program.buffers[read.buffer];
    if (!read.stream || isEmpty(read))
      continue;
    if (buffer.kind == BufferKind::Scratch || buffer.kind == BufferKind::Output)
      report.add(Rule::Stream, what + " streams @" + buffer.symbol +
                                   ": expects a buffer that is defined when the step begins, but got " +
                                   (buffer.kind == BufferKind::Scratch ? "scratch" : "an output"));
    else if (written[read.buffer])
      report.add(Rule::Stream, what + " streams @" + buffer.symbol +
                                   ": expects a buffer that no launch writes, but got one that is written");
  }
  if (std::optional<MustOutsideMay> outside = findMustOutsideMay(launch))
    report.add(Rule::MustInMay, what + " task " + std::to_string(outside->task) + " must-writes @" +
                                    program.buffers[outside->buffer].symbol +
                                    ": expects the box inside what it may write, but got cells outside");
}

void checkLaunches(const Program &program, Report &report) {
  std::vector<bool> written(program.buffers.size(), false);
  for (const Launch &launch : program.launches)
    for (const Access &write : launch.writes)
      written[write.buffer] = written[write.buffer] || !isEmpty(write);
  for (const Launch &launch : program.launches)
    checkLaunch(program, launch, written, report);
}

void checkSignals(const TaskGraph &graph, Report &report) {
  std::vector<uint64_t> signals(graph.numCounters(), 0);
  for (uint32_t task = 0; task < graph.numTasks(); ++task) {
    TaskIndex index = graph.indexOf(task);
    for (const EventRef &signal : graph.launchOf(task).signals)
      ++signals[graph.counterOf(signal, index)];
  }
  // Of each event, whose counters follow each other, the first. There may be millions of counters.
  std::optional<uint32_t> reported;
  for (uint32_t counter = 0; counter < graph.numCounters() && !report.full(); ++counter) {
    if (signals[counter] == graph.targetOf(counter) || reported == graph.eventOfCounter(counter))
      continue;
    reported = graph.eventOfCounter(counter);
    report.add(Rule::Signals, "event " + graph.counterName(counter) + " expects " +
                                  std::to_string(graph.targetOf(counter)) + " signals per step, but got " +
                                  std::to_string(signals[counter]));
  }
}

/// One maximal run decides: counters only grow, so what can run at some time can run at any later time.
/// Of the ready tasks the first in launch order runs, so that messages speak of a writer before its reader.
std::vector<uint32_t> runStep(const TaskGraph &graph, Report &report) {
  StepRun run(graph);
  std::vector<uint32_t> order;
  order.reserve(graph.numTasks());
  using HeadAndQueue = std::pair<uint32_t, uint32_t>;
  std::priority_queue<HeadAndQueue, std::vector<HeadAndQueue>, std::greater<>> next;
  size_t known = 0;
  while (!run.readyQueues().empty()) {
    for (; known < run.readyQueues().size(); ++known)
      next.emplace(run.head(run.readyQueues()[known]), run.readyQueues()[known]);
    order.push_back(run.advance(next.top().second));
    next.pop();
    --known;
  }
  if (!run.done())
    for (std::string &line : run.stuckQueues(4))
      report.add(Rule::Deadlock, "deadlock: " + line);
  return order;
}

} // namespace

VerifyResult verify(const Program &program, const VerifyOptions &options) {
  VerifyResult result;
  Report report(result.violations, std::max<size_t>(options.maxViolations, 1));
  Status structure = checkStructure(program);
  if (structure.ok())
    structure = checkSchedule(program);
  if (!structure.ok()) {
    report.add(Rule::Structure, structure.message());
    return result;
  }
  if (program.numTasks() > kMaxVerifiedTasks) {
    report.add(Rule::Limit,
               "program expects at most 2^22 tasks to be verified, but got " + std::to_string(program.numTasks()));
    return result;
  }
  checkLaunches(program, report);
  TaskGraph graph(program);
  checkSignals(graph, report);
  std::vector<uint32_t> tasks = runStep(graph, report);
  // Clocks mean something only when every wait needs all signals and every task runs.
  if (!result.ok())
    return result;
  HappensBefore order(graph, tasks);
  if (!order.complete()) {
    report.add(Rule::Limit, "program expects an order whose clocks fit in 1 GiB, but got more events and queues");
    return result;
  }
  forEachSpace(graph, tasks, order, report, [&](const AccessSpace &space) { sweep(space, order, graph, report); });
  return result;
}

} // namespace ingot::program
