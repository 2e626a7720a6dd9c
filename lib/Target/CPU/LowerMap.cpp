#include "ingot/Target/CPU/Passes.h"

#include "lib/Target/CPU/Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_LOWERMAP
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

bool cpu::isVectorisable(Block &body) {
  return llvm::all_of(body.without_terminator(), [](Operation &op) {
    return isa<arith::ConstantOp>(op) || (OpTrait::hasElementwiseMappableTraits(&op) && op.getNumRegions() == 0);
  });
}

void cpu::cloneWidened(ImplicitLocOpBuilder &builder, Operation &op, IRMapping &mapping, int64_t width) {
  if (width == 1) {
    builder.clone(op, mapping);
    return;
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    Value scalar = builder.clone(op)->getResult(0);
    mapping.map(constant.getResult(), splat(builder, scalar, width));
    return;
  }
  // Values from outside the body are scalars.
  for (Value operand : op.getOperands())
    if (!mapping.contains(operand))
      mapping.map(operand, splat(builder, operand, width));
  Operation *clone = builder.clone(op, mapping);
  for (OpResult result : clone->getResults())
    result.setType(widen(result.getType(), width));
}

static LogicalResult lowerMap(ImplicitLocOpBuilder &builder, tile::MapOp op, VectorShape shape) {
  FailureOr<FlatView> out = flatten(builder, op.getOut());
  if (failed(out))
    return failure();
  LoopNest nest;
  nest.extents = out->shape;
  nest.out = accessDirectly(builder, *out);
  for (auto [i, input] : llvm::enumerate(op.getInputs())) {
    FailureOr<FlatView> view = flatten(builder, input);
    if (failed(view))
      return failure();
    nest.inputs.push_back(accessThrough(builder, *view, op.getMap(i)));
  }
  Block &body = op.getBody().front();
  nest.vectorise = isVectorisable(body);
  nest.combine = [&](LoopNest::Builder &b, Value, ValueRange elements, int64_t width) {
    IRMapping mapping;
    mapping.map(body.getArguments(), elements);
    for (Operation &inner : body.without_terminator())
      cloneWidened(b, inner, mapping, width);
    Value yielded = cast<tile::YieldOp>(body.getTerminator()).getValue();
    return mapping.contains(yielded) ? mapping.lookup(yielded) : splat(b, yielded, width);
  };
  emitLoopNest(builder, nest, shape);
  return success();
}

namespace {
struct LowerMap : public cpu::impl::LowerMapBase<LowerMap> {
  using LowerMapBase::LowerMapBase;
  void runOnOperation() override {
    LogicalResult result = lowerEach<tile::MapOp>(getOperation(), [&](ImplicitLocOpBuilder &builder, tile::MapOp op) {
      return lowerMap(builder, op, {lanes, registers});
    });
    if (failed(result))
      signalPassFailure();
  }
};
} // namespace
