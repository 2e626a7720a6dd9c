// Accesses spelt out memory cell by memory cell: the slow and obvious view of a small program that tests compare with.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>
#include <vector>

namespace ingot::program::testing {

/// What one task does, in concrete cells and counters. Cells are bytes: those of the arena first, then those of every
/// other buffer. Counters are numbered event by event.
struct ConcreteTask {
  struct Cell {
    uint32_t cell;
    uint32_t buffer;
  };
  TaskRef ref;
  std::vector<Cell> reads, streams, mayWrites, mustWrites; // streams are among the reads as well
  std::vector<uint32_t> waits, signals;
};

/// A whole program, spelt out. Expects one that checkStructure and checkSchedule accept, with few bytes in all.
struct ConcreteProgram {
  explicit ConcreteProgram(const Program &program);

  std::vector<ConcreteTask> tasks;           // in launch order
  std::vector<std::vector<uint32_t>> queues; // of task numbers
  std::vector<uint32_t> targets;             // per counter
  std::vector<uint32_t> owners;              // per cell: the buffer whose data it holds at step start, or kNobody
  std::vector<ConcreteTask::Cell> outputs;   // cells that must hold their output's data at the end

  static constexpr uint32_t kNobody = ~uint32_t(0);
};

} // namespace ingot::program::testing
