#include "lib/Driver/CheckStage.h"

#include "dialects/Ingot/Ingot.h"
#include "dialects/Task/Task.h"
#include "dialects/Tile/Tile.h"

using namespace mlir;
using namespace ingot;

/// Whether `op` computes on tensors, where a kernel has tile operations.
static bool isTensorCompute(Operation *op) {
  bool onTensors = llvm::any_of(op->getResultTypes(), [](Type type) { return isa<TensorType>(type); });
  StringRef dialect = op->getDialect() ? op->getDialect()->getNamespace() : "";
  return onTensors && !op->hasTrait<OpTrait::ConstantLike>() &&
         (dialect == IngotDialect::getDialectNamespace() || dialect == "arith" || dialect == "math");
}

/// Functions hold tensor programs, or the kernels that these become.
static LogicalResult checkFunctions(ModuleOp module, Stage from) {
  WalkResult result = module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (from == Stage::Tile && isTensorCompute(op)) {
      op->emitError() << "--from=tile expects kernels, which are tile operations in scf.forall, but got '"
                      << op->getName() << "': compile a tensor program without --from";
      return WalkResult::interrupt();
    }
    if (from == Stage::Ingot && isa_and_nonnull<tile::TileDialect>(op->getDialect())) {
      op->emitError() << "expects a tensor program, but got '" << op->getName()
                      << "': compile kernels with --from=tile";
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult ingot::checkStage(ModuleOp module, const CompileOptions &options) {
  auto fail = [&](const Twine &message) -> LogicalResult {
    return emitError(UnknownLoc::get(module.getContext())) << "'" << options.input << "' " << message;
  };
  bool programs = !module.getOps<task::ProgramOp>().empty();
  if (options.from == Stage::Task)
    return programs ? success() : fail("has no task.program: is it at the stage --from=task?");
  if (programs)
    return fail("has a task.program: compile it with --from=task");
  return checkFunctions(module, options.from);
}
