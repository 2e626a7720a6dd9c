#include "ingot/Target/CPU/Passes.h"

#include "lib/Target/CPU/Lowering.h"
#include "lib/Target/CPU/RowFold.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

namespace ingot::cpu {
#define GEN_PASS_DEF_LOWERATTENTION
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {

/// Emits one `tile.attention`: for each row and head, one walk over the visible keys in blocks, with a running maximum
/// by which sum and output are rescaled (Milakov and Gimelshein, 2018, arXiv:1805.02867).
class AttentionLowering {
public:
  AttentionLowering(Emitter &emitter, tile::AttentionOp op, int64_t lanes)
      : e(emitter), op(op), lanes(lanes), block(4 * lanes) {}
  LogicalResult run();

private:
  /// Maximum, sum by lanes, and output so far.
  struct State {
    Value maximum, sum;
    SmallVector<Value> output;
    SmallVector<Value> flat() const;
    static State of(ValueRange values) { return {values[0], values[1], SmallVector<Value>(values.drop_front(2))}; }
  };
  LogicalResult flattenOperands();
  Value rowOf(const FlatView &view, ValueRange ivs);
  Value visibleKeys(Value b, Value c);
  void attendRow(ValueRange ivs);
  State initialState();
  State attendBlock(Value firstKey, Value keys, const State &state);
  void scoreBlock(Value firstKey, Value keys);
  Value score(Value key);
  SmallVector<Value> addValues(Value firstKey, Value keys, ValueRange output);
  void storeRow(const State &state, Value visible);
  Value constant(Type type, double value) { return floatConstant(e, type, value); }

  Emitter &e;
  tile::AttentionOp op;
  int64_t lanes, block;
  Type compute;
  FlatView query, key, value, start, count, bias, out;
  bool contiguousDepth = false, contiguousValue = false;
  SmallVector<int64_t> widths; // of the vectors of an output row
  Value scores;                // [block], on the stack
  Value queryRow, keyRow, valueRow, biasRow, outRow;
};

} // namespace

SmallVector<Value> AttentionLowering::State::flat() const {
  SmallVector<Value> values = {maximum, sum};
  values.append(output);
  return values;
}

LogicalResult AttentionLowering::flattenOperands() {
  auto flattenInto = [&](FlatView &view, Value operand) {
    if (!operand)
      return success();
    FailureOr<FlatView> flat = flatten(e, operand);
    if (succeeded(flat))
      view = *flat;
    return LogicalResult(flat);
  };
  if (failed(flattenInto(query, op.getQuery())) || failed(flattenInto(key, op.getKey())) ||
      failed(flattenInto(value, op.getValue())) || failed(flattenInto(start, op.getStart())) ||
      failed(flattenInto(count, op.getCount())) || failed(flattenInto(bias, op.getBias())) ||
      failed(flattenInto(out, op.getOut())))
    return failure();
  // A bias of extent 1 is the same for all.
  for (auto [extent, stride] : llvm::zip(bias.shape, bias.strides))
    stride = extent == 1 ? 0 : stride;
  return success();
}

Value AttentionLowering::rowOf(const FlatView &view, ValueRange ivs) {
  Value offset = indexConstant(e, 0);
  for (auto [iv, stride] : llvm::zip(ivs, view.strides))
    offset = addScaled(e, offset, iv, stride);
  return offset;
}

/// How many keys row c of sequence b sees; 0 for rows that are not counted.
Value AttentionLowering::visibleKeys(Value b, Value c) {
  int64_t keys = key.shape[2], rows = query.shape[1];
  Value zero = indexConstant(e, 0), all = indexConstant(e, keys);
  auto clamped = [&](Value visible) -> Value {
    return arith::MinSIOp::create(e, arith::MaxSIOp::create(e, visible, zero), all);
  };
  if (!op.getStart())
    return op.getCausal() ? clamped(addConstant(e, c, keys - rows + 1)) : all;
  auto load = [&](const FlatView &view) -> Value {
    return arith::IndexCastOp::create(e, e.getIndexType(), loadElements(e, view.memref, rowOf(view, b), 1));
  };
  Value first = load(start), counted = load(count);
  Value visible = clamped(arith::AddIOp::create(e, first, op.getCausal() ? addConstant(e, c, 1) : counted));
  Value isCounted = arith::CmpIOp::create(e, arith::CmpIPredicate::slt, c, counted);
  return arith::SelectOp::create(e, isCounted, visible, zero);
}

/// scale * query . key + bias of one key.
Value AttentionLowering::score(Value position) {
  Value row = addScaled(e, keyRow, position, key.strides[2]);
  auto product = [&](Emitter &, Value index, int64_t width) {
    auto load = [&](const FlatView &view, Value offset) {
      Value at = addScaled(e, offset, index, view.strides.back());
      return convertFloat(e, loadElements(e, view.memref, at, width), compute);
    };
    return mulf(e, load(query, queryRow), load(key, row));
  };
  Value dot = emitFold(e, {query.shape[3], contiguousDepth ? block : 1, product, addf});
  Value result = mulf(e, dot, constant(compute, op.getScale().convertToDouble()));
  if (!op.getBias())
    return result;
  Value at = addScaled(e, biasRow, position, bias.strides[3]);
  return addf(e, result, convertFloat(e, loadElements(e, bias.memref, at, 1), compute));
}

/// Fills `scores`; positions beyond the last key get -inf, so that whole vectors can be used.
void AttentionLowering::scoreBlock(Value firstKey, Value keys) {
  Value infinity = constant(widen(compute, block), -kInfinity);
  storeElements(e, infinity, scores, indexConstant(e, 0));
  emitLoop(e, keys, 1, {}, [&](Value j, ValueRange) {
    storeElements(e, score(arith::AddIOp::create(e, firstKey, j)), scores, j);
    return SmallVector<Value>();
  });
}

SmallVector<Value> AttentionLowering::addValues(Value firstKey, Value keys, ValueRange output) {
  return emitLoop(e, keys, 1, output, [&](Value j, ValueRange carried) {
    Value weight = loadElements(e, scores, j, 1);
    Value row = addScaled(e, valueRow, arith::AddIOp::create(e, firstKey, j), value.strides[2]);
    SmallVector<Value> next;
    int64_t column = 0;
    for (auto [sum, width] : llvm::zip(carried, widths)) {
      Value elements = loadElements(e, value.memref, addConstant(e, row, column * value.strides.back()), width);
      next.push_back(mulAdd(e, splat(e, weight, width), convertFloat(e, elements, compute), sum));
      column += width;
    }
    return next;
  });
}

AttentionLowering::State AttentionLowering::attendBlock(Value firstKey, Value keys, const State &state) {
  scoreBlock(firstKey, keys);
  Value all = loadElements(e, scores, indexConstant(e, 0), block);
  Value largest = maximum(e, state.maximum, foldLanes(e, all, maximum));
  // While all scores are -inf there is nothing to subtract: -inf - -inf would be NaN in rows with finite scores later.
  Value none = arith::CmpFOp::create(e, arith::CmpFPredicate::OEQ, largest, constant(compute, -kInfinity));
  Value subtracted = arith::SelectOp::create(e, none, constant(compute, 0.0), largest);
  Value rescale = math::ExpOp::create(e, subf(e, state.maximum, subtracted));
  Value weights = math::ExpOp::create(e, subf(e, all, splat(e, subtracted, block)));
  storeElements(e, weights, scores, indexConstant(e, 0));
  State next;
  next.maximum = largest;
  next.sum = mulAdd(e, state.sum, splat(e, rescale, block), weights);
  for (auto [sum, width] : llvm::zip(state.output, widths))
    next.output.push_back(mulf(e, sum, splat(e, rescale, width)));
  next.output = addValues(firstKey, keys, next.output);
  return next;
}

AttentionLowering::State AttentionLowering::initialState() {
  State state{constant(compute, -kInfinity), constant(widen(compute, block), 0.0), {}};
  for (int64_t width : widths)
    state.output.push_back(constant(widen(compute, width), 0.0));
  return state;
}

void AttentionLowering::storeRow(const State &state, Value visible) {
  Value sum = foldLanes(e, state.sum, addf);
  // A row that sees nothing is zero; one whose scores are all -inf is 0 / 0.
  Value empty = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, visible, indexConstant(e, 0));
  Value divisor = arith::SelectOp::create(e, empty, constant(compute, 1.0), sum);
  int64_t column = 0;
  for (auto [output, width] : llvm::zip(state.output, widths)) {
    Value result = arith::DivFOp::create(e, output, splat(e, divisor, width));
    Value at = addConstant(e, outRow, column * out.strides.back());
    storeElements(e, convertFloat(e, result, out.element), out.memref, at);
    column += width;
  }
}

void AttentionLowering::attendRow(ValueRange ivs) {
  Value b = ivs[0], c = ivs[1], h = ivs[2];
  int64_t group = query.shape[2] / key.shape[1];
  Value g = group == 1 ? h : e.createOrFold<arith::DivUIOp>(h, indexConstant(e, group));
  queryRow = rowOf(query, ivs);
  outRow = rowOf(out, ivs);
  keyRow = rowOf(key, {b, g});
  valueRow = rowOf(value, {b, g});
  if (op.getBias())
    biasRow = rowOf(bias, {b, h, c});
  Value visible = visibleKeys(b, c);
  SmallVector<Value> final =
      emitLoop(e, visible, block, initialState().flat(), [&](Value firstKey, ValueRange carried) {
        Value left = arith::SubIOp::create(e, visible, firstKey);
        Value keys = arith::MinSIOp::create(e, left, indexConstant(e, block));
        return attendBlock(firstKey, keys, State::of(carried)).flat();
      });
  storeRow(State::of(final), visible);
}

LogicalResult AttentionLowering::run() {
  {
    // At the function's entry: an alloca in a loop would grow the stack.
    OpBuilder::InsertionGuard guard(e);
    Operation *scope = op->getParentWithTrait<OpTrait::AutomaticAllocationScope>();
    e.setInsertionPointToStart(&scope->getRegion(0).front());
    compute = computeType(cast<MemRefType>(op.getQuery().getType()).getElementType());
    scores = memref::AllocaOp::create(e, MemRefType::get({block}, compute), e.getI64IntegerAttr(64));
  }
  if (failed(flattenOperands()))
    return failure();
  contiguousDepth = query.strides.back() == 1 && key.strides.back() == 1;
  contiguousValue = value.strides.back() == 1 && out.strides.back() == 1;
  if (query.shape[3] == 0 || value.shape[3] == 0)
    return op.emitOpError() << "expects heads with at least one element, but got " << op.getQuery().getType();
  widths = chunkWidths(value.shape[3], contiguousValue ? lanes : 1);
  emitLoops(e, ArrayRef(query.shape).take_front(3), [&](ValueRange ivs) { attendRow(ivs); });
  return success();
}

namespace {
struct LowerAttention : public cpu::impl::LowerAttentionBase<LowerAttention> {
  using LowerAttentionBase::LowerAttentionBase;
  void runOnOperation() override {
    LogicalResult result = lowerEach<tile::AttentionOp>(getOperation(), [&](Emitter &emitter, tile::AttentionOp op) {
      ++numLowered;
      return AttentionLowering(emitter, op, lanes).run();
    });
    if (failed(result))
      signalPassFailure();
  }
};
} // namespace
