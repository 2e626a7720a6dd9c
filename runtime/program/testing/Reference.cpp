#include "runtime/program/testing/Reference.h"

#include "runtime/program/testing/Cells.h"

#include <algorithm>
#include <deque>

namespace ingot::program::testing {

namespace {

class Bits {
public:
  explicit Bits(size_t size = 0) : words((size + 63) / 64, 0) {}
  void set(size_t i) { words[i / 64] |= uint64_t(1) << (i % 64); }
  bool get(size_t i) const { return words[i / 64] >> (i % 64) & 1; }
  void unite(const Bits &other) {
    for (size_t w = 0; w < words.size(); ++w)
      words[w] |= other.words[w];
  }
  /// Whether every member is in `a` or `b` or is `self`.
  bool within(const Bits &a, const Bits &b, size_t self) const {
    for (size_t w = 0; w < words.size(); ++w) {
      uint64_t left = words[w] & ~a.words[w] & ~b.words[w];
      if (w == self / 64)
        left &= ~(uint64_t(1) << (self % 64));
      if (left)
        return false;
    }
    return true;
  }

private:
  std::vector<uint64_t> words;
};

class Checker {
public:
  explicit Checker(const Program &program)
      : source(program), program(program), size(this->program.tasks.size()), after(size), before(size, Bits(size)),
        afterAll(size, Bits(size)) {}

  std::set<Rule> run() {
    contracts();
    signals();
    edges();
    sort();
    if (order.size() != size)
      broken.insert(Rule::Deadlock);
    if (!broken.empty())
      return broken;
    closure();
    races();
    if (broken.empty())
      memory();
    return broken;
  }

private:
  void contracts() {
    std::set<uint32_t> written;
    for (const ConcreteTask &task : program.tasks)
      for (const auto &write : task.mayWrites)
        written.insert(write.buffer);
    for (uint32_t b : written)
      if (source.buffers[b].kind == BufferKind::Param || source.buffers[b].kind == BufferKind::Input)
        broken.insert(Rule::ReadOnly);
    for (const ConcreteTask &task : program.tasks) {
      std::set<std::pair<uint32_t, uint32_t>> may;
      for (const auto &write : task.mayWrites)
        may.emplace(write.cell, write.buffer);
      for (const auto &must : task.mustWrites)
        if (!may.count({must.cell, must.buffer}))
          broken.insert(Rule::MustInMay);
      for (const auto &read : task.streams)
        if (written.count(read.buffer) || program.owners[read.cell] == ConcreteProgram::kNobody)
          broken.insert(Rule::Stream);
    }
  }

  void signals() {
    signallers.resize(program.targets.size());
    for (uint32_t t = 0; t < size; ++t)
      for (uint32_t counter : program.tasks[t].signals)
        signallers[counter].push_back(t);
    for (size_t counter = 0; counter < program.targets.size(); ++counter)
      if (signallers[counter].size() != program.targets[counter])
        broken.insert(Rule::Signals);
  }

  /// Who ends before whom starts. A counter that can never reach its target makes its waiters wait for themselves.
  void edges() {
    for (const std::vector<uint32_t> &queue : program.queues)
      for (size_t i = 1; i < queue.size(); ++i)
        after[queue[i - 1]].push_back(queue[i]);
    for (uint32_t t = 0; t < size; ++t)
      for (uint32_t counter : program.tasks[t].waits) {
        for (uint32_t signaller : signallers[counter])
          after[signaller].push_back(t);
        if (signallers[counter].size() < program.targets[counter])
          after[t].push_back(t);
      }
  }

  void sort() {
    std::vector<uint32_t> missing(size, 0);
    for (const std::vector<uint32_t> &successors : after)
      for (uint32_t t : successors)
        ++missing[t];
    std::deque<uint32_t> ready;
    for (uint32_t t = 0; t < size; ++t)
      if (missing[t] == 0)
        ready.push_back(t);
    for (; !ready.empty(); ready.pop_front()) {
      order.push_back(ready.front());
      for (uint32_t t : after[ready.front()])
        if (--missing[t] == 0)
          ready.push_back(t);
    }
  }

  void closure() {
    for (uint32_t t : order)
      for (uint32_t next : after[t]) {
        before[next].unite(before[t]);
        before[next].set(t);
      }
    for (uint32_t a = 0; a < size; ++a)
      for (uint32_t b = 0; b < size; ++b)
        if (before[b].get(a))
          afterAll[a].set(b);
  }

  void races() {
    // Per cell: who writes it, and who touches it at all. Cells that nobody writes need no order.
    std::vector<std::vector<uint32_t>> writers(program.owners.size());
    std::vector<Bits> users(program.owners.size());
    for (uint32_t t = 0; t < size; ++t)
      for (const auto &write : program.tasks[t].mayWrites) {
        if (writers[write.cell].empty())
          users[write.cell] = Bits(size);
        writers[write.cell].push_back(t);
      }
    for (uint32_t t = 0; t < size; ++t)
      for (const auto *cells : {&program.tasks[t].reads, &program.tasks[t].mayWrites})
        for (const auto &access : *cells)
          if (!writers[access.cell].empty())
            users[access.cell].set(t);
    for (size_t cell = 0; cell < writers.size(); ++cell)
      for (uint32_t writer : writers[cell])
        if (!users[cell].within(before[writer], afterAll[writer], writer))
          broken.insert(Rule::Race);
  }

  /// Without races any legal order shows every task the same data.
  void memory() {
    std::vector<uint32_t> owner = program.owners;
    for (uint32_t t : order) {
      for (const auto &read : program.tasks[t].reads)
        if (owner[read.cell] != read.buffer)
          broken.insert(Rule::UndefinedRead);
      for (const auto &write : program.tasks[t].mayWrites)
        if (owner[write.cell] != write.buffer)
          owner[write.cell] = ConcreteProgram::kNobody;
      for (const auto &write : program.tasks[t].mustWrites)
        owner[write.cell] = write.buffer;
    }
    for (const auto &output : program.outputs)
      if (owner[output.cell] != output.buffer)
        broken.insert(Rule::OutputWritten);
  }

  const Program &source;
  ConcreteProgram program;
  size_t size;
  std::vector<std::vector<uint32_t>> after, signallers;
  std::vector<Bits> before, afterAll;
  std::vector<uint32_t> order;
  std::set<Rule> broken;
};

} // namespace

std::set<Rule> checkByPairs(const Program &program) { return Checker(program).run(); }

} // namespace ingot::program::testing
