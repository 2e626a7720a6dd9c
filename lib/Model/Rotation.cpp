#include "Rotation.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

namespace {

/// Table and positions of a cos or sin over [d0, rows, pair] (numbers of the space in `dims`).
struct Angles {
  Value table, positions;
};

/// cos or sin gathered from a table by position.
std::optional<Angles> gatheredAngles(OpBuilder &b, Location loc, const Term &term, ArrayRef<int64_t> dims,
                                     ArrayRef<int64_t> space) {
  auto gather = term.getDefiningOp<GatherOp>();
  if (!gather || tensorType(gather.getTable()).getRank() != 2)
    return std::nullopt;
  int64_t pairs = space[dims[2]], width = tensorType(gather.getTable()).getDimSize(1);
  DimAccess last = term.access.back();
  if (!(last.is(dims[2]) || (pairs == 1 && !last.varies() && last.offset == 0)) || width < pairs)
    return std::nullopt;
  Term index{gather.getIndices(), SmallVector<DimAccess>(ArrayRef(term.access).drop_back())};
  Value positions = materializeFull(b, loc, peel(index), {dims[0], dims[1]}, space);
  if (!positions)
    return std::nullopt;
  Value table = gather.getTable();
  if (width != pairs) {
    auto type = tensorType(table);
    SmallVector<OpFoldResult> offsets(2, b.getIndexAttr(0)), strides(2, b.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(type.getDimSize(0)), b.getIndexAttr(pairs)};
    table = tensor::ExtractSliceOp::create(b, loc, table, offsets, sizes, strides);
  }
  return Angles{table, positions};
}

/// Angles computed at run time for every row: they are a table of one row per row, read in order.
std::optional<Angles> computedAngles(OpBuilder &b, Location loc, const Term &term, ArrayRef<int64_t> dims,
                                     ArrayRef<int64_t> space) {
  Value full = materializeFull(b, loc, term, dims, space);
  if (!full)
    return std::nullopt;
  int64_t batch = space[dims[0]], rows = space[dims[1]], pairs = space[dims[2]];
  std::vector<int32_t> order(batch * rows);
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = static_cast<int32_t>(i);
  auto type = RankedTensorType::get({batch, rows}, b.getI32Type());
  Value positions = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, ArrayRef(order)));
  return Angles{reshapeTo(b, loc, full, {batch * rows, pairs}), positions};
}

/// cos and sin as tables with common positions.
bool matchAngles(OpBuilder &b, Location loc, const Rotation &rotation, ArrayRef<int64_t> dims, Angles &cos,
                 Angles &sin) {
  auto cosGather = rotation.cos.getDefiningOp<GatherOp>(), sinGather = rotation.sin.getDefiningOp<GatherOp>();
  bool together = cosGather && sinGather && cosGather.getIndices() == sinGather.getIndices() &&
                  cosGather.getTable().getType() == sinGather.getTable().getType() &&
                  rotation.cos.access == rotation.sin.access;
  if (together) {
    auto c = gatheredAngles(b, loc, rotation.cos, dims, rotation.space);
    auto s = gatheredAngles(b, loc, rotation.sin, dims, rotation.space);
    if (c && s) {
      cos = *c;
      sin = {s->table, c->positions};
      return true;
    }
  }
  auto c = computedAngles(b, loc, rotation.cos, dims, rotation.space);
  auto s = computedAngles(b, loc, rotation.sin, dims, rotation.space);
  if (!c || !s)
    return false;
  cos = *c;
  sin = *s;
  return true;
}

/// Which of dimensions 1 and 2 counts the rows: the angles differ along it, not along the heads.
std::optional<int64_t> rowDimension(const Rotation &rotation) {
  auto varies = [&](int64_t dim) { return rotation.cos.variesAlong(dim) || rotation.sin.variesAlong(dim); };
  if (varies(1) && varies(2))
    return std::nullopt;
  if (varies(1) || varies(2))
    return varies(1) ? 1 : 2;
  return rotation.space[1] == 1 || rotation.space[2] != 1 ? 1 : 2;
}

} // namespace

Value model::buildRope(OpBuilder &b, Location loc, const Rotation &rotation) {
  auto rows = rowDimension(rotation);
  if (!rows)
    return {};
  int64_t heads = 3 - *rows, pairs = rotation.space[3];
  Angles cos, sin;
  if (!matchAngles(b, loc, rotation, {0, *rows, 3}, cos, sin))
    return {};
  SmallVector<int64_t> space(rotation.space), dims = {0, *rows, heads, 3};
  if (rotation.x.inOneDimension) {
    space[3] *= 2;
  } else {
    space.push_back(2);
    dims.insert(rotation.interleaved ? dims.end() : dims.end() - 1, 4);
  }
  Value x = materializeFull(b, loc, rotation.x.term, dims, space);
  if (!x)
    return {};
  x = reshapeTo(b, loc, x, {space[0], space[*rows], space[heads], 2 * pairs});
  Value result = RopeOp::create(b, loc, x.getType(), x, cos.table, sin.table, cos.positions, rotation.interleaved);
  if (*rows == 2)
    result = transposeTo(b, loc, result, {0, 2, 1, 3});
  return result;
}
