#include "lib/Train/OptimizerUpdate.h"

#include "dialects/Ingot/Ingot.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;
using namespace ingot;

std::optional<OptimizerKind> ingot::parseOptimizerKind(StringRef text) {
  return llvm::StringSwitch<std::optional<OptimizerKind>>(text)
      .Case("sgd", OptimizerKind::Sgd)
      .Case("adam", OptimizerKind::Adam)
      .Case("adamw", OptimizerKind::AdamW)
      .Default(std::nullopt);
}

ArrayRef<StringLiteral> OptimizerRule::momentSuffixes() const {
  static constexpr StringLiteral kSuffixes[] = {".m", ".v"};
  if (kind != OptimizerKind::Sgd)
    return kSuffixes;
  return ArrayRef(kSuffixes).take_front(momentum > 0 ? 1 : 0);
}

OptimizerUpdate::OptimizerUpdate(ImplicitLocOpBuilder &builder, const OptimizerRule &rule, Value lr, Value step)
    : builder(builder), rule(rule), lr(lr), step(step) {
  if (rule.kind == OptimizerKind::AdamW && rule.weightDecay > 0)
    keep = sub(constant(lr.getType(), 1.0), mul(lr, constant(lr.getType(), rule.weightDecay)));
  if (rule.kind == OptimizerKind::Sgd)
    return;
  rate = div(lr, biasCorrection(rule.beta1));
  Value root = math::SqrtOp::create(builder, biasCorrection(rule.beta2));
  rootInverse = div(constant(lr.getType(), 1.0), root);
}

/// By expm1, which keeps the digits that 1 - pow(beta, step) loses. The logarithm is the sum of two float32 numbers.
Value OptimizerUpdate::biasCorrection(double beta) {
  Type type = lr.getType();
  if (beta == 0)
    return constant(type, 1.0);
  double logarithm = std::log(static_cast<double>(static_cast<float>(beta)));
  auto high = static_cast<double>(static_cast<float>(logarithm));
  Value steps = arith::SIToFPOp::create(builder, type, step);
  Value exponent = add(mul(steps, constant(type, high)), mul(steps, constant(type, logarithm - high)));
  return arith::NegFOp::create(builder, math::ExpM1Op::create(builder, exponent));
}

SmallVector<Value> OptimizerUpdate::apply(Value weight, Value gradient, ArrayRef<Value> moments, bool decays) {
  decays &= rule.weightDecay > 0;
  if (decays && rule.kind == OptimizerKind::AdamW)
    weight = scaled(weight, keep);
  else if (decays)
    gradient = add(gradient, mul(weight, constant(weight.getType(), rule.weightDecay)));
  return rule.kind == OptimizerKind::Sgd ? applySgd(weight, gradient, moments) : applyAdam(weight, gradient, moments);
}

SmallVector<Value> OptimizerUpdate::applySgd(Value weight, Value gradient, ArrayRef<Value> moments) {
  SmallVector<Value> after;
  for (Value moment : moments) // none without momentum
    after.push_back(gradient = add(mul(moment, constant(moment.getType(), rule.momentum)), gradient));
  after.insert(after.begin(), sub(weight, scaled(gradient, lr)));
  return after;
}

SmallVector<Value> OptimizerUpdate::applyAdam(Value weight, Value gradient, ArrayRef<Value> moments) {
  Value first = average(moments[0], gradient, rule.beta1);
  Value second = average(moments[1], mul(gradient, gradient), rule.beta2);
  Value root = math::SqrtOp::create(builder, second);
  Value divisor = add(scaled(root, rootInverse), constant(root.getType(), rule.eps));
  return {sub(weight, div(scaled(first, rate), divisor)), first, second};
}

Value OptimizerUpdate::average(Value before, Value value, double beta) {
  double rounded = static_cast<float>(beta);
  return add(mul(before, constant(before.getType(), rounded)), mul(value, constant(value.getType(), 1.0 - rounded)));
}

Value OptimizerUpdate::scaled(Value value, Value factor) {
  return mul(value, BroadcastOp::create(builder, value.getType(), factor, ArrayRef<int64_t>()));
}

Value OptimizerUpdate::constant(Type type, double value) {
  Attribute number = builder.getFloatAttr(getElementTypeOrSelf(type), value);
  return arith::ConstantOp::create(builder, SplatElementsAttr::get(cast<RankedTensorType>(type), number));
}

Value OptimizerUpdate::add(Value a, Value b) { return arith::AddFOp::create(builder, a, b); }
Value OptimizerUpdate::sub(Value a, Value b) { return arith::SubFOp::create(builder, a, b); }
Value OptimizerUpdate::mul(Value a, Value b) { return arith::MulFOp::create(builder, a, b); }
Value OptimizerUpdate::div(Value a, Value b) { return arith::DivFOp::create(builder, a, b); }
