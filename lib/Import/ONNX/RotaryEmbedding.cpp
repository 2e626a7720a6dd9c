// RotaryEmbedding, from opset 23 on.
#include "Heads.h"
#include "OpTable.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

FailureOr<Value> ingot::onnx_import::splitHeads(Node &node, unsigned i, int64_t heads) {
  Tensor &x = node.input(i);
  if (x.rank() == 4)
    return transpose(node.b, node.value(x), kSwapHeads);
  ArrayRef<int64_t> shape = x.shape();
  if (heads < 1 || shape[2] % heads != 0)
    return node.error() << "expects a width of input " << i << " that its number of heads (" << heads
                        << ") divides, but got " << x.type,
           failure();
  return reshape(node.b, node.value(x), {shape[0], shape[1], heads, shape[2] / heads});
}

namespace {

/// Tables [positions, r / 2] and positions [batch, rows]. Without position_ids the caches hold one row per row of x:
/// they become tables with batch * rows positions, which are then 0, 1, 2, ...
LogicalResult ropeTables(Node &node, int64_t batch, int64_t rows, Value &cos, Value &sin, Value &positions) {
  Tensor &c = node.input(1), &s = node.input(2);
  Type element = node.input(0).element();
  bool given = node.hasInput(3);
  if (c.type != s.type || c.element() != element || c.rank() != (given ? 2 : 3))
    return node.error() << "expects two caches of one shape, rank " << (given ? 2 : 3) << " and element type "
                        << element << ", but got " << c.type << " and " << s.type;
  if (given) {
    Tensor &ids = node.input(3);
    if (ids.shape() != ArrayRef<int64_t>{batch, rows} || (!ids.element().isInteger(64) && !ids.element().isInteger(32)))
      return node.error() << "expects integer positions of shape [" << batch << ", " << rows << "], but got "
                          << ids.type;
    cos = node.value(c);
    sin = node.value(s);
    positions = node.value(ids);
    return success();
  }
  if (c.shape()[0] != batch || c.shape()[1] != rows)
    return node.error() << "expects caches of shape [" << batch << ", " << rows << ", ...], but got " << c.type;
  if (!node.mayFold({batch, rows}))
    return node.error() << "without positions for so many rows is not supported yet";
  std::vector<int64_t> ids(batch * rows);
  std::iota(ids.begin(), ids.end(), 0);
  auto type = RankedTensorType::get({batch, rows}, node.b.getI64Type());
  positions = arith::ConstantOp::create(node.b, Literal::ofInts(std::move(ids)).toAttribute(type));
  cos = reshape(node.b, node.value(c), {batch * rows, c.shape()[2]});
  sin = reshape(node.b, node.value(s), {batch * rows, c.shape()[2]});
  return success();
}

LogicalResult importRotaryEmbedding(Node &node) {
  Tensor &x = node.input(0);
  bool interleaved = node.intAttr("interleaved", 0) != 0;
  int64_t heads = node.intAttr("num_heads", 0), rotated = node.intAttr("rotary_embedding_dim", 0);
  if (!x.isFloat() || (x.rank() != 3 && x.rank() != 4))
    return node.error() << "expects a float tensor of rank 3 or 4, but got " << x.type;
  auto split = splitHeads(node, 0, heads);
  if (failed(split))
    return failure();
  ArrayRef<int64_t> shape = typeOf(*split).getShape();
  Value cos, sin, positions;
  if (failed(ropeTables(node, shape[0], shape[1], cos, sin, positions)))
    return failure();
  int64_t half = typeOf(cos).getShape().back();
  if (half != (rotated ? rotated : shape[3]) / 2 || 2 * half > shape[3] || (rotated ? rotated : shape[3]) % 2 != 0)
    return node.error() << "expects caches with half as many angles as there are rotated elements ("
                        << (rotated ? rotated : shape[3]) << "), but got " << half;
  Value result = RopeOp::create(node.b, split->getType(), *split, cos, sin, positions, interleaved);
  return node.setResult(x.rank() == 3 ? reshape(node.b, result, x.shape()) : transpose(node.b, result, kSwapHeads));
}

constexpr OpEntry kOps[] = {
    {"RotaryEmbedding", 23, kLastOpset, 3, 4, 1, importRotaryEmbedding},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::rotaryOps() { return kOps; }
