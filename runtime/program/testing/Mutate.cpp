#include "runtime/program/testing/Mutate.h"

#include "runtime/program/Structure.h"

#include <algorithm>

namespace ingot::program::testing {

namespace {

/// Signals that a launch's reference `ref` gives to any one of the event's counters, if all get the same number.
std::optional<uint32_t> evenSignals(const Program &program, const Launch &launch, const EventRef &ref) {
  std::vector<uint32_t> counts(program.events[ref.event].count, 0);
  for (int64_t i = 0; i < launch.numTasks(); ++i)
    ++counts[size_t(ref.index.at(launch.indexOf(i)))];
  if (std::any_of(counts.begin(), counts.end(), [&](uint32_t count) { return count != counts[0]; }))
    return std::nullopt;
  return counts[0];
}

bool dropReference(Program &program, Random &random, bool wait, bool adjust) {
  Launch &launch = program.launches[size_t(random.below(int64_t(program.launches.size())))];
  std::vector<EventRef> &refs = wait ? launch.waits : launch.signals;
  if (refs.empty())
    return false;
  auto ref = refs.begin() + random.below(int64_t(refs.size()));
  if (adjust) {
    std::optional<uint32_t> given = evenSignals(program, launch, *ref);
    if (!given)
      return false;
    program.events[ref->event].signals -= *given;
  }
  refs.erase(ref);
  return true;
}

bool changeThreshold(Program &program, Random &random, bool up) {
  if (program.events.empty())
    return false;
  Event &event = program.events[size_t(random.below(int64_t(program.events.size())))];
  if (!up && event.signals == 0)
    return false;
  event.signals += up ? 1 : -1;
  return true;
}

/// Ranges of one task each, so that single tasks can be moved.
std::vector<TaskRange> singles(const std::vector<TaskRange> &ranges) {
  std::vector<TaskRange> result;
  for (const TaskRange &range : ranges)
    for (int64_t i = range.begin; i < range.end; ++i)
      result.push_back({range.launch, i, i + 1});
  return result;
}

std::vector<TaskRange> merged(const std::vector<TaskRange> &ranges) {
  std::vector<TaskRange> result;
  for (const TaskRange &range : ranges)
    if (!result.empty() && result.back().launch == range.launch && result.back().end == range.begin)
      result.back().end = range.end;
    else
      result.push_back(range);
  return result;
}

bool swapOrder(Program &program, Random &random) {
  auto &queue = program.schedule.queues[size_t(random.below(program.schedule.workers()))];
  std::vector<TaskRange> tasks = singles(queue);
  if (tasks.size() < 2)
    return false;
  size_t at = size_t(random.below(int64_t(tasks.size()) - 1));
  std::swap(tasks[at], tasks[at + 1]);
  queue = merged(tasks);
  return true;
}

bool moveTask(Program &program, Random &random) {
  auto &from = program.schedule.queues[size_t(random.below(program.schedule.workers()))];
  auto &to = program.schedule.queues[size_t(random.below(program.schedule.workers()))];
  std::vector<TaskRange> tasks = singles(from), others = singles(to);
  if (&from == &to || tasks.empty())
    return false;
  size_t at = size_t(random.below(int64_t(tasks.size())));
  // To where the launch order puts it, so that the queue itself does not deadlock.
  auto place = std::lower_bound(others.begin(), others.end(), tasks[at], [](const TaskRange &a, const TaskRange &b) {
    return std::pair(a.launch, a.begin) < std::pair(b.launch, b.begin);
  });
  others.insert(place, tasks[at]);
  tasks.erase(tasks.begin() + std::ptrdiff_t(at));
  from = merged(tasks);
  to = merged(others);
  return true;
}

bool shiftRegion(Program &program, Random &random) {
  Launch &launch = program.launches[size_t(random.below(int64_t(program.launches.size())))];
  std::vector<Access> *lists[] = {&launch.reads, &launch.writes, &launch.mustWrite};
  std::vector<Access> &list = *lists[random.below(3)];
  if (list.empty())
    return false;
  Access &access = list[size_t(random.below(int64_t(list.size())))];
  if (access.size.empty())
    return false;
  Access before = access;
  size_t d = size_t(random.below(int64_t(access.size.size())));
  int64_t by = random.chance(50) ? 1 : -1;
  int64_t kind = random.below(3);
  if (kind == 0)
    access.offset[d].constant += by;
  else if (kind == 1)
    access.size[d] += by;
  else // moves the lower bound alone
    access.offset[d].constant += by, access.size[d] -= by;
  // What is certainly written mostly is what may be written: keep them equal then, or the fault is only a broken
  // promise.
  if (&list == &launch.writes && random.chance(80))
    for (Access &must : launch.mustWrite)
      if (must.buffer == before.buffer && must.size == before.size)
        must = access;
  return true;
}

bool retarget(Program &program, Random &random) {
  Launch &launch = program.launches[size_t(random.below(int64_t(program.launches.size())))];
  std::vector<EventRef> &refs = random.chance(50) ? launch.waits : launch.signals;
  if (refs.empty())
    return false;
  EventRef &ref = refs[size_t(random.below(int64_t(refs.size())))];
  if (random.chance(50))
    ref.event = uint32_t(random.below(int64_t(program.events.size())));
  else if (random.chance(50))
    ref.index.constant += random.chance(50) ? 1 : -1;
  else
    ref.index = {0, {0, 0, 0}, 1};
  return true;
}

bool regroup(Program &program, Random &random) {
  Launch &launch = program.launches[size_t(random.below(int64_t(program.launches.size())))];
  std::vector<EventRef> &refs = random.chance(50) ? launch.waits : launch.signals;
  if (refs.empty())
    return false;
  EventRef &ref = refs[size_t(random.below(int64_t(refs.size())))];
  if (ref.index.isConstant())
    return false;
  int64_t &changed =
      random.chance(50) ? ref.index.divisor : ref.index.coefficients[size_t(random.below(int64_t(launch.grid.size())))];
  changed += random.chance(50) ? 1 : -1;
  return true;
}

bool moveScratch(Program &program, Random &random) {
  Buffer &buffer = program.buffers[size_t(random.below(int64_t(program.buffers.size())))];
  if (buffer.kind != BufferKind::Scratch || buffer.bytes() > program.arenaBytes)
    return false;
  uint64_t before = buffer.offset, element = byteSize(buffer.dtype);
  uint64_t places = (program.arenaBytes - buffer.bytes()) / element + 1;
  buffer.offset = uint64_t(random.below(int64_t(places))) * element;
  return buffer.offset != before;
}

bool apply(Program &program, Mutation mutation, Random &random) {
  switch (mutation) {
  case Mutation::DropWait:
    return dropReference(program, random, true, false);
  case Mutation::DropSignal:
    return dropReference(program, random, false, false);
  case Mutation::DropSignaller:
    return dropReference(program, random, false, true);
  case Mutation::ThresholdUp:
    return changeThreshold(program, random, true);
  case Mutation::ThresholdDown:
    return changeThreshold(program, random, false);
  case Mutation::SwapOrder:
    return swapOrder(program, random);
  case Mutation::MoveTask:
    return moveTask(program, random);
  case Mutation::ShiftRegion:
    return shiftRegion(program, random);
  case Mutation::RetargetEvent:
    return retarget(program, random);
  case Mutation::Regroup:
    return regroup(program, random);
  case Mutation::MoveScratch:
    return moveScratch(program, random);
  }
  return false;
}

} // namespace

const char *toString(Mutation mutation) {
  constexpr const char *names[] = {"drop-wait",      "drop-signal", "drop-signaller", "threshold-up",
                                   "threshold-down", "swap-order",  "move-task",      "shift-region",
                                   "retarget-event", "regroup",     "move-scratch"};
  return names[size_t(mutation)];
}

std::optional<Program> mutate(const Program &program, Mutation mutation, Random &random) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    Program mutant = program;
    if (apply(mutant, mutation, random) && checkStructure(mutant).ok() && checkSchedule(mutant).ok())
      return mutant;
  }
  return std::nullopt;
}

} // namespace ingot::program::testing
