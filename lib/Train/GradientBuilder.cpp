#include "lib/Train/GradientBuilder.h"

#include "ingot/Train/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ingot;

#include "lib/Train/DifferentiableInterface.cpp.inc"

GradientBuilder::GradientBuilder(OpBuilder &builder, Operation *op, ArrayRef<Value> upstream,
                                 const DenseSet<Value> &active)
    : builder(builder), op(op), gradients(upstream), active(active), results(op->getNumOperands()) {}

bool GradientBuilder::needs(unsigned operand) const {
  OpOperand &use = op->getOpOperand(operand);
  return active.contains(use.get()) && cast<Differentiable>(op).carriesGradient(use);
}

void GradientBuilder::set(unsigned operand, Value gradient) {
  assert(gradient.getType() == op->getOperand(operand).getType() && "a gradient has the type of its value");
  if (needs(operand))
    results[operand] = gradient;
}

void GradientBuilder::replaceWith(Operation *replacement) {
  op->replaceAllUsesWith(replacement->getResults().take_front(op->getNumResults()));
  replaced = true;
}

Value GradientBuilder::constant(Type type, double value) {
  FloatAttr number = builder.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return arith::ConstantOp::create(builder, getLoc(), SplatElementsAttr::get(tensor, number));
  return arith::ConstantOp::create(builder, getLoc(), number);
}

Value GradientBuilder::add(Value a, Value b) { return arith::AddFOp::create(builder, getLoc(), a, b); }
Value GradientBuilder::sub(Value a, Value b) { return arith::SubFOp::create(builder, getLoc(), a, b); }
Value GradientBuilder::mul(Value a, Value b) { return arith::MulFOp::create(builder, getLoc(), a, b); }
Value GradientBuilder::div(Value a, Value b) { return arith::DivFOp::create(builder, getLoc(), a, b); }
Value GradientBuilder::neg(Value a) { return arith::NegFOp::create(builder, getLoc(), a); }

/// What is left of a number when a float32 has been taken from it; 0 where elements are of another type.
static double restOf(double number, Value value) {
  return getElementTypeOrSelf(value.getType()).isF32() ? number - static_cast<double>(static_cast<float>(number)) : 0;
}

Value GradientBuilder::scale(Value a, double factor) {
  Value product = mul(a, constant(a.getType(), factor));
  double rest = restOf(factor, a);
  return rest == 0 ? product : add(product, mul(a, constant(a.getType(), rest)));
}

Value GradientBuilder::plus(Value a, double term) {
  Value sum = add(a, constant(a.getType(), term));
  double rest = restOf(term, a);
  return rest == 0 ? sum : add(sum, constant(a.getType(), rest));
}

Value GradientBuilder::choose(arith::CmpFPredicate condition, Value a, Value b, Value yes, Value no) {
  Value chosen = arith::CmpFOp::create(builder, getLoc(), condition, a, b);
  return arith::SelectOp::create(builder, getLoc(), chosen, yes, no);
}

Value GradientBuilder::widen(Value value) {
  unsigned width = getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
  return width < 32 ? convert(value, builder.getF32Type()) : value;
}

Value GradientBuilder::convert(Value value, Type type) {
  Type from = getElementTypeOrSelf(value.getType()), to = getElementTypeOrSelf(type);
  if (from == to)
    return value;
  Type result = to;
  if (auto tensor = dyn_cast<RankedTensorType>(value.getType()))
    result = tensor.clone(to);
  // Between two 16-bit types there is no cast: through float32.
  unsigned fromWidth = from.getIntOrFloatBitWidth(), toWidth = to.getIntOrFloatBitWidth();
  if (fromWidth == toWidth)
    return convert(convert(value, builder.getF32Type()), type);
  if (fromWidth < toWidth)
    return arith::ExtFOp::create(builder, getLoc(), result, value);
  return arith::TruncFOp::create(builder, getLoc(), result, value);
}

Value GradientBuilder::sum(Value value, ArrayRef<int64_t> dims) {
  return dims.empty() ? value : ReduceOp::create(builder, getLoc(), ReduceKind::Sum, value, dims).getResult();
}

Value GradientBuilder::mean(Value value, ArrayRef<int64_t> dims) {
  return ReduceOp::create(builder, getLoc(), ReduceKind::Mean, value, dims);
}

Value GradientBuilder::repeat(Value value, ArrayRef<int64_t> dims, RankedTensorType type) {
  SmallVector<int64_t> kept;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!llvm::is_contained(dims, dim))
      kept.push_back(dim);
  return dims.empty() ? value : BroadcastOp::create(builder, getLoc(), type, value, kept).getResult();
}

Value GradientBuilder::repeatRows(Value vector, RankedTensorType type) {
  return repeat(vector, llvm::to_vector(llvm::seq<int64_t>(0, type.getRank() - 1)), type);
}

Value GradientBuilder::transpose(Value value, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return value;
  return TransposeOp::create(builder, getLoc(), value, permutation);
}

void ingot::registerDifferentiationModels(DialectRegistry &registry) {
  registerArithGradients(registry);
  registerMathGradients(registry);
  registerTensorGradients(registry);
  registerContractionGradients(registry);
  registerRowGradients(registry);
  registerAttentionGradients(registry);
  registerLossGradients(registry);
}
