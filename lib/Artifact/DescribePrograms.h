// What the manifest says about task programs.
#pragma once

#include "dialects/Task/Task.h"
#include "runtime/formats/Manifest.h"
#include "runtime/program/Program.h"

namespace ingot {

/// The program as the runtime reads it: bodies carry the names of their compiled functions.
mlir::FailureOr<program::Program> linkedProgram(task::ProgramOp op);

/// Name, inputs and outputs of the entry. Integer inputs that index a table have its rows as range.
runtime::ManifestEntry describeEntry(task::ProgramOp op);

/// States of all programs of a module, in order of declaration; those that caches are written into have the role "kv".
std::vector<runtime::ManifestState> describeStates(mlir::ModuleOp module);

/// Operations of one step.
uint64_t countFlops(const program::Program &program);

} // namespace ingot
