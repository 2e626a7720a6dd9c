#include "runtime/program/Program.h"

#include <cassert>

namespace ingot::program {

uint64_t byteSize(DType dtype) {
  switch (dtype) {
  case DType::i1:
  case DType::i8:
    return 1;
  case DType::f16:
  case DType::bf16:
    return 2;
  case DType::i32:
  case DType::f32:
    return 4;
  case DType::i64:
  case DType::f64:
    return 8;
  }
  assert(false && "unknown dtype");
  return 1;
}

const char *toString(DType dtype) {
  switch (dtype) {
  case DType::i1:
    return "i1";
  case DType::i8:
    return "i8";
  case DType::i32:
    return "i32";
  case DType::i64:
    return "i64";
  case DType::f16:
    return "f16";
  case DType::bf16:
    return "bf16";
  case DType::f32:
    return "f32";
  case DType::f64:
    return "f64";
  }
  return "unknown";
}

const char *toString(BufferKind kind) {
  switch (kind) {
  case BufferKind::Param:
    return "param";
  case BufferKind::State:
    return "state";
  case BufferKind::Input:
    return "input";
  case BufferKind::Output:
    return "output";
  case BufferKind::Scratch:
    return "scratch";
  }
  return "unknown";
}

int64_t Buffer::numElements() const {
  int64_t elements = 1;
  for (int64_t extent : shape)
    elements *= extent;
  return elements;
}

uint64_t Buffer::bytes() const { return static_cast<uint64_t>(numElements()) * byteSize(dtype); }

bool Affine::isConstant() const {
  for (int64_t coefficient : coefficients)
    if (coefficient != 0)
      return false;
  return true;
}

int64_t Affine::at(const TaskIndex &index) const {
  int64_t value = constant;
  for (size_t d = 0; d < kMaxGridRank; ++d)
    value += coefficients[d] * index[d];
  if (divisor == 1)
    return value;
  int64_t quotient = value / divisor;
  // C++ rounds towards zero, floordiv towards minus infinity.
  return value % divisor < 0 ? quotient - 1 : quotient;
}

int64_t Launch::numTasks() const {
  int64_t tasks = 1;
  for (int64_t extent : grid)
    tasks *= extent;
  return tasks;
}

TaskIndex Launch::indexOf(int64_t linear) const {
  TaskIndex index = {0, 0, 0};
  for (size_t d = grid.size(); d-- > 0;) {
    index[d] = linear % grid[d];
    linear /= grid[d];
  }
  return index;
}

int64_t Program::numTasks() const {
  int64_t tasks = 0;
  for (const Launch &launch : launches)
    tasks += launch.numTasks();
  return tasks;
}

uint64_t Program::numCounters() const {
  uint64_t counters = 0;
  for (const Event &event : events)
    counters += event.count;
  return counters;
}

std::string taskName(const Program &program, TaskRef task) {
  if (task.launch >= program.launches.size())
    return "launch " + std::to_string(task.launch);
  const Launch &launch = program.launches[task.launch];
  TaskIndex index = launch.indexOf(task.index);
  std::string name = "@" + launch.symbol + "[";
  for (size_t d = 0; d < launch.grid.size(); ++d)
    name += (d ? ", " : "") + std::to_string(index[d]);
  return name + "]";
}

} // namespace ingot::program
