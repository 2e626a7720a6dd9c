// The verifier: a task program that it does not accept is neither emitted nor run.
//
// It proves, for every execution that the queues and counters allow: no deadlock; every counter gets exactly its
// signals; tasks that touch the same memory, one of them writing, are ordered; every cell that a task reads holds what
// tasks before it (or the step's beginning) wrote into that buffer; every output is written; params and inputs are not.
// Assumptions: a body touches only what its launch declares and writes all that it declares as must-write; a step
// begins after all workers have finished the previous one; the memory of states, params, inputs and outputs is
// distinct. docs/task-programs.md has the obligations and why the checks are exact.
#pragma once

#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <string>
#include <vector>

namespace ingot::program {

/// The proof obligation that a violation breaks.
enum class Rule : uint8_t {
  Structure,     // Structure.h: well formed, every task in exactly one queue
  ReadOnly,      // params and inputs are never written
  Stream,        // a streamed buffer is defined from the start and never written
  MustInMay,     // must-writes lie inside may-writes
  Signals,       // every counter gets exactly `signals` signals per step
  Deadlock,      // the step ends
  Race,          // conflicting accesses are ordered
  UndefinedRead, // what is read was written before, for the same buffer
  OutputWritten, // every cell of an output is must-written
  Limit,         // too large to be checked
};

/// "race", "deadlock", ...: the stable name of a rule.
const char *toString(Rule rule);

struct Violation {
  Rule rule = Rule::Structure;
  std::string message; // names tasks, buffers, events: "race on @x[0, 16]: expects ..., but got ..."
};

struct VerifyOptions {
  size_t maxViolations = 16; // stop after as many
};

struct VerifyResult {
  std::vector<Violation> violations; // empty: accepted
  bool ok() const { return violations.empty(); }
  /// Success, or `corrupt` with the first violation's message and how many more there are.
  runtime::Status status() const;
};

/// Any program can be passed, well formed or not. Rules build on each other: when the structure, the signals or the
/// progress of a step is wrong, what depends on it is not checked.
/// 100,000 tasks on 132 queues take well below a second; memory is a few hundred bytes per task and access.
VerifyResult verify(const Program &program, const VerifyOptions &options = {});

} // namespace ingot::program
