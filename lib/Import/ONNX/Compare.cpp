// Comparisons and selection: Equal, Greater, GreaterOrEqual, Less, LessOrEqual, IsNaN, Where.
#include "Build.h"
#include "OpTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

enum class Relation { Equal, Less, LessOrEqual, Greater, GreaterOrEqual };

template <typename T> bool holds(Relation relation, T a, T b) {
  switch (relation) {
  case Relation::Equal:
    return a == b;
  case Relation::Less:
    return a < b;
  case Relation::LessOrEqual:
    return a <= b;
  case Relation::Greater:
    return a > b;
  case Relation::GreaterOrEqual:
    return a >= b;
  }
  llvm_unreachable("all relations are listed");
}

Value compare(ImplicitLocOpBuilder &b, Relation relation, bool isFloat, Value lhs, Value rhs) {
  static constexpr arith::CmpIPredicate ints[] = {arith::CmpIPredicate::eq, arith::CmpIPredicate::slt,
                                                  arith::CmpIPredicate::sle, arith::CmpIPredicate::sgt,
                                                  arith::CmpIPredicate::sge};
  static constexpr arith::CmpFPredicate floats[] = {arith::CmpFPredicate::OEQ, arith::CmpFPredicate::OLT,
                                                    arith::CmpFPredicate::OLE, arith::CmpFPredicate::OGT,
                                                    arith::CmpFPredicate::OGE};
  auto index = static_cast<size_t>(relation);
  if (isFloat)
    return arith::CmpFOp::create(b, floats[index], lhs, rhs);
  return arith::CmpIOp::create(b, ints[index], lhs, rhs);
}

template <Relation R> LogicalResult importRelation(Node &node) {
  Tensor &lhs = node.input(0), &rhs = node.input(1);
  if (lhs.element() != rhs.element())
    return node.error() << "expects operands of one element type, but got " << lhs.type << " and " << rhs.type;
  if (lhs.isBool() && R != Relation::Equal)
    return node.error() << "of " << lhs.type << " is not supported";
  auto shape = broadcastShape(node, {lhs.shape(), rhs.shape()});
  if (failed(shape))
    return failure();
  auto type = RankedTensorType::get(*shape, node.b.getI1Type());
  if (lhs.literal && rhs.literal && node.mayFold(*shape)) {
    StridedView left = broadcastView(lhs.shape(), *shape), right = broadcastView(rhs.shape(), *shape);
    std::vector<int64_t> values(*elementCount(*shape));
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = lhs.isFloat() ? holds(R, lhs.literal->floatAt(left(i)), rhs.literal->floatAt(right(i)))
                                : holds(R, lhs.literal->intAt(left(i)), rhs.literal->intAt(right(i)));
    return node.setResult(type, Literal::ofInts(std::move(values)));
  }
  return node.setResult(compare(node.b, R, lhs.isFloat(), broadcast(node, lhs, *shape), broadcast(node, rhs, *shape)));
}

LogicalResult importIsNaN(Node &node) {
  Tensor &x = node.input(0);
  if (!x.isFloat())
    return node.error() << "expects floats, but got " << x.type;
  return node.setResult(arith::CmpFOp::create(node.b, arith::CmpFPredicate::UNO, node.value(x), node.value(x)));
}

Literal select(const Literal &condition, const Literal &yes, const Literal &no, ArrayRef<ArrayRef<int64_t>> shapes,
               ArrayRef<int64_t> shape) {
  StridedView c = broadcastView(shapes[0], shape), y = broadcastView(shapes[1], shape),
              n = broadcastView(shapes[2], shape);
  size_t count = *elementCount(shape);
  if (yes.isFloat()) {
    std::vector<double> values(count);
    for (size_t i = 0; i < count; ++i)
      values[i] = condition.intAt(c(i)) ? yes.floatAt(y(i)) : no.floatAt(n(i));
    return Literal::ofFloats(std::move(values));
  }
  std::vector<int64_t> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = condition.intAt(c(i)) ? yes.intAt(y(i)) : no.intAt(n(i));
  return Literal::ofInts(std::move(values));
}

LogicalResult importWhere(Node &node) {
  Tensor &condition = node.input(0), &yes = node.input(1), &no = node.input(2);
  if (!condition.isBool())
    return node.error() << "expects a boolean condition, but got " << condition.type;
  if (yes.element() != no.element())
    return node.error() << "expects two values of one element type, but got " << yes.type << " and " << no.type;
  SmallVector<ArrayRef<int64_t>> shapes = {condition.shape(), yes.shape(), no.shape()};
  auto shape = broadcastShape(node, shapes);
  if (failed(shape))
    return failure();
  if (condition.literal && yes.literal && no.literal && node.mayFold(*shape))
    return node.setResult(withShape(yes.type, *shape),
                          select(*condition.literal, *yes.literal, *no.literal, shapes, *shape));
  Value c = broadcast(node, condition, *shape), y = broadcast(node, yes, *shape), n = broadcast(node, no, *shape);
  return node.setResult(arith::SelectOp::create(node.b, c, y, n));
}

constexpr OpEntry kOps[] = {
    {"Equal", kFirstOpset, kLastOpset, 2, 2, 1, importRelation<Relation::Equal>},
    {"Greater", kFirstOpset, kLastOpset, 2, 2, 1, importRelation<Relation::Greater>},
    {"GreaterOrEqual", kFirstOpset, kLastOpset, 2, 2, 1, importRelation<Relation::GreaterOrEqual>},
    {"IsNaN", kFirstOpset, kLastOpset, 1, 1, 1, importIsNaN},
    {"Less", kFirstOpset, kLastOpset, 2, 2, 1, importRelation<Relation::Less>},
    {"LessOrEqual", kFirstOpset, kLastOpset, 2, 2, 1, importRelation<Relation::LessOrEqual>},
    {"Where", kFirstOpset, kLastOpset, 3, 3, 1, importWhere},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::compareOps() { return kOps; }
