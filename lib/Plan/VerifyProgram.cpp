// Proves a task program free of races and deadlocks; see Passes.td.
#include "ingot/Plan/Passes.h"

#include "runtime/program/Verify.h"

namespace ingot {
#define GEN_PASS_DEF_VERIFYPROGRAM
#include "lib/Plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct VerifyProgram : ingot::impl::VerifyProgramBase<VerifyProgram> {
  using VerifyProgramBase::VerifyProgramBase;

  void runOnOperation() override {
    FailureOr<program::Program> exported = exportProgram(getOperation());
    if (failed(exported))
      return signalPassFailure();
    program::VerifyResult result = program::verify(*exported);
    // At the location alone: the operation is the whole program, thousands of lines under a one-line message.
    for (const program::Violation &violation : result.violations)
      emitError(getOperation().getLoc()) << "task program @" << getOperation().getSymName() << " is not accepted ("
                                         << program::toString(violation.rule) << "): " << violation.message;
    if (!result.ok())
      signalPassFailure();
  }
};

} // namespace
