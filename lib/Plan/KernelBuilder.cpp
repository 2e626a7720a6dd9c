#include "lib/Plan/KernelBuilder.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

#include <numeric>

using namespace mlir;
using namespace ingot;

#include "lib/Plan/KernelInterface.cpp.inc"

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Tile ingot::wholeTile(RankedTensorType type) {
  AffineExpr zero = getAffineConstantExpr(0, type.getContext());
  return {SmallVector<AffineExpr>(type.getRank(), zero), SmallVector<int64_t>(type.getShape())};
}

Tiling ingot::wholeTiling(Value value) { return {{1}, wholeTile(KernelBuilder::typeOf(value))}; }

int64_t ingot::largestDivisor(int64_t extent, int64_t limit) {
  for (int64_t divisor = std::min(extent, limit); divisor > 1; --divisor)
    if (extent % divisor == 0)
      return divisor;
  return 1;
}

Tiling ingot::splitLeading(Value value, unsigned keepTrailing, int64_t target) {
  RankedTensorType type = KernelBuilder::typeOf(value);
  Tiling tiling = {{}, wholeTile(type)};
  int64_t elements = type.getNumElements();
  for (int64_t dim = 0; dim + keepTrailing < type.getRank() && tiling.grid.size() < 3 && elements > target; ++dim) {
    int64_t extent = type.getDimSize(dim), inner = elements / extent;
    int64_t step = largestDivisor(extent, std::max<int64_t>(1, target / inner));
    if (step == extent)
      continue;
    tiling.tile.offsets[dim] = getAffineDimExpr(tiling.grid.size(), type.getContext()) * step;
    tiling.tile.sizes[dim] = step;
    tiling.grid.push_back(extent / step);
    elements = inner * step;
  }
  if (tiling.grid.empty())
    tiling.grid.push_back(1);
  return tiling;
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

std::optional<KernelRole> ingot::kernelRoleOf(Operation *op) {
  if (auto kernelOp = dyn_cast<KernelOpInterface>(op))
    return kernelOp.getKernelRole();
  if (op->hasTrait<OpTrait::Elementwise>() && op->getNumResults() == 1)
    return KernelRole::Pointwise;
  // A splat is a scalar inside the body that uses it.
  SplatElementsAttr splat;
  if (matchPattern(op, m_Constant(&splat)))
    return KernelRole::View;
  return std::nullopt;
}

bool ingot::fusesProducer(OpOperand &operand) {
  Operation *op = operand.getOwner();
  std::optional<KernelRole> role = kernelRoleOf(op);
  if (role == KernelRole::View || role == KernelRole::Pointwise)
    return true;
  auto kernelOp = dyn_cast<KernelOpInterface>(op);
  return kernelOp && kernelOp.fusesProducer(operand);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void KernelBuilder::enterBody(Location bodyLoc, ValueRange indices) {
  loc = bodyLoc;
  gridIndices.assign(indices.begin(), indices.end());
  emitted.clear();
}

bool KernelBuilder::isInlined(Value value) const {
  Operation *op = value.getDefiningOp();
  return op && (inlined.contains(op) || value == root);
}

OpFoldResult KernelBuilder::materialize(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return builder.getIndexAttr(constant.getValue());
  auto map = AffineMap::get(gridIndices.size(), 0, expr);
  SmallVector<OpFoldResult> operands(gridIndices.begin(), gridIndices.end());
  return affine::makeComposedFoldedAffineApply(builder, loc, map, operands);
}

Value KernelBuilder::index(AffineExpr expr) { return getValueOrCreateConstantIndexOp(builder, loc, materialize(expr)); }

Value KernelBuilder::slice(Value tensor, const Tile &tile, ArrayRef<int64_t> dropped) {
  RankedTensorType type = typeOf(tensor);
  if (dropped.empty() && tile == wholeTile(type))
    return tensor;
  SmallVector<OpFoldResult> offsets, sizes, strides(type.getRank(), builder.getIndexAttr(1));
  SmallVector<int64_t> shape;
  for (auto [dim, offset] : llvm::enumerate(tile.offsets)) {
    offsets.push_back(materialize(offset));
    sizes.push_back(builder.getIndexAttr(tile.sizes[dim]));
    if (!llvm::is_contained(dropped, static_cast<int64_t>(dim)))
      shape.push_back(tile.sizes[dim]);
  }
  auto resultType = RankedTensorType::get(shape, type.getElementType());
  return tensor::ExtractSliceOp::create(builder, loc, resultType, tensor, offsets, sizes, strides);
}

Value KernelBuilder::temporary(ArrayRef<int64_t> shape, Type elementType, Value destination) {
  if (destination) {
    destinationUsed = true;
    return destination;
  }
  return tensor::EmptyOp::create(builder, loc, shape, elementType);
}

Value KernelBuilder::compute(Value value, const Tile &tile, Value destination) {
  if (isScalarOp(value) || !value.getDefiningOp<KernelOpInterface>())
    return emitPointwise(value, tile, destination);
  return value.getDefiningOp<KernelOpInterface>().emitTile(*this, tile, destination);
}

Value KernelBuilder::get(Value value, const Tile &tile) {
  if (!isInlined(value))
    return slice(memoryOf(value), tile);
  for (auto &[known, knownTile, result] : emitted)
    if (known == value && knownTile == tile)
      return result;
  Value result = compute(value, tile, {});
  emitted.emplace_back(value, tile, result);
  return result;
}

Value KernelBuilder::getReduced(Value value, const Tile &tile, ArrayRef<int64_t> dropped) {
  if (!isInlined(value))
    return slice(memoryOf(value), tile, dropped);
  Value whole = get(value, tile);
  return slice(whole, wholeTile(typeOf(whole)), dropped);
}

Value KernelBuilder::computeRoot(const Tile &tile, Value destination) {
  destinationUsed = false;
  Value result = compute(root, tile, destination);
  if (destinationUsed)
    return result;
  // A view, or a computation whose last step is one: copy its tile into place.
  return copy(result, builder.getMultiDimIdentityMap(typeOf(destination).getRank()), destination);
}

Value KernelBuilder::copy(Value source, AffineMap map, Value destination) {
  auto op = tile::MapOp::create(builder, loc, TypeRange(destination.getType()), builder.getAffineMapArrayAttr(map),
                                ValueRange(source), destination);
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&op.getBody(), {}, typeOf(source).getElementType(), loc);
  tile::YieldOp::create(builder, loc, block->getArgument(0));
  return op->getResult(0);
}

int64_t KernelBuilder::lastDimUnit(Value value) const {
  if (!isInlined(value) || typeOf(value).getRank() == 0)
    return 1;
  Operation *op = value.getDefiningOp();
  if (auto kernelOp = dyn_cast<KernelOpInterface>(op))
    return kernelOp.getLastDimUnit(*this);
  int64_t unit = 1;
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      unit = std::lcm(unit, lastDimUnit(operand));
  return unit;
}

int64_t KernelBuilder::contractionDepth(Value value) const {
  if (!isInlined(value))
    return 0;
  int64_t depth = 0;
  if (auto dot = value.getDefiningOp<DotOp>()) {
    depth = 1;
    for (int64_t dim : dot.getLhsContract())
      depth *= typeOf(dot.getLhs()).getDimSize(dim);
  }
  for (Value operand : value.getDefiningOp()->getOperands())
    if (isa<RankedTensorType>(operand.getType()))
      depth += contractionDepth(operand);
  return depth;
}

//===----------------------------------------------------------------------===//
// Pointwise chains
//===----------------------------------------------------------------------===//

bool KernelBuilder::isScalarOp(Value value) const {
  return isInlined(value) && value.getDefiningOp()->hasTrait<OpTrait::Elementwise>();
}

/// Follows broadcasts and transposes down to what they rename, with the tile and map adjusted.
void KernelBuilder::peelViews(Value &value, Tile &tile, AffineMap &map) const {
  while (isInlined(value)) {
    Tile source;
    SmallVector<AffineExpr> results;
    AffineExpr zero = getAffineConstantExpr(0, value.getContext());
    if (auto broadcast = value.getDefiningOp<BroadcastOp>()) {
      RankedTensorType type = typeOf(broadcast.getInput());
      for (auto [dim, target] : llvm::enumerate(broadcast.getDims())) {
        bool repeats = type.getDimSize(dim) == 1;
        source.offsets.push_back(repeats ? zero : tile.offsets[target]);
        source.sizes.push_back(repeats ? 1 : tile.sizes[target]);
        results.push_back(repeats ? zero : map.getResult(target));
      }
      value = broadcast.getInput();
    } else if (auto transpose = value.getDefiningOp<TransposeOp>()) {
      source = tile;
      results.assign(map.getResults().begin(), map.getResults().end());
      for (auto [dim, from] : llvm::enumerate(transpose.getPermutation())) {
        source.offsets[from] = tile.offsets[dim];
        source.sizes[from] = tile.sizes[dim];
        results[from] = map.getResult(dim);
      }
      value = transpose.getInput();
    } else {
      return;
    }
    tile = source;
    map = AffineMap::get(map.getNumDims(), 0, results, value.getContext());
  }
}

static TypedAttr splatOf(Value value) {
  SplatElementsAttr splat;
  if (!matchPattern(value, m_Constant(&splat)))
    return {};
  return splat.getSplatValue<TypedAttr>();
}

void KernelBuilder::collectLeaves(Value value, Tile tile, AffineMap map, SmallVectorImpl<Leaf> &leaves) {
  peelViews(value, tile, map);
  if (splatOf(value))
    return;
  if (isScalarOp(value)) {
    for (Value operand : value.getDefiningOp()->getOperands())
      collectLeaves(operand, tile, map, leaves);
    return;
  }
  for (Leaf &leaf : leaves)
    if (leaf.value == value && leaf.map == map)
      return;
  // A destination must not be claimed by something that is only read on the way to it.
  bool used = destinationUsed;
  leaves.push_back({value, get(value, tile), map});
  destinationUsed = used;
}

Value KernelBuilder::emitScalar(OpBuilder &body, Value value, AffineMap map, ArrayRef<Leaf> leaves, Block &block) {
  Tile ignored = wholeTile(typeOf(value));
  peelViews(value, ignored, map);
  if (TypedAttr splat = splatOf(value))
    return arith::ConstantOp::create(body, loc, splat);
  if (!isScalarOp(value)) {
    for (auto [number, leaf] : llvm::enumerate(leaves))
      if (leaf.value == value && leaf.map == map)
        return block.getArgument(number);
    llvm_unreachable("every leaf was collected");
  }
  Operation *op = value.getDefiningOp();
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(emitScalar(body, operand, map, leaves, block));
  if (auto kernelOp = dyn_cast<KernelOpInterface>(op))
    return kernelOp.emitScalar(body, operands);
  OperationState state(loc, op->getName(), operands, typeOf(value).getElementType(),
                       op->getDiscardableAttrDictionary().getValue());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  return body.create(state)->getResult(0);
}

Value KernelBuilder::emitPointwise(Value value, const Tile &tile, Value destination) {
  AffineMap identity = builder.getMultiDimIdentityMap(tile.sizes.size());
  SmallVector<Leaf> leaves;
  collectLeaves(value, tile, identity, leaves);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  SmallVector<Type> types;
  for (const Leaf &leaf : leaves) {
    inputs.push_back(leaf.computed);
    maps.push_back(leaf.map);
    types.push_back(typeOf(leaf.computed).getElementType());
  }
  Value out = temporary(tile.sizes, typeOf(value).getElementType(), destination);
  auto map =
      tile::MapOp::create(builder, loc, TypeRange(out.getType()), builder.getAffineMapArrayAttr(maps), inputs, out);
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&map.getBody(), {}, types, SmallVector<Location>(types.size(), loc));
  Value scalar = emitScalar(builder, value, identity, leaves, *block);
  tile::YieldOp::create(builder, loc, scalar);
  return map->getResult(0);
}
