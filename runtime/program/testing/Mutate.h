// Small faults put into task programs, to see whether checkers notice them.
#pragma once

#include "runtime/program/Program.h"
#include "runtime/program/testing/Random.h"

#include <array>
#include <optional>

namespace ingot::program::testing {

enum class Mutation {
  DropWait,      // a launch no longer waits for one of its events
  DropSignal,    // a launch no longer signals one of its events: the counter's total falls short
  DropSignaller, // the same, and the event's threshold is lowered to match: an order is lost, the counts fit
  ThresholdUp,   // signals + 1
  ThresholdDown, // signals - 1
  SwapOrder,     // two neighbours in a queue change places
  MoveTask,      // a task changes to the same place of another queue
  ShiftRegion,   // one access moves or changes its size by one in one dimension
  RetargetEvent, // a wait or signal means another counter
  Regroup,       // the tasks of a wait or signal are shared out to its counters otherwise
  MoveScratch,   // a scratch buffer gets another offset in the arena
};

inline constexpr std::array<Mutation, 11> kMutations = {
    Mutation::DropWait,      Mutation::DropSignal, Mutation::DropSignaller, Mutation::ThresholdUp,
    Mutation::ThresholdDown, Mutation::SwapOrder,  Mutation::MoveTask,      Mutation::ShiftRegion,
    Mutation::RetargetEvent, Mutation::Regroup,    Mutation::MoveScratch};

const char *toString(Mutation mutation);

/// A mutant that checkStructure and checkSchedule still accept, or nothing when the program has no place for this
/// mutation. Its behaviour may equal the original's.
std::optional<Program> mutate(const Program &program, Mutation mutation, Random &random);

} // namespace ingot::program::testing
