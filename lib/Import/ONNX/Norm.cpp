// Normalisations over rows: LayerNormalization, RMSNormalization, Softmax, LogSoftmax.
#include "Build.h"
#include "OpTable.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

/// A scale or bias as one row of `row` elements: it must broadcast to the normalised dimensions.
FailureOr<Value> rowOperand(Node &node, Tensor &operand, RankedTensorType input, int64_t axis) {
  ArrayRef<int64_t> normalised = input.getShape().drop_front(axis);
  if (operand.element() != input.getElementType())
    return node.error() << "with a scale or bias of " << operand.type << " for " << input << " is not supported yet",
           failure();
  auto shape = broadcastShape(node, {operand.shape(), normalised});
  if (failed(shape))
    return failure();
  if (ArrayRef<int64_t>(*shape) != normalised)
    return node.error() << "expects a scale and bias that broadcast to the normalised dimensions of " << input
                        << ", but got " << operand.type,
           failure();
  return reshape(node.b, broadcast(node, operand, normalised), {*elementCount(normalised)});
}

/// What LayerNormalization and RMSNormalization share: `make` gets the input with the normalised dimensions in one, the
/// scale as one row, and epsilon.
LogicalResult importRowNorm(Node &node, llvm::function_ref<FailureOr<Value>(Value, Value, FloatAttr, int64_t)> make) {
  Tensor &x = node.input(0);
  double eps = node.floatAttr("epsilon", 1e-5f);
  int64_t stash = node.intAttr("stash_type", 1);
  if (!x.isFloat() || x.rank() < 1)
    return node.error() << "expects a float tensor of rank 1 or more, but got " << x.type;
  if (stash != onnx::TensorProto::FLOAT && elementType(stash, node.b.getContext()) != x.element())
    return node.error() << "with stash_type " << stash << " is not supported yet";
  auto axis = node.axis(node.intAttr("axis", -1), x.rank());
  if (failed(axis))
    return failure();
  SmallVector<int64_t> rows(x.shape().take_front(*axis));
  rows.push_back(*elementCount(x.shape().drop_front(*axis)));
  auto scale = rowOperand(node, node.input(1), x.type, *axis);
  if (failed(scale))
    return failure();
  auto result = make(reshape(node.b, node.value(x), rows), *scale, node.b.getF64FloatAttr(eps), *axis);
  return failed(result) ? failure() : node.setResult(reshape(node.b, *result, x.shape()));
}

LogicalResult importRmsNorm(Node &node) {
  return importRowNorm(node, [&](Value x, Value scale, FloatAttr eps, int64_t) -> FailureOr<Value> {
    return Value(RmsNormOp::create(node.b, x.getType(), x, scale, eps));
  });
}

/// The optional outputs of LayerNormalization, in float32: the mean and 1 / sqrt(variance + eps) of each row.
LogicalResult setStatistics(Node &node, Value x, double eps, int64_t axis) {
  ImplicitLocOpBuilder &b = node.b;
  if (!typeOf(x).getElementType().isF32())
    return node.error() << "with its statistics of " << typeOf(x) << " is not supported yet";
  int64_t last = typeOf(x).getRank() - 1;
  SmallVector<int64_t> row(typeOf(x).getShape()), kept(node.input(0).shape());
  row.back() = 1;
  std::fill(kept.begin() + axis, kept.end(), 1);
  auto meanOf = [&](Value of) {
    return reshape(b, ReduceOp::create(b, ReduceKind::Mean, of, ArrayRef<int64_t>{last}), row);
  };
  Value mean = meanOf(x);
  Value centred = arith::SubFOp::create(b, x, broadcast(b, mean, typeOf(x).getShape()));
  Value variance = meanOf(arith::MulFOp::create(b, centred, centred));
  Value root = math::SqrtOp::create(b, arith::AddFOp::create(b, variance, splat(b, typeOf(variance), eps)));
  Value inverse = arith::DivFOp::create(b, splat(b, typeOf(root), 1.0), root);
  for (auto [i, value] : {std::pair(1u, mean), std::pair(2u, inverse)}) {
    Value shaped = reshape(b, value, kept);
    if (failed(node.setResult(i, {typeOf(shaped), shaped, nullptr})))
      return failure();
  }
  return success();
}

LogicalResult importLayerNorm(Node &node) {
  return importRowNorm(node, [&](Value x, Value scale, FloatAttr eps, int64_t axis) -> FailureOr<Value> {
    Value bias;
    if (node.hasInput(2)) {
      auto row = rowOperand(node, node.input(2), node.input(0).type, axis);
      if (failed(row))
        return failure();
      bias = *row;
    }
    if ((node.hasOutput(1) || node.hasOutput(2)) && failed(setStatistics(node, x, eps.getValueAsDouble(), axis)))
      return failure();
    return Value(LayerNormOp::create(node.b, x.getType(), x, scale, bias, eps));
  });
}

/// log(softmax(x)) as x - max - log(sum(exp(x - max))), which does not lose small probabilities.
Value logSoftmax(ImplicitLocOpBuilder &b, Value x) {
  RankedTensorType type = typeOf(x);
  int64_t last = type.getRank() - 1;
  auto row = [&](ReduceKind kind, Value of) {
    SmallVector<int64_t> kept(type.getShape());
    kept.back() = 1;
    Value reduced = ReduceOp::create(b, kind, of, ArrayRef<int64_t>{last});
    return reshape(b, reduced, kept);
  };
  Value shifted = arith::SubFOp::create(b, x, broadcast(b, row(ReduceKind::Max, x), type.getShape()));
  Value sum = row(ReduceKind::Sum, math::ExpOp::create(b, shifted));
  return arith::SubFOp::create(b, shifted, broadcast(b, math::LogOp::create(b, sum), type.getShape()));
}

template <bool Log> LogicalResult importSoftmax(Node &node) {
  Tensor &x = node.input(0);
  if (!x.isFloat() || x.rank() < 1)
    return node.error() << "expects a float tensor of rank 1 or more, but got " << x.type;
  auto axis = node.axis(node.intAttr("axis", -1), x.rank());
  if (failed(axis))
    return failure();
  if (Log && llvm::is_contained(x.shape(), 0))
    return node.error() << "of no elements is not supported yet";
  // Another axis changes places with the last one, and back again.
  SmallVector<int64_t> swap = llvm::to_vector(llvm::seq<int64_t>(0, x.rank()));
  std::swap(swap[*axis], swap.back());
  Value rows = transpose(node.b, node.value(x), swap);
  Value result = Log ? logSoftmax(node.b, rows) : Value(SoftmaxOp::create(node.b, rows.getType(), rows));
  return node.setResult(transpose(node.b, result, swap));
}

constexpr OpEntry kOps[] = {
    {"LayerNormalization", 17, kLastOpset, 2, 3, 3, importLayerNorm},
    {"LogSoftmax", kFirstWithInputs, kLastOpset, 1, 1, 1, importSoftmax<true>},
    {"RMSNormalization", 23, kLastOpset, 2, 2, 1, importRmsNorm},
    {"Softmax", kFirstWithInputs, kLastOpset, 1, 1, 1, importSoftmax<false>},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::normOps() { return kOps; }
