#include "runtime/program/testing/Cells.h"

#include <functional>

namespace ingot::program::testing {

namespace {

using Cell = ConcreteTask::Cell;

/// Calls `visit` with the linear element number of every element of the box.
void forEachElement(const Buffer &buffer, const Access &access, const TaskIndex &index,
                    const std::function<void(int64_t)> &visit) {
  std::function<void(size_t, int64_t)> walk = [&](size_t d, int64_t linear) {
    if (d == buffer.shape.size())
      return visit(linear);
    int64_t low = access.offset[d].at(index);
    for (int64_t i = low; i < low + access.size[d]; ++i)
      walk(d + 1, linear * buffer.shape[d] + i);
  };
  walk(0, 0);
}

} // namespace

ConcreteProgram::ConcreteProgram(const Program &program) {
  std::vector<uint64_t> firstCell;
  uint64_t cells = program.arenaBytes;
  owners.assign(cells, kNobody);
  for (uint32_t b = 0; b < program.buffers.size(); ++b) {
    const Buffer &buffer = program.buffers[b];
    firstCell.push_back(buffer.kind == BufferKind::Scratch ? buffer.offset : cells);
    if (buffer.kind == BufferKind::Scratch)
      continue;
    bool defined = buffer.kind != BufferKind::Output;
    for (uint64_t i = 0; !defined && i < buffer.bytes(); ++i)
      outputs.push_back({static_cast<uint32_t>(cells + i), b});
    cells += buffer.bytes();
    owners.resize(cells, defined ? b : kNobody);
  }
  std::vector<uint32_t> firstCounter;
  for (const Event &event : program.events) {
    firstCounter.push_back(static_cast<uint32_t>(targets.size()));
    targets.resize(targets.size() + event.count, event.signals);
  }
  std::vector<uint32_t> firstTask;
  for (uint32_t l = 0; l < program.launches.size(); ++l) {
    const Launch &launch = program.launches[l];
    firstTask.push_back(static_cast<uint32_t>(tasks.size()));
    for (int64_t i = 0; i < launch.numTasks(); ++i) {
      ConcreteTask &task = tasks.emplace_back();
      task.ref = {l, i};
      TaskIndex index = launch.indexOf(i);
      auto add = [&](const Access &access, std::vector<Cell> &to) {
        uint64_t size = byteSize(program.buffers[access.buffer].dtype);
        forEachElement(program.buffers[access.buffer], access, index, [&](int64_t element) {
          for (uint64_t byte = 0; byte < size; ++byte)
            to.push_back(
                {static_cast<uint32_t>(firstCell[access.buffer] + uint64_t(element) * size + byte), access.buffer});
        });
      };
      for (const Access &access : launch.reads) {
        add(access, task.reads);
        if (access.stream)
          add(access, task.streams);
      }
      for (const Access &access : launch.writes)
        add(access, task.mayWrites);
      for (const Access &access : launch.mustWrite)
        add(access, task.mustWrites);
      for (const EventRef &ref : launch.waits)
        task.waits.push_back(firstCounter[ref.event] + static_cast<uint32_t>(ref.index.at(index)));
      for (const EventRef &ref : launch.signals)
        task.signals.push_back(firstCounter[ref.event] + static_cast<uint32_t>(ref.index.at(index)));
    }
  }
  for (const std::vector<TaskRange> &ranges : program.schedule.queues) {
    queues.emplace_back();
    for (const TaskRange &range : ranges)
      for (int64_t i = range.begin; i < range.end; ++i)
        queues.back().push_back(firstTask[range.launch] + static_cast<uint32_t>(i));
  }
}

} // namespace ingot::program::testing
