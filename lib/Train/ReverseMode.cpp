#include "lib/Train/ReverseMode.h"

#include "ingot/Train/Gradients.h"

using namespace mlir;
using namespace ingot;

static bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value.getType())); }

/// Whether a gradient of this type can be written.
static bool hasGradients(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? tensor.hasStaticShape() : type.isIntOrIndexOrFloat();
}

/// What is not known to be differentiable is not known to be constant either.
static bool carriesGradient(OpOperand &operand) {
  auto differentiable = dyn_cast<Differentiable>(operand.getOwner());
  return !differentiable || differentiable.carriesGradient(operand);
}

ReverseMode::ReverseMode(OpBuilder &builder, ArrayRef<Value> leaves, ArrayRef<Value> held)
    : builder(builder), block(*builder.getInsertionBlock()), end(builder.getInsertionPoint()),
      leaves(leaves.begin(), leaves.end()), held(held.begin(), held.end()) {}

LogicalResult ReverseMode::run(Value output, Location loc) {
  findActive();
  if (active.contains(output))
    gradients[output] = constant(loc, output.getType(), 1.0);
  SmallVector<Operation *> forward;
  for (Operation &op : llvm::make_range(block.begin(), end))
    forward.push_back(&op);
  for (Operation *op : llvm::reverse(forward))
    if (failed(differentiate(op)))
      return failure();
  builder.setInsertionPoint(&block, end);
  return success();
}

void ReverseMode::findActive() {
  active = leaves;
  for (Operation &op : llvm::make_range(block.begin(), end)) {
    bool reached = false;
    op.walk([&](Operation *nested) {
      for (OpOperand &operand : nested->getOpOperands())
        reached |= active.contains(operand.get()) && carriesGradient(operand);
    });
    for (Value result : op.getResults())
      if (reached && isFloat(result) && !held.contains(result))
        active.insert(result);
  }
}

LogicalResult ReverseMode::differentiate(Operation *op) {
  SmallVector<Value> upstream = llvm::map_to_vector(op->getResults(), [&](Value result) -> Value {
    return leaves.contains(result) ? Value() : gradients.lookup(result);
  });
  if (llvm::none_of(upstream, [](Value gradient) { return static_cast<bool>(gradient); }))
    return success();
  auto differentiable = dyn_cast<Differentiable>(op);
  if (!differentiable)
    return op->emitOpError() << "is not differentiable, but the loss depends on parameters through it";
  for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
    if (!hasGradients(type))
      return op->emitOpError() << "expects static tensors and scalars where the loss depends on parameters, but got "
                               << type;
  builder.setInsertionPoint(&block, end);
  GradientBuilder gradient(builder, op, upstream, active);
  if (failed(differentiable.buildGradients(gradient)))
    return failure();
  for (auto [i, contribution] : llvm::enumerate(gradient.getResults()))
    if (contribution)
      accumulate(op->getOperand(i), contribution, op->getLoc());
  if (gradient.isReplaced())
    op->erase();
  return success();
}

void ReverseMode::accumulate(Value value, Value contribution, Location loc) {
  Value &sum = gradients[value];
  sum = sum ? arith::AddFOp::create(builder, loc, sum, contribution).getResult() : contribution;
}

Value ReverseMode::constant(Location loc, Type type, double value) {
  builder.setInsertionPoint(&block, end);
  Attribute number = builder.getFloatAttr(getElementTypeOrSelf(type), value);
  return arith::ConstantOp::create(builder, loc, SplatElementsAttr::get(cast<RankedTensorType>(type), number));
}

FailureOr<SmallVector<Value>> ingot::buildGradients(OpBuilder &builder, Location loc, Value output,
                                                    ArrayRef<Value> inputs, ArrayRef<Value> held) {
  ReverseMode reverse(builder, inputs, held);
  if (failed(reverse.run(output, loc)))
    return failure();
  SmallVector<Value> results;
  for (Value input : inputs) {
    Value gradient = reverse.getGradient(input);
    results.push_back(gradient ? gradient : reverse.constant(loc, input.getType(), 0.0));
  }
  return results;
}
