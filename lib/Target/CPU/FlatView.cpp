#include "lib/Target/CPU/FlatView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

FailureOr<FlatView> cpu::flatten(ImplicitLocOpBuilder &builder, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  FlatView view{nullptr, type.getElementType(), SmallVector<int64_t>(type.getShape()), {}};
  int64_t offset;
  if (!type.hasStaticShape() || failed(type.getStridesAndOffset(view.strides, offset)) ||
      llvm::is_contained(view.strides, ShapedType::kDynamic))
    return emitError(builder.getLoc()) << "expects operands of static shape and strides, but got " << type;
  int64_t size = 1;
  for (auto [extent, stride] : llvm::zip(view.shape, view.strides))
    size += extent == 0 ? 0 : (extent - 1) * stride;
  auto metadata = memref::ExtractStridedMetadataOp::create(builder, memref);
  auto layout = StridedLayoutAttr::get(builder.getContext(), ShapedType::kDynamic, {1});
  auto flat = MemRefType::get({size}, type.getElementType(), layout, type.getMemorySpace());
  view.memref = memref::ReinterpretCastOp::create(
      builder, flat, metadata.getBaseBuffer(), OpFoldResult(metadata.getOffset()),
      ArrayRef<OpFoldResult>{builder.getIndexAttr(size)}, ArrayRef<OpFoldResult>{builder.getIndexAttr(1)});
  return view;
}

FailureOr<SmallVector<FlatView>> cpu::flattenAll(ImplicitLocOpBuilder &builder, ValueRange memrefs) {
  SmallVector<FlatView> views;
  for (Value memref : memrefs) {
    FailureOr<FlatView> view = flatten(builder, memref);
    if (failed(view))
      return failure();
    views.push_back(*view);
  }
  return views;
}

Access cpu::accessThrough(ImplicitLocOpBuilder &builder, const FlatView &view, AffineMap map) {
  Access access{view.memref, view.element, SmallVector<int64_t>(map.getNumDims(), 0), nullptr};
  int64_t offset = 0;
  for (auto [result, stride] : llvm::zip(map.getResults(), view.strides)) {
    if (auto constant = dyn_cast<AffineConstantExpr>(result))
      offset += constant.getValue() * stride;
    else
      access.strides[cast<AffineDimExpr>(result).getPosition()] += stride;
  }
  access.offset = indexConstant(builder, offset);
  return access;
}

Access cpu::accessDirectly(ImplicitLocOpBuilder &builder, const FlatView &view) {
  return {view.memref, view.element, view.strides, indexConstant(builder, 0)};
}

Value cpu::indexConstant(ImplicitLocOpBuilder &builder, int64_t value) {
  return arith::ConstantIndexOp::create(builder, value);
}

Value cpu::addConstant(ImplicitLocOpBuilder &builder, Value base, int64_t value) {
  return value == 0 ? base : builder.createOrFold<arith::AddIOp>(base, indexConstant(builder, value));
}

Value cpu::addScaled(ImplicitLocOpBuilder &builder, Value base, Value iv, int64_t stride) {
  if (stride == 0)
    return base;
  Value scaled = stride == 1 ? iv : builder.createOrFold<arith::MulIOp>(iv, indexConstant(builder, stride));
  return builder.createOrFold<arith::AddIOp>(base, scaled);
}

Type cpu::widen(Type element, int64_t width) { return width == 1 ? element : VectorType::get({width}, element); }

Value cpu::loadElements(ImplicitLocOpBuilder &builder, Value memref, Value index, int64_t width) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (width == 1)
    return memref::LoadOp::create(builder, memref, index);
  return vector::LoadOp::create(builder, cast<VectorType>(widen(element, width)), memref, index);
}

void cpu::storeElements(ImplicitLocOpBuilder &builder, Value value, Value memref, Value index) {
  if (isa<VectorType>(value.getType()))
    vector::StoreOp::create(builder, value, memref, index);
  else
    memref::StoreOp::create(builder, value, memref, index);
}

Value cpu::splat(ImplicitLocOpBuilder &builder, Value scalar, int64_t width) {
  return width == 1 ? scalar : vector::BroadcastOp::create(builder, widen(scalar.getType(), width), scalar);
}

Value cpu::floatConstant(ImplicitLocOpBuilder &builder, Type type, double value) {
  Attribute scalar = builder.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(builder, DenseElementsAttr::get(vector, scalar));
  return arith::ConstantOp::create(builder, cast<TypedAttr>(scalar));
}

SmallVector<int64_t> cpu::chunkWidths(int64_t extent, int64_t widest) {
  SmallVector<int64_t> widths;
  for (int64_t width = widest; width >= 1; width /= 2)
    for (; extent >= width; extent -= width)
      widths.push_back(width);
  return widths;
}

Type cpu::computeType(Type element) {
  auto type = dyn_cast<FloatType>(element);
  return type && type.getWidth() < 32 ? Float32Type::get(element.getContext()) : element;
}

Value cpu::convertFloat(ImplicitLocOpBuilder &builder, Value value, Type element) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == element)
    return value;
  Type type = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(element);
  if (element.getIntOrFloatBitWidth() > from.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, type, value);
  return arith::TruncFOp::create(builder, type, value);
}

SmallVector<Value> cpu::emitLoop(ImplicitLocOpBuilder &builder, Value end, int64_t step, ValueRange carried,
                                 function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(builder, indexConstant(builder, 0), end, indexConstant(builder, step), carried,
                                 [&](OpBuilder &, Location loc, Value iv, ValueRange values) {
                                   OpBuilder::InsertionGuard guard(builder);
                                   builder.setInsertionPointToEnd(iv.getParentBlock());
                                   SmallVector<Value> next = body(iv, values);
                                   scf::YieldOp::create(builder, loc, next);
                                 });
  return SmallVector<Value>(loop.getResults());
}

static void emitLoopsFrom(ImplicitLocOpBuilder &builder, ArrayRef<int64_t> extents, SmallVectorImpl<Value> &ivs,
                          function_ref<void(ValueRange)> body) {
  if (ivs.size() == extents.size())
    return body(ivs);
  int64_t extent = extents[ivs.size()];
  if (extent == 1) {
    ivs.push_back(indexConstant(builder, 0));
    emitLoopsFrom(builder, extents, ivs, body);
    ivs.pop_back();
    return;
  }
  emitLoop(builder, indexConstant(builder, extent), 1, {}, [&](Value iv, ValueRange) {
    ivs.push_back(iv);
    emitLoopsFrom(builder, extents, ivs, body);
    ivs.pop_back();
    return SmallVector<Value>();
  });
}

void cpu::emitLoops(ImplicitLocOpBuilder &builder, ArrayRef<int64_t> extents, function_ref<void(ValueRange)> body) {
  SmallVector<Value> ivs;
  emitLoopsFrom(builder, extents, ivs, body);
}

static arith::FastMathFlagsAttr contractOnly(ImplicitLocOpBuilder &builder) {
  return arith::FastMathFlagsAttr::get(builder.getContext(), arith::FastMathFlags::contract);
}

Value cpu::addf(ImplicitLocOpBuilder &builder, Value a, Value b) {
  return arith::AddFOp::create(builder, a, b, contractOnly(builder));
}
Value cpu::subf(ImplicitLocOpBuilder &builder, Value a, Value b) {
  return arith::SubFOp::create(builder, a, b, contractOnly(builder));
}
Value cpu::mulf(ImplicitLocOpBuilder &builder, Value a, Value b) {
  return arith::MulFOp::create(builder, a, b, contractOnly(builder));
}
Value cpu::mulAdd(ImplicitLocOpBuilder &builder, Value a, Value b, Value c) {
  return addf(builder, mulf(builder, a, b), c);
}
