#include "ingot/Target/CPU/Passes.h"

#include "lib/Target/CPU/ContractKernel.h"
#include "lib/Target/CPU/Kernels.h"
#include "lib/Target/CPU/Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_LOWERCONTRACT
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

/// The type of the accumulator: float32, float64 for float64, int32 for integers up to 32 bits; null for others.
static Type accumulatorType(Type lhs, Type rhs, Type out) {
  if (lhs != rhs)
    return nullptr;
  if (isa<FloatType>(lhs))
    return isa<FloatType>(out) ? computeType(lhs) : nullptr;
  bool narrow = lhs.isSignlessInteger() && lhs.getIntOrFloatBitWidth() <= 32 && !lhs.isInteger(1);
  return narrow && out.isSignlessInteger(32) ? out : nullptr;
}

/// Floats or integers, scalars or vectors, to the accumulator's element type.
static Value toAccumulator(ImplicitLocOpBuilder &builder, Value value, Type accumulator) {
  if (isa<FloatType>(accumulator))
    return convertFloat(builder, value, accumulator);
  if (getElementTypeOrSelf(value.getType()) == accumulator)
    return value;
  Type type = accumulator;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(accumulator);
  return arith::ExtSIOp::create(builder, type, value);
}

static Value multiplyAdd(ImplicitLocOpBuilder &builder, Value accumulator, Value lhs, Value rhs) {
  if (isa<FloatType>(getElementTypeOrSelf(lhs.getType())))
    return mulAdd(builder, lhs, rhs, accumulator);
  return arith::AddIOp::create(builder, arith::MulIOp::create(builder, lhs, rhs), accumulator);
}

static LogicalResult lowerContract(ImplicitLocOpBuilder &builder, tile::ContractOp op, VectorShape shape,
                                   StringRef kernels) {
  LoopNest nest;
  nest.extents = op.getExtents();
  nest.reductionDims = op.getReductionDims();
  FailureOr<SmallVector<FlatView>> flattened = flattenAll(builder, op.getOperands());
  if (failed(flattened))
    return failure();
  SmallVector<FlatView> &views = *flattened;
  Type accumulator = accumulatorType(views[0].element, views[1].element, views[2].element);
  if (!accumulator)
    return op.emitOpError() << "a contraction of " << views[0].element << " and " << views[1].element << " into "
                            << views[2].element << " is not supported yet";
  nest.inputs = {accessThrough(builder, views[0], op.getMap(0)), accessThrough(builder, views[1], op.getMap(1))};
  nest.out = accessThrough(builder, views[2], op.getMap(2));
  if (hasKernels(kernels) && emitContractKernel(builder, nest, shape, kernels))
    return success();
  nest.convert = [=](LoopNest::Builder &b, Value value) { return toAccumulator(b, value, accumulator); };
  auto init = [=](LoopNest::Builder &b, int64_t width) -> Value {
    Type type = widen(accumulator, width);
    return arith::ConstantOp::create(b, b.getZeroAttr(type));
  };
  nest.combine = [=](LoopNest::Builder &b, Value sum, ValueRange elements, int64_t width) {
    return multiplyAdd(b, sum ? sum : init(b, width), elements[0], elements[1]);
  };
  if (!nest.reductionDims.empty())
    nest.init = init;
  if (isa<FloatType>(accumulator))
    nest.finish = [element = views[2].element](LoopNest::Builder &b, Value value) {
      return convertFloat(b, value, element);
    };
  emitLoopNest(builder, nest, shape);
  return success();
}

namespace {
struct LowerContract : public cpu::impl::LowerContractBase<LowerContract> {
  using LowerContractBase::LowerContractBase;
  void runOnOperation() override {
    LogicalResult result =
        lowerEach<tile::ContractOp>(getOperation(), [&](ImplicitLocOpBuilder &builder, tile::ContractOp op) {
          return lowerContract(builder, op, {lanes, registers}, kernels);
        });
    if (failed(result))
      return signalPassFailure();
    declareKernels(getOperation());
  }
};
} // namespace
