#include "ingot/Target/CPU/Passes.h"

#include "lib/Target/CPU/Attention.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_LOWERATTENTION
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

/// A task keeps queries, outputs and a block of widened keys and values on its stack: up to half a megabyte.
static constexpr int64_t kMostColumns = 1024;

static Block *entryOf(Operation *op) { return &op->getParentOfType<FunctionOpInterface>().getFunctionBody().front(); }

/// What both operations have; start, count and bias may be null.
template <typename Op> static LogicalResult flattenOperands(AttentionTask &task, Op op) {
  auto flattenInto = [&](FlatView &view, Value operand) {
    if (!operand)
      return success();
    FailureOr<FlatView> flat = flatten(task.e, operand);
    if (succeeded(flat))
      view = *flat;
    return LogicalResult(flat);
  };
  if (failed(flattenInto(task.query, op.getQuery())) || failed(flattenInto(task.key, op.getKey())) ||
      failed(flattenInto(task.value, op.getValue())) || failed(flattenInto(task.start, op.getStart())) ||
      failed(flattenInto(task.count, op.getCount())) || failed(flattenInto(task.bias, op.getBias())) ||
      failed(flattenInto(task.out, op.getOut())))
    return failure();
  // A bias of extent 1 is the same for all.
  for (auto [extent, stride] : llvm::zip(task.bias.shape, task.bias.strides))
    stride = extent == 1 ? 0 : stride;
  if (task.depth() == 0 || task.valueDepth() == 0)
    return op.emitOpError() << "expects heads with at least one element, but got " << op.getQuery().getType();
  if (std::max(task.depth(), task.valueDepth()) > kMostColumns)
    return op.emitOpError() << "with heads of more than " << kMostColumns
                            << " elements is not supported yet on the CPU, but got " << op.getKey().getType() << " and "
                            << op.getValue().getType();
  return success();
}

template <typename Op> static LogicalResult lowerAttention(Emitter &e, Op op, VectorShape shape) {
  AttentionTask task{e, shape, entryOf(op)};
  task.compute = computeType(cast<MemRefType>(op.getQuery().getType()).getElementType());
  task.causal = op.getCausal();
  task.scale = op.getScale().convertToDouble();
  if constexpr (std::is_same_v<Op, tile::PartialAttentionOp>) {
    task.partial = true;
    task.firstKey = op.getFirst();
  } else {
    task.firstRow = op.getRow();
  }
  if (failed(flattenOperands(task, op)))
    return failure();
  emitLoops(e, {task.query.shape[0], task.key.shape[1]}, [&](ValueRange ivs) {
    // With as many entries as lanes, rows across the lanes need fewer instructions than keys across them.
    if (task.entries() >= shape.lanes)
      emitAttentionOfBlocks(task, ivs[0], ivs[1]);
    else
      emitAttentionOfRows(task, ivs[0], ivs[1]);
  });
  return success();
}

namespace {
struct LowerAttention : public cpu::impl::LowerAttentionBase<LowerAttention> {
  using LowerAttentionBase::LowerAttentionBase;
  void runOnOperation() override {
    auto lower = [&](Emitter &emitter, auto op) { return lowerAttention(emitter, op, {lanes, registers}); };
    auto combine = [&](Emitter &emitter, tile::CombineAttentionOp op) {
      return lowerCombineAttention(emitter, op, entryOf(op), lanes);
    };
    if (failed(lowerEach<tile::AttentionOp>(getOperation(), lower)) ||
        failed(lowerEach<tile::PartialAttentionOp>(getOperation(), lower)) ||
        failed(lowerEach<tile::CombineAttentionOp>(getOperation(), combine)))
      signalPassFailure();
  }
};
} // namespace
