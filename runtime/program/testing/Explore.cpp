#include "runtime/program/testing/Explore.h"

#include "runtime/program/testing/Cells.h"

#include <algorithm>
#include <string>
#include <unordered_set>

namespace ingot::program::testing {

namespace {

using Cells = std::vector<ConcreteTask::Cell>;

bool overlap(const Cells &a, const Cells &b) {
  for (const auto &x : a)
    for (const auto &y : b)
      if (x.cell == y.cell)
        return true;
  return false;
}

struct State {
  std::vector<uint8_t> head;     // per queue: tasks that have ended
  std::vector<uint8_t> inFlight; // per queue: whether the head has started
  std::vector<uint32_t> counters;
  std::vector<uint8_t> memory; // per cell: 0, or 1 + the buffer whose data it holds

  /// Counters follow from the heads, so they are not part of it.
  std::string key() const {
    std::string key(head.begin(), head.end());
    key.append(inFlight.begin(), inFlight.end());
    return key.append(memory.begin(), memory.end());
  }
};

class Explorer {
public:
  Explorer(const Program &program, uint64_t maxStates) : source(program), program(program), maxStates(maxStates) {
    size_t tasks = this->program.tasks.size();
    conflict.assign(tasks, std::vector<bool>(tasks, false));
    for (size_t a = 0; a < tasks; ++a)
      for (size_t b = 0; b < tasks; ++b) {
        const ConcreteTask &x = this->program.tasks[a], &y = this->program.tasks[b];
        conflict[a][b] = a != b && (overlap(x.mayWrites, y.mayWrites) || overlap(x.mayWrites, y.reads) ||
                                    overlap(x.reads, y.mayWrites));
      }
  }

  Exploration run() {
    contracts();
    State start;
    start.head.assign(program.queues.size(), 0);
    start.inFlight.assign(program.queues.size(), 0);
    start.counters.assign(program.targets.size(), 0);
    for (uint32_t owner : program.owners)
      start.memory.push_back(owner == ConcreteProgram::kNobody ? 0 : uint8_t(owner + 1));
    push(start);
    while (!pending.empty()) {
      State state = std::move(pending.back());
      pending.pop_back();
      expand(state);
    }
    result.states = seen.size();
    return result;
  }

private:
  void contracts() {
    std::set<uint32_t> writtenBuffers;
    for (const ConcreteTask &task : program.tasks)
      for (const auto &write : task.mayWrites)
        writtenBuffers.insert(write.buffer);
    for (uint32_t b : writtenBuffers)
      if (source.buffers[b].kind == BufferKind::Param || source.buffers[b].kind == BufferKind::Input)
        result.broken.insert(Rule::ReadOnly);
    for (const ConcreteTask &task : program.tasks) {
      for (const auto &read : task.streams)
        if (writtenBuffers.count(read.buffer) || program.owners[read.cell] == ConcreteProgram::kNobody)
          result.broken.insert(Rule::Stream);
      for (const auto &must : task.mustWrites)
        if (std::none_of(task.mayWrites.begin(), task.mayWrites.end(),
                         [&](const auto &may) { return may.cell == must.cell && may.buffer == must.buffer; }))
          result.broken.insert(Rule::MustInMay);
    }
  }

  void push(State state) {
    if (seen.size() >= maxStates) {
      result.complete = false;
      return;
    }
    if (seen.insert(state.key()).second)
      pending.push_back(std::move(state));
  }

  void expand(const State &state) {
    bool moved = false, allDone = true;
    for (size_t q = 0; q < program.queues.size(); ++q) {
      if (state.head[q] == program.queues[q].size())
        continue;
      allDone = false;
      uint32_t task = program.queues[q][state.head[q]];
      if (state.inFlight[q]) {
        push(ended(state, q, program.tasks[task]));
        moved = true;
      } else if (enabled(state, program.tasks[task])) {
        checkStart(state, task);
        State next = state;
        next.inFlight[q] = 1;
        push(std::move(next));
        moved = true;
      }
    }
    if (allDone)
      checkEnd(state);
    else if (!moved)
      result.broken.insert(Rule::Deadlock);
  }

  bool enabled(const State &state, const ConcreteTask &task) const {
    return std::all_of(task.waits.begin(), task.waits.end(),
                       [&](uint32_t counter) { return state.counters[counter] >= program.targets[counter]; });
  }

  void checkStart(const State &state, uint32_t task) {
    for (size_t q = 0; q < program.queues.size(); ++q)
      if (state.inFlight[q] && conflict[task][program.queues[q][state.head[q]]])
        result.broken.insert(Rule::Race);
    for (const auto &read : program.tasks[task].reads)
      if (state.memory[read.cell] != read.buffer + 1)
        result.broken.insert(Rule::UndefinedRead);
  }

  State ended(State state, size_t queue, const ConcreteTask &task) const {
    for (const auto &write : task.mayWrites)
      if (state.memory[write.cell] != write.buffer + 1)
        state.memory[write.cell] = 0;
    for (const auto &write : task.mustWrites)
      state.memory[write.cell] = uint8_t(write.buffer + 1);
    for (uint32_t counter : task.signals)
      ++state.counters[counter];
    state.inFlight[queue] = 0;
    ++state.head[queue];
    return state;
  }

  void checkEnd(const State &state) {
    if (state.counters != program.targets)
      result.broken.insert(Rule::Signals);
    for (const auto &output : program.outputs)
      if (state.memory[output.cell] != output.buffer + 1)
        result.broken.insert(Rule::OutputWritten);
  }

  const Program &source;
  ConcreteProgram program;
  uint64_t maxStates;
  std::vector<std::vector<bool>> conflict;
  std::unordered_set<std::string> seen;
  std::vector<State> pending;
  Exploration result;
};

} // namespace

Exploration explore(const Program &program, uint64_t maxStates) { return Explorer(program, maxStates).run(); }

} // namespace ingot::program::testing
