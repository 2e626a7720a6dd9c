#include "ingot/Target/CPU/Passes.h"

#include "lib/Target/CPU/Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_LOWERREDUCE
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

static arith::AtomicRMWKind combinerOf(ReduceKind kind, bool isFloat) {
  switch (kind) {
  case ReduceKind::Sum:
  case ReduceKind::Mean:
    return isFloat ? arith::AtomicRMWKind::addf : arith::AtomicRMWKind::addi;
  case ReduceKind::Product:
    return isFloat ? arith::AtomicRMWKind::mulf : arith::AtomicRMWKind::muli;
  case ReduceKind::Max:
    return isFloat ? arith::AtomicRMWKind::maximumf : arith::AtomicRMWKind::maxs;
  case ReduceKind::Min:
    return isFloat ? arith::AtomicRMWKind::minimumf : arith::AtomicRMWKind::mins;
  }
  llvm_unreachable("all kinds of reduction are handled");
}

static Value divideBy(Emitter &emitter, Value sum, int64_t count) {
  if (isa<FloatType>(getElementTypeOrSelf(sum.getType())))
    return arith::DivFOp::create(emitter, sum, floatConstant(emitter, sum.getType(), static_cast<double>(count)));
  TypedAttr divisor = emitter.getIntegerAttr(getElementTypeOrSelf(sum.getType()), count);
  if (auto vector = dyn_cast<VectorType>(sum.getType()))
    divisor = DenseElementsAttr::get(vector, Attribute(divisor));
  return arith::DivSIOp::create(emitter, sum, arith::ConstantOp::create(emitter, divisor));
}

static LogicalResult lowerReduce(Emitter &emitter, tile::ReduceOp op, VectorShape shape) {
  FailureOr<FlatView> input = flatten(emitter, op.getInput()), out = flatten(emitter, op.getOut());
  if (failed(input) || failed(out))
    return failure();
  if (input->element.isInteger(1))
    return op.emitOpError() << "a reduction of i1 is not supported yet";
  LoopNest nest;
  nest.extents = input->shape;
  nest.inputs = {accessDirectly(emitter, *input)};
  nest.out = accessDirectly(emitter, *out);
  nest.out.strides.assign(nest.extents.size(), 0);
  int64_t count = 1;
  auto outStride = out->strides.begin();
  for (unsigned dim = 0; dim < nest.extents.size(); ++dim) {
    if (llvm::is_contained(op.getDims(), static_cast<int64_t>(dim))) {
      nest.reductionDims.push_back(dim);
      count *= nest.extents[dim];
    } else {
      nest.out.strides[dim] = *outStride++;
    }
  }
  bool isFloat = isa<FloatType>(input->element);
  Type accumulator = computeType(input->element);
  arith::AtomicRMWKind combiner = combinerOf(op.getKind(), isFloat);
  if (isFloat)
    nest.convert = [=](Emitter &e, Value value) { return convertFloat(e, value, accumulator); };
  if (!nest.reductionDims.empty())
    nest.init = [=](Emitter &e, int64_t width) {
      return splat(e, arith::getIdentityValue(combiner, accumulator, e, e.getLoc()), width);
    };
  nest.combine = [=](Emitter &e, Value sum, ValueRange elements, int64_t) {
    return sum ? arith::getReductionOp(combiner, e, e.getLoc(), sum, elements[0]) : elements[0];
  };
  nest.finish = [=, kind = op.getKind(), element = out->element](Emitter &e, Value value) {
    if (kind == ReduceKind::Mean)
      value = divideBy(e, value, count);
    return isFloat ? convertFloat(e, value, element) : value;
  };
  emitLoopNest(emitter, nest, shape);
  return success();
}

namespace {
struct LowerReduce : public cpu::impl::LowerReduceBase<LowerReduce> {
  using LowerReduceBase::LowerReduceBase;
  void runOnOperation() override {
    LogicalResult result = lowerEach<tile::ReduceOp>(getOperation(), [&](Emitter &emitter, tile::ReduceOp op) {
      return lowerReduce(emitter, op, {lanes, registers});
    });
    if (failed(result))
      signalPassFailure();
  }
};
} // namespace
