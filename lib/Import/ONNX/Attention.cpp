// Attention with its cache, from opset 23 on.
#include "Heads.h"
#include "OpTable.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

/// Query, key and value of one node, whatever form it gives them in.
struct Heads {
  Value query;      // [batch, rows, heads, d]
  Value key, value; // [batch, kv_heads, keys, d], past included
  int64_t past = 0; // keys that come before the first row
  bool flat = false;
};

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

LogicalResult checkOperands(Node &node) {
  Tensor &query = node.input(0);
  for (unsigned i = 0; i < 6; ++i) {
    if (!node.hasInput(i) || i == 3)
      continue;
    Tensor &x = node.input(i);
    if (!x.isFloat() || x.element() != query.element())
      return node.error() << "expects operands of one float type, but got " << query.type << " and " << x.type;
    int64_t rank = i < 3 ? query.rank() : 4;
    if ((rank != 3 && rank != 4) || x.rank() != rank)
      return node.error() << "expects operands of rank 3 or 4 and a past of rank 4, but got " << query.type << " and "
                          << x.type;
  }
  if (node.hasInput(4) != node.hasInput(5))
    return node.error() << "expects past key and value together, but got one of them";
  return success();
}

/// The new keys or values, and before them the past: [batch, kv_heads, keys, d].
FailureOr<Value> withPast(Node &node, unsigned operand, unsigned past, int64_t heads) {
  auto rows = splitHeads(node, operand, heads);
  if (failed(rows))
    return failure();
  Value fresh = transpose(node.b, *rows, kSwapHeads);
  if (!node.hasInput(past))
    return fresh;
  Tensor &before = node.input(past);
  SmallVector<int64_t> expected(typeOf(fresh).getShape()), shape = expected;
  expected[2] = before.shape()[2];
  if (before.shape() != ArrayRef<int64_t>(expected))
    return node.error() << "expects a past that differs from the new rows in dimension 2 only, but got " << before.type
                        << " and " << typeOf(fresh),
           failure();
  shape[2] += before.shape()[2];
  if (!elementCount(shape))
    return node.error() << "makes a tensor of more than 2^40 elements", failure();
  return Value(
      tensor::ConcatOp::create(node.b, withShape(before.type, shape), 2, ValueRange{node.value(before), fresh}));
}

FailureOr<Heads> readHeads(Node &node) {
  Heads heads;
  heads.flat = node.input(0).rank() == 3;
  int64_t queryHeads = node.intAttr("q_num_heads", 0), kvHeads = node.intAttr("kv_num_heads", 0);
  if (!heads.flat && (queryHeads || kvHeads))
    if (queryHeads != node.input(0).shape()[1] || kvHeads != node.input(1).shape()[1])
      return node.error() << "has other numbers of heads than its operands", failure();
  auto query = splitHeads(node, 0, queryHeads);
  auto key = withPast(node, 1, 4, kvHeads), value = withPast(node, 2, 5, kvHeads);
  if (failed(query) || failed(key) || failed(value))
    return failure();
  heads.query = *query;
  heads.key = *key;
  heads.value = *value;
  heads.past = node.hasInput(4) ? node.input(4).shape()[2] : 0;
  ArrayRef<int64_t> q = typeOf(*query).getShape(), k = typeOf(*key).getShape(), v = typeOf(*value).getShape();
  if (k[0] != q[0] || v[0] != q[0] || k[1] != v[1] || k[2] != v[2] || k[3] != q[3])
    return node.error() << "expects query, key and value that fit together, but got " << typeOf(*query) << ", "
                        << typeOf(*key) << " and " << typeOf(*value),
           failure();
  if (k[1] == 0 || q[2] % k[1] != 0)
    return node.error() << "expects heads to be a multiple of kv heads, but got " << q[2] << " and " << k[1], failure();
  return heads;
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// The mask input as an additive bias of rank 4 that broadcasts to [batch, heads, rows, keys].
FailureOr<Value> maskBias(Node &node, ArrayRef<int64_t> full, Type element) {
  Tensor &mask = node.input(3);
  if (!mask.isBool() && mask.element() != element)
    return node.error() << "expects a mask of booleans or " << element << ", but got " << mask.type, failure();
  SmallVector<int64_t> shape(mask.shape());
  if (shape.size() > 4)
    return node.error() << "expects a mask of rank 4 at most, but got " << mask.type, failure();
  shape.insert(shape.begin(), 4 - shape.size(), 1);
  for (auto [extent, expected] : llvm::zip(shape, full))
    if (extent != 1 && extent != expected)
      return node.error() << "expects a mask that broadcasts to [batch, heads, rows, keys], with extent " << expected
                          << ", but got " << mask.type,
             failure();
  Value bias = reshape(node.b, node.value(mask), shape);
  if (!mask.isBool())
    return bias;
  auto type = RankedTensorType::get(shape, element);
  return Value(arith::SelectOp::create(node.b, bias, splat(node.b, type, 0.0), splat(node.b, type, -INFINITY)));
}

/// What position alone forbids, where `ingot.attention` has no word for it: row c sees keys j with
/// past + c - left <= j <= past + c + right; a negative bound is none. `blind` is set if some row sees no key.
FailureOr<Value> windowBias(Node &node, ArrayRef<int64_t> full, int64_t past, int64_t left, int64_t right, Type element,
                            bool &blind) {
  SmallVector<int64_t> shape = {1, 1, full[2], full[3]};
  if (!node.mayFold(shape))
    return node.error() << "with a mask by position of this size is not supported yet", failure();
  std::vector<double> values;
  for (int64_t c = 0; c < full[2]; ++c) {
    bool seesAny = false;
    for (int64_t j = 0; j < full[3]; ++j) {
      int64_t distance = j - (past + c);
      bool visible = (left < 0 || -distance <= left) && (right < 0 || distance <= right);
      values.push_back(visible ? 0.0 : -INFINITY);
      seesAny |= visible;
    }
    blind |= !seesAny;
  }
  auto type = RankedTensorType::get(shape, element);
  return Value(arith::ConstantOp::create(node.b, Literal::ofFloats(std::move(values)).toAttribute(type)));
}

/// `out` [batch, rows, heads, dv] with zeros in the rows of which `bias` leaves no key, as ONNX says; the softmax of
/// such a row is NaN.
Value clearBlindRows(ImplicitLocOpBuilder &b, Value out, Value bias) {
  RankedTensorType type = typeOf(out);
  Value best = ReduceOp::create(b, ReduceKind::Max, bias, ArrayRef<int64_t>{3});
  Value nothing = splat(b, typeOf(best), -INFINITY);
  Value sees = arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, best, nothing);
  sees = transpose(b, sees, {0, 2, 1});
  SmallVector<int64_t> shape(typeOf(sees).getShape());
  shape.push_back(1);
  sees = broadcast(b, reshape(b, sees, shape), type.getShape());
  return arith::SelectOp::create(b, sees, out, splat(b, type, 0.0));
}

Value addBiases(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  if (!lhs || !rhs)
    return lhs ? lhs : rhs;
  SmallVector<int64_t> shape;
  for (auto [x, y] : llvm::zip(typeOf(lhs).getShape(), typeOf(rhs).getShape()))
    shape.push_back(std::max(x, y));
  return arith::AddFOp::create(b, broadcast(b, lhs, shape), broadcast(b, rhs, shape));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Attributes that ask for what is not there yet.
LogicalResult checkVariants(Node &node) {
  int64_t precision = node.intAttr("softmax_precision", 0);
  node.ignoreAttr("qk_matmul_output_mode"); // the output it is about is refused
  if (node.floatAttr("softcap", 0.0) != 0.0)
    return node.error() << "with softcap is not supported yet";
  if (precision != 0 && precision != onnx::TensorProto::FLOAT)
    return node.error() << "with softmax_precision " << dataTypeName(precision) << " is not supported yet";
  if (node.hasInput(6))
    return node.error() << "with nonpad_kv_seqlen is not supported yet";
  return success();
}

LogicalResult setOutputs(Node &node, const Heads &heads, Value out) {
  ArrayRef<int64_t> shape = typeOf(out).getShape();
  Value y =
      heads.flat ? reshape(node.b, out, {shape[0], shape[1], shape[2] * shape[3]}) : transpose(node.b, out, kSwapHeads);
  if (failed(node.setResult(0, {typeOf(y), y, nullptr})) ||
      failed(node.setResult(1, {typeOf(heads.key), heads.key, nullptr})))
    return failure();
  return node.setResult(2, {typeOf(heads.value), heads.value, nullptr});
}

/// Everything that is added to the scores. `causal` is cleared if it became part of that; `blind` says that some row
/// may see no key at all.
FailureOr<Value> biasOf(Node &node, const Heads &heads, ArrayRef<int64_t> full, bool &causal, bool &blind) {
  Type element = typeOf(heads.query).getElementType();
  int64_t left = node.opset() >= 25 ? node.intAttr("left_window_size", -1) : -1;
  int64_t right = node.opset() >= 25 ? node.intAttr("right_window_size", -1) : -1;
  // ingot.attention aligns causal rows at the bottom right: row c stands at position keys - rows + c.
  bool aligned = full[3] - full[2] == heads.past;
  Value bias;
  if (left >= 0 || right >= 0 || (causal && (!aligned || node.hasInput(3)))) {
    auto window = windowBias(node, full, heads.past, left, causal ? 0 : right, element, blind);
    if (failed(window))
      return failure();
    bias = *window;
    causal = false;
  }
  if (!node.hasInput(3))
    return bias;
  auto mask = maskBias(node, full, element);
  if (failed(mask))
    return failure();
  blind = true; // whether it is so is known at run time only
  return addBiases(node.b, bias, *mask);
}

LogicalResult importAttention(Node &node) {
  if (failed(checkOperands(node)) || failed(checkVariants(node)))
    return failure();
  auto heads = readHeads(node);
  if (failed(heads))
    return failure();
  ArrayRef<int64_t> q = typeOf(heads->query).getShape();
  SmallVector<int64_t> full = {q[0], q[2], q[1], typeOf(heads->key).getShape()[2]};
  if (full[3] == 0)
    return node.error() << "expects at least one key";
  double scale = node.floatAttr("scale", q[3] == 0 ? 1.0 : 1.0 / std::sqrt(static_cast<double>(q[3])));
  bool causal = node.intAttr("is_causal", 0) != 0, blind = false;
  auto bias = biasOf(node, *heads, full, causal, blind);
  if (failed(bias))
    return failure();
  auto type = RankedTensorType::get({q[0], q[1], q[2], typeOf(heads->value).getShape()[3]},
                                    typeOf(heads->query).getElementType());
  Value out = AttentionOp::create(node.b, type, Type(), heads->query, heads->key, heads->value, Value(), Value(), *bias,
                                  causal, llvm::APFloat(scale))
                  .getOut();
  return setOutputs(node, *heads, blind ? clearBlindRows(node.b, out, *bias) : out);
}

constexpr OpEntry kOps[] = {
    {"Attention", 23, kLastOpset, 3, 7, 3, importAttention},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::attentionOps() { return kOps; }
