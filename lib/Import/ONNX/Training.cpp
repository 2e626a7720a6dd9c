// The optimizers of ai.onnx.preview.training: Adagrad, Adam, Momentum.
#include "Build.h"
#include "OpTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

/// Pointwise expressions; operands have one type, but for scalars that are repeated.
struct Expressions {
  ImplicitLocOpBuilder &b;

  Value constant(Value like, double value) { return splat(b, typeOf(like), value); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value sqrt(Value x) { return math::SqrtOp::create(b, x); }
  Value scale(Value x, double factor) { return factor == 1 ? x : mul(x, constant(x, factor)); }
  Value times(Value scalar, Value x) { return mul(broadcast(b, scalar, typeOf(x).getShape()), x); }
  /// The gradient with that of 0.5 * coefficient * sum(x^2).
  Value regularized(Value gradient, Value x, double coefficient) {
    return coefficient == 0 ? gradient : add(scale(x, coefficient), gradient);
  }
  Value choose(Value condition, Value yes, Value no) { return arith::SelectOp::create(b, condition, yes, no); }
};

/// The first inputs of every optimizer, as scalars: learning rate and update count (i64).
struct Schedule {
  Value rate, count;

  Value countAs(Expressions &e) const { return arith::SIToFPOp::create(e.b, rate.getType(), count); }
  /// Whether the count is above 0.
  Value started(Expressions &e) const {
    Value zero = splat(e.b, typeOf(count), 0);
    return arith::CmpIOp::create(e.b, arith::CmpIPredicate::sgt, count, zero);
  }
};

FailureOr<Value> readScalar(Node &node, unsigned i, StringRef what) {
  Tensor &tensor = node.input(i);
  if (tensor.rank() > 1 || *elementCount(tensor.shape()) != 1)
    return node.error() << "expects a scalar as " << what << ", but got " << tensor.type, failure();
  return reshape(node.b, node.value(tensor), {});
}

FailureOr<Schedule> readSchedule(Node &node) {
  Type rate = node.input(0).element(), count = node.input(1).element();
  if (!rate.isF32() && !rate.isF64())
    return node.error() << "expects a learning rate of float32 or float64, but got " << node.input(0).type, failure();
  if (!count.isInteger(64))
    return node.error() << "expects an update count of int64, but got " << node.input(1).type, failure();
  auto rateValue = readScalar(node, 0, "learning rate"), countValue = readScalar(node, 1, "update count");
  if (failed(rateValue) || failed(countValue))
    return failure();
  return Schedule{*rateValue, *countValue};
}

/// The inputs that belong to tensor `i` of `tensors`: its value, its gradient, what accumulates.
FailureOr<SmallVector<Value, 4>> readTensors(Node &node, unsigned i, unsigned tensors) {
  RankedTensorType type = node.input(2 + i).type;
  if (type.getElementType() != node.input(0).element())
    return node.error() << "of " << type << " with a learning rate of " << node.input(0).type
                        << " is not supported yet",
           failure();
  SmallVector<Value, 4> values;
  for (unsigned at = 2 + i; at < node.numInputs(); at += tensors) {
    if (node.input(at).type != type)
      return node.error() << "expects gradients and accumulated values of the type of their tensor, " << type
                          << ", but got " << node.input(at).type,
             failure();
    values.push_back(node.value(at));
  }
  return values;
}

using Update = llvm::function_ref<SmallVector<Value, 3>(Expressions &, const Schedule &, ArrayRef<Value>)>;

/// Applies `update` to each optimized tensor. It takes the tensor's `kinds` inputs and returns its `kinds` - 1 outputs;
/// inputs and outputs of the node come kind by kind.
LogicalResult importUpdates(Node &node, unsigned kinds, Update update) {
  if ((node.numInputs() - 2) % kinds != 0)
    return node.error() << "expects " << kinds << " inputs for each optimized tensor, but got " << node.numInputs() - 2;
  unsigned tensors = (node.numInputs() - 2) / kinds;
  if (node.numOutputs() != tensors * (kinds - 1))
    return node.error() << "expects " << tensors * (kinds - 1) << " outputs, but has " << node.numOutputs();
  for (unsigned i = 0; i < node.numInputs(); ++i)
    if (!node.hasInput(i))
      return node.error() << "expects inputs without gaps, but input " << i << " is empty";
  auto schedule = readSchedule(node);
  if (failed(schedule))
    return failure();
  Expressions expressions{node.b};
  for (unsigned i = 0; i < tensors; ++i) {
    auto values = readTensors(node, i, tensors);
    if (failed(values))
      return failure();
    for (auto [kind, value] : llvm::enumerate(update(expressions, *schedule, *values)))
      if (failed(node.setResult(kind * tensors + i, {typeOf(value), value, nullptr})))
        return failure();
  }
  return success();
}

LogicalResult importAdagrad(Node &node) {
  double norm = node.floatAttr("norm_coefficient", 0), decay = node.floatAttr("decay_factor", 0);
  double epsilon = node.floatAttr("epsilon", 1e-6f);
  return importUpdates(node, 3, [&](Expressions &e, const Schedule &schedule, ArrayRef<Value> values) {
    Value x = values[0], g = e.regularized(values[1], x, norm), rate = schedule.rate;
    if (decay != 0)
      rate = e.div(rate, e.add(e.constant(rate, 1), e.scale(schedule.countAs(e), decay)));
    Value h = e.add(values[2], e.mul(g, g));
    Value adaptive = e.add(e.sqrt(h), e.constant(h, epsilon));
    return SmallVector<Value, 3>{e.sub(x, e.div(e.times(rate, g), adaptive)), h};
  });
}

LogicalResult importMomentum(Node &node) {
  for (StringRef name : {"alpha", "beta", "mode", "norm_coefficient"})
    if (!node.hasAttr(name))
      return node.error() << "expects attribute '" << name << "'";
  double norm = node.floatAttr("norm_coefficient", 0);
  double alpha = node.floatAttr("alpha", 0), beta = node.floatAttr("beta", 1);
  std::string mode = node.stringAttr("mode", "");
  if (mode != "standard" && mode != "nesterov")
    return node.error() << "expects mode 'standard' or 'nesterov', but got '" << printable(mode) << "'";
  return importUpdates(node, 3, [&](Expressions &e, const Schedule &schedule, ArrayRef<Value> values) {
    Value x = values[0], g = e.regularized(values[1], x, norm), rate = schedule.rate, added = g;
    if (beta != 1)
      added = e.times(e.choose(schedule.started(e), e.constant(rate, beta), e.constant(rate, 1)), g);
    Value v = e.add(e.scale(values[2], alpha), added);
    Value direction = mode == "nesterov" ? e.add(g, e.scale(v, alpha)) : v;
    return SmallVector<Value, 3>{e.sub(x, e.times(rate, direction)), v};
  });
}

/// 1 - beta^count by expm1, which keeps the digits that the subtraction loses. In float32 the logarithm is the sum of
/// two numbers.
Value biasCorrection(Expressions &e, const Schedule &schedule, double beta) {
  Value count = schedule.countAs(e);
  if (beta == 0)
    return e.constant(count, 1);
  double logarithm = std::log(beta), high = roundTo(typeOf(count).getElementType(), logarithm);
  Value exponent = e.scale(count, high);
  if (logarithm != high)
    exponent = e.add(exponent, e.scale(count, logarithm - high));
  return arith::NegFOp::create(e.b, math::ExpM1Op::create(e.b, exponent));
}

LogicalResult importAdam(Node &node) {
  double norm = node.floatAttr("norm_coefficient", 0), normPost = node.floatAttr("norm_coefficient_post", 0);
  double alpha = node.floatAttr("alpha", 0.9f), beta = node.floatAttr("beta", 0.999f);
  double epsilon = node.floatAttr("epsilon", 1e-6f);
  for (auto [name, value] : {std::pair("alpha", alpha), std::pair("beta", beta)})
    if (!(value >= 0 && value < 1))
      return node.error() << "expects " << name << " in [0, 1), but got " << llvm::formatv("{0}", value);
  return importUpdates(node, 4, [&](Expressions &e, const Schedule &schedule, ArrayRef<Value> values) {
    Value x = values[0], g = e.regularized(values[1], x, norm), rate = schedule.rate;
    Value v = e.add(e.scale(values[2], alpha), e.scale(g, 1 - alpha));
    Value h = e.add(e.scale(values[3], beta), e.scale(e.mul(g, g), 1 - beta));
    Value root = e.add(e.sqrt(h), e.constant(h, epsilon));
    // Where the count is 0 the quotient is none, and not taken.
    Value corrected = e.div(e.mul(rate, e.sqrt(biasCorrection(e, schedule, beta))), biasCorrection(e, schedule, alpha));
    rate = e.choose(schedule.started(e), corrected, rate);
    Value moved = e.sub(x, e.times(rate, e.div(v, root)));
    return SmallVector<Value, 3>{e.scale(moved, 1 - normPost), v, h};
  });
}

constexpr OpEntry kOps[] = {
    {"Adagrad", 1, 1, 5, kAnyNumber, kAnyNumber, importAdagrad, kTrainingDomain},
    {"Adam", 1, 1, 6, kAnyNumber, kAnyNumber, importAdam, kTrainingDomain},
    {"Momentum", 1, 1, 5, kAnyNumber, kAnyNumber, importMomentum, kTrainingDomain},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::trainingOps() { return kOps; }
