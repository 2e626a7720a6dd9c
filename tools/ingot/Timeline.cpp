#include "Timeline.h"

#include "runtime/formats/Json.h"
#include "runtime/program/TaskGraph.h"

#include <algorithm>
#include <cstdio>

namespace ingot::tool {

using namespace program;
using runtime::OrderedJson;

namespace {

constexpr uint64_t kLeastWait = 50; // ns

/// Sorts slices and fills the gaps between them, and up to `end`, with waiting.
void addWaits(std::vector<Slice> &slices, uint64_t end) {
  std::sort(slices.begin(), slices.end(), [](const Slice &a, const Slice &b) { return a.begin < b.begin; });
  std::vector<Slice> all;
  uint64_t free = 0;
  auto fillUpTo = [&](uint64_t time) {
    if (time >= free + kLeastWait)
      all.push_back({Slice::kWait, free, time});
  };
  for (const Slice &slice : slices) {
    fillUpTo(slice.begin);
    all.push_back(slice);
    free = std::max(free, slice.end);
  }
  fillUpTo(end);
  slices = std::move(all);
}

uint64_t toNanoseconds(PlannedTime time) { return (time + 500) / 1000; }

double microseconds(uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

OrderedJson counterNames(const TaskGraph &graph, const std::vector<EventRef> &refs, const TaskIndex &index) {
  OrderedJson names = OrderedJson::array();
  for (const EventRef &ref : refs)
    names.push_back(graph.counterName(graph.counterOf(ref, index)));
  return names;
}

OrderedJson named(const char *what, int process, int64_t worker, const std::string &name) {
  OrderedJson event = {{"ph", "M"}, {"pid", process}, {"name", what}, {"args", {{"name", name}}}};
  if (worker >= 0)
    event["tid"] = worker;
  return event;
}

/// Adds what the workers of one process did in one step, which begins at `offset`.
void addStep(OrderedJson &events, const TaskGraph &graph, int process, size_t step, uint64_t offset,
             const std::vector<std::vector<Slice>> &workers) {
  for (size_t worker = 0; worker < workers.size(); ++worker)
    for (const Slice &slice : workers[worker]) {
      OrderedJson event = {{"ph", "X"},
                           {"pid", process},
                           {"tid", worker},
                           {"ts", microseconds(offset + slice.begin)},
                           {"dur", microseconds(slice.end - slice.begin)}};
      if (slice.isWait()) {
        event.update({{"name", "wait"}, {"cat", "wait"}, {"cname", "grey"}, {"args", {{"step", step}}}});
      } else {
        auto task = static_cast<uint32_t>(slice.task);
        const Launch &launch = graph.launchOf(task);
        TaskIndex index = graph.indexOf(task);
        event.update({{"name", graph.program().bodies[launch.body].symbol},
                      {"cat", "task"},
                      {"args",
                       {{"task", graph.nameOf(task)},
                        {"launch", launch.symbol},
                        {"index", graph.refOf(task).index},
                        {"step", step},
                        {"waits", counterNames(graph, launch.waits, index)},
                        {"signals", counterNames(graph, launch.signals, index)},
                        {"flops", launch.flops},
                        {"bytes", launch.bytes}}}});
      }
      events.push_back(std::move(event));
    }
}

} // namespace

std::vector<std::vector<Slice>> slicesOf(const RecordedStep &step, uint32_t workers) {
  std::vector<std::vector<Slice>> slices(workers);
  for (size_t task = 0; task < step.tasks.size(); ++task) {
    const runtime::TaskTime &time = step.tasks[task];
    slices[time.worker].push_back({task, time.begin - step.begin, time.end - step.begin});
  }
  for (std::vector<Slice> &worker : slices)
    addWaits(worker, step.end - step.begin);
  return slices;
}

std::vector<std::vector<Slice>> slicesOf(const std::vector<PlannedTask> &planned, uint32_t workers) {
  std::vector<std::vector<Slice>> slices(workers);
  uint64_t end = 0;
  for (size_t task = 0; task < planned.size(); ++task) {
    end = std::max(end, toNanoseconds(planned[task].end));
    slices[planned[task].worker].push_back(
        {task, toNanoseconds(planned[task].begin), toNanoseconds(planned[task].end)});
  }
  for (std::vector<Slice> &worker : slices)
    addWaits(worker, end);
  return slices;
}

std::vector<BodyTime> bodyTimes(const Timeline &timeline, const RecordedStep &step) {
  std::vector<BodyTime> bodies(timeline.program->bodies.size());
  size_t task = 0;
  for (const Launch &launch : timeline.program->launches)
    for (int64_t i = 0; i < launch.numTasks(); ++i, ++task) {
      BodyTime &body = bodies[launch.body];
      ++body.tasks;
      body.measured += step.tasks[task].end - step.tasks[task].begin;
      body.planned += toNanoseconds(timeline.planned[task].end - timeline.planned[task].begin);
    }
  return bodies;
}

const RecordedStep &medianStep(const Timeline &timeline) {
  std::vector<const RecordedStep *> steps;
  for (const RecordedStep &step : timeline.steps)
    steps.push_back(&step);
  auto middle = steps.begin() + static_cast<std::ptrdiff_t>((steps.size() - 1) / 2);
  std::nth_element(steps.begin(), middle, steps.end(), [](const RecordedStep *a, const RecordedStep *b) {
    return std::pair(a->end - a->begin, a) < std::pair(b->end - b->begin, b);
  });
  return **middle;
}

uint64_t plannedLength(const Timeline &timeline) {
  PlannedTime end = 0;
  for (const PlannedTask &task : timeline.planned)
    end = std::max(end, task.end);
  return toNanoseconds(end);
}

std::string printTrace(const Timeline &timeline) {
  const Program &program = *timeline.program;
  TaskGraph graph(program);
  uint32_t workers = program.schedule.workers();
  OrderedJson events = OrderedJson::array();
  const char *processes[] = {"measured", "planned"};
  for (int process = 0; process < 2; ++process) {
    events.push_back(named("process_name", process, -1, processes[process]));
    for (uint32_t worker = 0; worker < workers; ++worker)
      events.push_back(named("thread_name", process, worker, "worker " + std::to_string(worker)));
  }
  addStep(events, graph, 1, 0, 0, slicesOf(timeline.planned, workers));
  for (size_t step = 0; step < timeline.steps.size(); ++step) {
    uint64_t offset = timeline.steps[step].begin - timeline.steps.front().begin;
    addStep(events, graph, 0, step, offset, slicesOf(timeline.steps[step], workers));
  }
  OrderedJson trace = {{"displayTimeUnit", "ns"},
                       {"otherData",
                        {{"model", timeline.model},
                         {"entry", program.name},
                         {"target", program.target},
                         {"launch", timeline.launch},
                         {"workers", workers},
                         {"steps", timeline.steps.size()}}},
                       {"traceEvents", std::move(events)}};
  return trace.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

std::string printSummary(const Timeline &timeline) {
  const RecordedStep &step = medianStep(timeline);
  uint32_t workers = timeline.program->schedule.workers();
  uint64_t length = step.end - step.begin, busy = 0;
  std::vector<BodyTime> bodies = bodyTimes(timeline, step);
  for (const BodyTime &body : bodies)
    busy += body.measured;
  double total = static_cast<double>(length) * workers;
  char line[512];
  std::snprintf(
      line, sizeof(line), "%s: %zu steps, %u workers, %s; median step %.1f us (planned %.1f us), in tasks %.0f%%\n",
      timeline.program->name.c_str(), timeline.steps.size(), workers, timeline.launch.c_str(), microseconds(length),
      microseconds(plannedLength(timeline)), total > 0 ? 100 * static_cast<double>(busy) / total : 0.0);
  std::string text = line;
  std::vector<size_t> order;
  for (size_t i = 0; i < bodies.size(); ++i)
    order.push_back(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return bodies[a].measured > bodies[b].measured; });
  for (size_t i : order) {
    std::snprintf(line, sizeof(line), "  %5.1f%%  %9.1f us  (planned %9.1f us)  %6llu tasks  ",
                  busy ? 100 * static_cast<double>(bodies[i].measured) / static_cast<double>(busy) : 0.0,
                  microseconds(bodies[i].measured), microseconds(bodies[i].planned),
                  static_cast<unsigned long long>(bodies[i].tasks));
    text += line + timeline.program->bodies[i].symbol + "\n";
  }
  return text;
}

} // namespace ingot::tool
