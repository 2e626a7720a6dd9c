#include "lib/Plan/TileBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace ingot;

static AffineMap mapOf(MLIRContext *context, unsigned count, ArrayRef<unsigned> dims) {
  SmallVector<AffineExpr> results;
  for (unsigned dim : dims)
    results.push_back(getAffineDimExpr(dim, context));
  return AffineMap::get(count, 0, results, context);
}

Value TileBuilder::map(ArrayRef<int64_t> shape, Type element, ArrayRef<TileInput> inputs, Body body,
                       Value destination) {
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  SmallVector<Type> types;
  for (const TileInput &input : inputs) {
    values.push_back(input.value);
    maps.push_back(mapOf(b.getContext(), shape.size(), input.dims));
    types.push_back(KernelBuilder::typeOf(input.value).getElementType());
  }
  Value out = destination ? destination : temporary(shape, element);
  auto op = tile::MapOp::create(b, loc, TypeRange(out.getType()), b.getAffineMapArrayAttr(maps), values, out);
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&op.getBody(), {}, types, SmallVector<Location>(types.size(), loc));
  Value result = body(b, block->getArguments());
  tile::YieldOp::create(b, loc, result);
  return op->getResult(0);
}

Value TileBuilder::reduce(ReduceKind kind, Value input, ArrayRef<int64_t> dims) {
  RankedTensorType type = KernelBuilder::typeOf(input);
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (!llvm::is_contained(dims, dim))
      shape.push_back(type.getDimSize(dim));
  Value out = temporary(shape, type.getElementType());
  return tile::ReduceOp::create(b, loc, TypeRange(out.getType()), ReduceKindAttr::get(b.getContext(), kind),
                                b.getDenseI64ArrayAttr(dims), input, out)
      ->getResult(0);
}

Value TileBuilder::contract(Value lhs, ArrayRef<unsigned> lhsDims, Value rhs, ArrayRef<unsigned> rhsDims, Value out,
                            ArrayRef<unsigned> outDims) {
  unsigned count = 0;
  for (ArrayRef<unsigned> dims : {lhsDims, rhsDims, outDims})
    for (unsigned dim : dims)
      count = std::max(count, dim + 1);
  auto maps = b.getAffineMapArrayAttr({mapOf(b.getContext(), count, lhsDims), mapOf(b.getContext(), count, rhsDims),
                                       mapOf(b.getContext(), count, outDims)});
  return tile::ContractOp::create(b, loc, TypeRange(out.getType()), maps, lhs, rhs, out)->getResult(0);
}

Value TileBuilder::iota(int64_t count) {
  Value zero = map({1}, b.getI32Type(), {}, [&](OpBuilder &body, ValueRange) -> Value {
    return arith::ConstantOp::create(body, loc, body.getI32IntegerAttr(0));
  });
  Value out = temporary({1, count}, b.getI32Type());
  out = tile::PositionsOp::create(b, loc, TypeRange(out.getType()), zero, out)->getResult(0);
  return slice(out, {0, 0}, {1, count}, {0});
}

Value TileBuilder::widened(Value value) {
  RankedTensorType type = KernelBuilder::typeOf(value);
  Type compute = computeType(type.getElementType());
  if (compute == type.getElementType())
    return value;
  auto dims = llvm::to_vector(llvm::seq<unsigned>(0, type.getRank()));
  return map(type.getShape(), compute, {{value, dims}},
             [&](OpBuilder &body, ValueRange x) { return ScalarMath{body, loc, compute}.widen(x[0]); });
}

Value TileBuilder::transposed(Value value) {
  RankedTensorType type = KernelBuilder::typeOf(value);
  Type compute = computeType(type.getElementType());
  return map({type.getDimSize(1), type.getDimSize(0)}, compute, {{value, {1, 0}}},
             [&](OpBuilder &body, ValueRange x) { return ScalarMath{body, loc, compute}.widen(x[0]); });
}

Value TileBuilder::slice(Value value, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes, ArrayRef<int64_t> dropped) {
  Tile tile;
  for (int64_t offset : offsets)
    tile.offsets.push_back(b.getAffineConstantExpr(offset));
  tile.sizes.assign(sizes.begin(), sizes.end());
  return kernel.slice(value, tile, dropped);
}

Value ScalarMath::widen(Value x) {
  return x.getType() == type ? x : arith::ExtFOp::create(b, loc, type, x).getResult();
}
Value ScalarMath::narrow(Value x, Type element) {
  return element == x.getType() ? x : arith::TruncFOp::create(b, loc, element, x).getResult();
}
Value ScalarMath::constant(double value) { return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value)); }
Value ScalarMath::add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
Value ScalarMath::sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
Value ScalarMath::mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
Value ScalarMath::div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
Value ScalarMath::exp(Value x) { return math::ExpOp::create(b, loc, x); }
Value ScalarMath::log(Value x) { return math::LogOp::create(b, loc, x); }
Value ScalarMath::select(Value condition, Value x, Value y) { return arith::SelectOp::create(b, loc, condition, x, y); }
Value ScalarMath::isZero(Value x) { return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, x, constant(0.0)); }
