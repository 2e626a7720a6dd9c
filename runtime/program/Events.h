// Chooses the events of a task program: which launches wait for which, and whether for all of them or for parts.
#pragma once

#include "runtime/program/Costs.h"
#include "runtime/program/Program.h"

#include <cstdint>

namespace ingot::program {

enum class Granularity : uint8_t {
  Whole,  // one counter per launch that others wait for
  Parts,  // the most counters that Dependences.h knows of, wherever there are any
  Chosen, // for each kind of pair of launches what the cost model finds fastest
};

struct EventChoice {
  uint32_t waits = 0, waitsForParts = 0; // of launches for others
  PlannedTime whole = 0, chosen = 0;     // what the model expects of a step with one counter per launch, and with these
};

/// Replaces the events of `program`, and the waits and signals of its launches, so that launches that conflict are
/// ordered as in the list of launches; the schedule is left empty. A wait that others imply is left out.
///
/// Parts have their price: each task signals and waits for counters of its own (`counterSeconds`). Chosen therefore
/// schedules the program for `workers` with several choices and takes parts where the predicted step gets shorter by a
/// thousandth. Pairs of launches with equal grids, bodies and partitions are alike and choose together, so all layers
/// of a model do. Deterministic; ends after about a second, however large the program is. Nothing relies on the choice
/// being right: the verifier judges what comes of it. Expects a program that checkStructure accepts.
EventChoice chooseEvents(Program &program, uint32_t workers, const CostModel &costs,
                         Granularity granularity = Granularity::Chosen);

} // namespace ingot::program
