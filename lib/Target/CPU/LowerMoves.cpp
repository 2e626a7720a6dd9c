#include "ingot/Target/CPU/Passes.h"

#include "dialects/Tile/Train.h"
#include "lib/Target/CPU/Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_LOWERMOVES
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

void cpu::emitCopy(ImplicitLocOpBuilder &builder, ArrayRef<int64_t> extents, const Access &from, const Access &to,
                   VectorShape shape) {
  LoopNest nest;
  nest.extents.assign(extents.begin(), extents.end());
  nest.inputs = {from};
  nest.out = to;
  nest.combine = [](LoopNest::Builder &, Value, ValueRange elements, int64_t) { return elements[0]; };
  emitLoopNest(builder, nest, shape);
}

/// Loads an integer of `view` at `ivs` as an index.
static Value loadIndex(ImplicitLocOpBuilder &builder, const FlatView &view, ValueRange ivs) {
  Value index = indexConstant(builder, 0);
  for (auto [iv, stride] : llvm::zip(ivs, view.strides))
    index = addScaled(builder, index, iv, stride);
  return arith::IndexCastOp::create(builder, builder.getIndexType(), loadElements(builder, view.memref, index, 1));
}

/// `base` at `ivs` of the leading dimensions of `view`: an access by its trailing dimensions.
static Access subAccess(ImplicitLocOpBuilder &builder, const FlatView &view, ValueRange ivs) {
  Access access{view.memref, view.element, SmallVector<int64_t>(ArrayRef(view.strides).drop_front(ivs.size())),
                indexConstant(builder, 0)};
  for (auto [iv, stride] : llvm::zip(ivs, view.strides))
    access.offset = addScaled(builder, access.offset, iv, stride);
  return access;
}

static LogicalResult flattenAll(ImplicitLocOpBuilder &builder, ValueRange memrefs, SmallVectorImpl<FlatView> &views) {
  for (Value memref : memrefs) {
    FailureOr<FlatView> view = flatten(builder, memref);
    if (failed(view))
      return failure();
    views.push_back(*view);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

static LogicalResult lowerGather(ImplicitLocOpBuilder &builder, tile::GatherOp op, VectorShape shape) {
  SmallVector<FlatView> views;
  if (failed(flattenAll(builder, op.getOperands(), views)))
    return failure();
  const FlatView &table = views[0], &indices = views[1], &out = views[2];
  int64_t width = op.getPanels() ? table.shape.back() : 1;
  ArrayRef<int64_t> rowExtents = ArrayRef(table.shape).drop_front().drop_back(op.getPanels() ? 1 : 0);
  emitLoops(builder, indices.shape, [&](ValueRange ivs) {
    Value row = loadIndex(builder, indices, ivs);
    row = arith::MaxSIOp::create(builder, row, indexConstant(builder, 0));
    row = arith::MinSIOp::create(builder, row, indexConstant(builder, table.shape.front() * width - 1));
    Access from{table.memref, table.element, SmallVector<int64_t>(ArrayRef(table.strides).slice(1, rowExtents.size())),
                indexConstant(builder, 0)};
    if (op.getPanels()) {
      Value panel = arith::DivUIOp::create(builder, row, indexConstant(builder, width));
      Value lane = arith::RemUIOp::create(builder, row, indexConstant(builder, width));
      from.offset =
          addScaled(builder, addScaled(builder, from.offset, panel, table.strides.front()), lane, table.strides.back());
    } else {
      from.offset = addScaled(builder, from.offset, row, table.strides.front());
    }
    emitCopy(builder, rowExtents, from, subAccess(builder, out, ivs), shape);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

/// Row c of sequence b goes to position start[b] + c of its page if c < count[b] and the page has that position.
static LogicalResult lowerScatter(ImplicitLocOpBuilder &builder, tile::ScatterOp op, VectorShape shape) {
  SmallVector<FlatView> sources, others;
  if (failed(flattenAll(builder, op.getSources(), sources)) ||
      failed(flattenAll(builder, {op.getStart(), op.getCount(), op.getOut()}, others)))
    return failure();
  const FlatView &page = others[2];
  int64_t positions = page.shape[4];
  for (auto [part, source] : llvm::enumerate(sources))
    emitLoops(builder, ArrayRef(source.shape).take_front(2), [&](ValueRange ivs) {
      Value b = ivs[0], c = ivs[1];
      Value position = arith::AddIOp::create(builder, loadIndex(builder, others[0], b), c);
      Value counted = arith::CmpIOp::create(builder, arith::CmpIPredicate::slt, c, loadIndex(builder, others[1], b));
      // Unsigned: a negative position is far outside the page as well.
      Value inside =
          arith::CmpIOp::create(builder, arith::CmpIPredicate::ult, position, indexConstant(builder, positions));
      auto guard =
          scf::IfOp::create(builder, arith::AndIOp::create(builder, counted, inside), /*withElseRegion=*/false);
      OpBuilder::InsertionGuard insertion(builder);
      builder.setInsertionPoint(guard.thenYield());
      Access to{page.memref,
                page.element,
                {page.strides[3], page.strides[5]},
                indexConstant(builder, part * page.strides[1])};
      to.offset = addScaled(builder, addScaled(builder, to.offset, b, page.strides[2]), position, page.strides[4]);
      emitCopy(builder, ArrayRef(source.shape).drop_front(2), subAccess(builder, source, ivs), to, shape);
    });
  return success();
}

//===----------------------------------------------------------------------===//
// Scatter add
//===----------------------------------------------------------------------===//

/// One update after the other; the columns of a row share vectors.
static LogicalResult lowerScatterAdd(ImplicitLocOpBuilder &builder, tile::ScatterAddOp op, VectorShape shape) {
  FailureOr<SmallVector<FlatView>> views = flattenAll(builder, op.getOperands());
  if (failed(views))
    return failure();
  const FlatView &updates = (*views)[0], &indices = (*views)[1], &out = (*views)[2];
  if (out.element.isInteger(1))
    return op.emitOpError() << "a sum of i1 is not supported yet";
  bool isFloat = isa<FloatType>(out.element);
  emitLoops(builder, indices.shape, [&](ValueRange ivs) {
    Value row = loadIndex(builder, indices, ivs);
    row = arith::MaxSIOp::create(builder, row, indexConstant(builder, 0));
    row = arith::MinSIOp::create(builder, row, indexConstant(builder, out.shape.front() - 1));
    LoopNest nest;
    nest.extents.assign(out.shape.begin() + 1, out.shape.end());
    nest.out = subAccess(builder, out, row);
    nest.inputs = {nest.out, subAccess(builder, updates, ivs)};
    if (isFloat)
      nest.convert = [=](LoopNest::Builder &b, Value value) {
        return convertFloat(b, value, computeType(out.element));
      };
    nest.combine = [=](LoopNest::Builder &b, Value, ValueRange x, int64_t) -> Value {
      return isFloat ? addf(b, x[0], x[1]) : arith::AddIOp::create(b, x[0], x[1]).getResult();
    };
    if (isFloat)
      nest.finish = [=](LoopNest::Builder &b, Value value) { return convertFloat(b, value, out.element); };
    emitLoopNest(builder, nest, shape);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

static LogicalResult lowerPositions(ImplicitLocOpBuilder &builder, tile::PositionsOp op) {
  SmallVector<FlatView> views;
  if (failed(flattenAll(builder, op.getOperands(), views)))
    return failure();
  const FlatView &start = views[0], &out = views[1];
  emitLoops(builder, out.shape, [&](ValueRange ivs) {
    Value position = arith::AddIOp::create(builder, loadIndex(builder, start, ivs[0]), ivs[1]);
    Value converted = arith::IndexCastOp::create(builder, out.element, position);
    storeElements(builder, converted, out.memref, subAccess(builder, out, ivs).offset);
  });
  return success();
}

namespace {
struct LowerMoves : public cpu::impl::LowerMovesBase<LowerMoves> {
  using LowerMovesBase::LowerMovesBase;
  void runOnOperation() override {
    VectorShape shape{lanes, 16};
    Operation *root = getOperation();
    using Builder = ImplicitLocOpBuilder;
    if (failed(lowerEach<tile::GatherOp>(root, [&](Builder &b, auto op) { return lowerGather(b, op, shape); })) ||
        failed(lowerEach<tile::ScatterOp>(root, [&](Builder &b, auto op) { return lowerScatter(b, op, shape); })) ||
        failed(
            lowerEach<tile::ScatterAddOp>(root, [&](Builder &b, auto op) { return lowerScatterAdd(b, op, shape); })) ||
        failed(lowerEach<tile::PositionsOp>(root, [&](Builder &b, auto op) { return lowerPositions(b, op); })))
      signalPassFailure();
  }
};
} // namespace
