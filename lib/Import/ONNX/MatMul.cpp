// Contractions: MatMul, Gemm.
#include "Build.h"
#include "OpTable.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

/// Contracts the last dimension of `lhs` with the last but one of `rhs`, both of rank 2 or more.
FailureOr<Value> multiply(Node &node, Value lhs, Value rhs) {
  int64_t leftRank = typeOf(lhs).getRank(), rightRank = typeOf(rhs).getRank();
  SmallVector<int64_t> batch;
  if (rightRank > 2) { // a plain matrix on the right needs no batch: all leading dimensions of lhs are free
    auto shape = broadcastShape(node, {typeOf(lhs).getShape().drop_back(2), typeOf(rhs).getShape().drop_back(2)});
    if (failed(shape))
      return failure();
    auto widen = [&](Value x) {
      SmallVector<int64_t> full(*shape);
      llvm::append_range(full, typeOf(x).getShape().take_back(2));
      return elementCount(full) ? broadcast(node.b, x, full) : Value();
    };
    lhs = widen(lhs);
    rhs = widen(rhs);
    if (!lhs || !rhs)
      return node.error() << "makes a tensor of more than 2^40 elements", failure();
    leftRank = rightRank = static_cast<int64_t>(shape->size()) + 2;
    batch = llvm::to_vector(llvm::seq<int64_t>(0, leftRank - 2));
  }
  SmallVector<int64_t> result(typeOf(lhs).getShape().drop_back());
  result.push_back(typeOf(rhs).getShape().back());
  if (!elementCount(result))
    return node.error() << "makes a tensor of more than 2^40 elements", failure();
  return Value(
      DotOp::create(node.b, lhs, rhs, batch, batch, ArrayRef<int64_t>{leftRank - 1}, ArrayRef<int64_t>{rightRank - 2}));
}

LogicalResult importMatMul(Node &node) {
  Tensor &lhs = node.input(0), &rhs = node.input(1);
  if (lhs.element() != rhs.element() || !lhs.isFloat())
    return node.error() << "expects float operands of one element type, but got " << lhs.type << " and " << rhs.type;
  if (lhs.rank() < 1 || rhs.rank() < 1)
    return node.error() << "expects operands of rank 1 or more, but got " << lhs.type << " and " << rhs.type;
  // A vector is a matrix of one row or column, whose dimension the result lacks.
  SmallVector<int64_t> leftShape(lhs.shape()), rightShape(rhs.shape());
  if (lhs.rank() == 1)
    leftShape.insert(leftShape.begin(), 1);
  if (rhs.rank() == 1)
    rightShape.push_back(1);
  if (leftShape.back() != rightShape[rightShape.size() - 2])
    return node.error() << "expects equal inner extents, but got " << lhs.type << " and " << rhs.type;
  Value left = reshape(node.b, node.value(lhs), leftShape), right = reshape(node.b, node.value(rhs), rightShape);
  auto product = multiply(node, left, right);
  if (failed(product))
    return failure();
  SmallVector<int64_t> shape(typeOf(*product).getShape());
  if (lhs.rank() == 1)
    shape.erase(shape.end() - 2);
  if (rhs.rank() == 1)
    shape.pop_back();
  return node.setResult(reshape(node.b, *product, shape));
}

/// alpha * op(A) * op(B) + beta * C with matrices A and B, and C broadcast to the result.
LogicalResult importGemm(Node &node) {
  Tensor &lhs = node.input(0), &rhs = node.input(1);
  double alpha = node.floatAttr("alpha", 1.0), beta = node.floatAttr("beta", 1.0);
  int64_t leftContract = node.intAttr("transA", 0) ? 0 : 1, rightContract = node.intAttr("transB", 0) ? 1 : 0;
  if (lhs.element() != rhs.element() || !lhs.isFloat())
    return node.error() << "expects float operands of one element type, but got " << lhs.type << " and " << rhs.type;
  if (lhs.rank() != 2 || rhs.rank() != 2)
    return node.error() << "expects matrices, but got " << lhs.type << " and " << rhs.type;
  if (lhs.shape()[leftContract] != rhs.shape()[rightContract])
    return node.error() << "expects equal inner extents, but got " << lhs.type << " and " << rhs.type;
  SmallVector<int64_t> shape = {lhs.shape()[1 - leftContract], rhs.shape()[1 - rightContract]};
  if (!elementCount(shape))
    return node.error() << "makes a tensor of more than 2^40 elements";
  Value result = DotOp::create(node.b, node.value(lhs), node.value(rhs), ArrayRef<int64_t>{}, ArrayRef<int64_t>{},
                               ArrayRef<int64_t>{leftContract}, ArrayRef<int64_t>{rightContract});
  auto scale = [&](Value x, double by) -> Value {
    return by == 1.0 ? x : Value(arith::MulFOp::create(node.b, x, splat(node.b, typeOf(x), by)));
  };
  result = scale(result, alpha);
  if (node.hasInput(2) && beta != 0.0) {
    Tensor &c = node.input(2);
    auto full = broadcastShape(node, {c.shape(), shape});
    if (failed(full))
      return failure();
    if (*full != shape || c.element() != lhs.element())
      return node.error() << "expects a C that broadcasts to " << typeOf(result) << ", but got " << c.type;
    result = arith::AddFOp::create(node.b, result, scale(broadcast(node, c, shape), beta));
  }
  return node.setResult(result);
}

constexpr OpEntry kOps[] = {
    {"Gemm", kFirstOpset, kLastOpset, 2, 3, 1, importGemm},
    {"MatMul", kFirstOpset, kLastOpset, 2, 2, 1, importMatMul},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::matmulOps() { return kOps; }
