// A model in text, taken through the compiler in process: its task programs and their code.
#pragma once

#include "dialects/Task/Task.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "runtime/cpu/CodeLibrary.h"
#include "runtime/program/Program.h"

#include <memory>
#include <string>
#include <vector>

namespace ingot::test {

/// A body's measure of private memory, by what its code uses and by what the program grants, in bytes.
struct PrivateBytes {
  std::string body;
  int64_t used;
  uint64_t granted;
};

class PlannedModel {
public:
  /// `path` is relative to the source tree. Failures are reported to GoogleTest; `programs` is empty then.
  PlannedModel(const std::string &path, const std::string &isa);

  /// The compiled body of a launch of `program`.
  program::BodyFunction body(const program::Program &program, const program::Launch &launch) const;

  std::vector<program::Program> programs; // one per entry
  std::vector<PrivateBytes> privateBytes;

private:
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::shared_ptr<const runtime::CodeLibrary> code;
};

} // namespace ingot::test
