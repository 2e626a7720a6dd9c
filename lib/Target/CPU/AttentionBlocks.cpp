// Attention of many rows: flash attention with rows across the lanes (Dao et al., 2022, arXiv:2205.14135).
//
// Queries are transposed once; then scores, weights and output all have entries as their last dimension, so that no
// value of a row ever moves to another lane: scores^T = K q^T and output^T += V^T weights^T are small matrix products
// of broadcast elements of K and V, which stay as they are in the cache, and maxima and sums are taken lane by lane.
#include "lib/Target/CPU/Attention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {

class BlockAttention {
public:
  BlockAttention(const AttentionTask &task, Value b, Value g)
      : t(task), e(task.e), b(b), g(g), lanes(task.shape.lanes), vectors(task.entries() > lanes ? 2 : 1),
        width(vectors * lanes), unroll(task.shape.registers >= 32 ? 8 : 4) {}
  void run();

private:
  using Vectors = SmallVector<Value>;
  /// Keys [first, first + number) of the current block; `key` and `value` rows follow each other at the strides.
  struct KeyBlock {
    Value first, number;
    FlatView key, value;
    Value keyAt, valueAt;
  };

  Value entry(int64_t lane) { return addConstant(e, firstEntry, std::min(lane, t.entries() - 1)); }
  Value offsetOfEntry(const FlatView &view, Value m);
  void loadQueries();
  void countVisible();
  Vectors attendBlock(Value first, ValueRange state);
  void widen(FlatView &view, Value &at, Value number, Value copy);
  void loadBias(const KeyBlock &block);
  Vectors scoreBlock(const KeyBlock &block, ValueRange maxima);
  Vectors scoreKeys(const KeyBlock &block, Value position, bool whole, ValueRange maxima);
  Vectors weighBlock(Value number, ValueRange subtracted);
  void addValues(const KeyBlock &block, const Vectors &rescale, bool masked);
  void addColumns(const KeyBlock &block, const Vectors &rescale, bool masked, Value column, int64_t columns);
  void storeOutputs(ValueRange state);
  void storeRows(const Vectors &factor);

  Vectors loadRow(Value memory, Value row) {
    Vectors row0;
    for (int64_t v = 0; v < vectors; ++v)
      row0.push_back(loadElements(e, memory, addConstant(e, scaled(row, width), v * lanes), lanes));
    return row0;
  }
  void storeRow(const Vectors &values, Value memory, Value row) {
    for (auto [v, value] : llvm::enumerate(values))
      storeElements(e, value, memory, addConstant(e, scaled(row, width), v * lanes));
  }
  Value scaled(Value index, int64_t stride) { return addScaled(e, indexConstant(e, 0), index, stride); }
  Value sees(int64_t v, Value position) {
    Value index = arith::IndexCastOp::create(e, e.getI32Type(), position);
    Value visible = loadElements(e, visibleOf, indexConstant(e, v * lanes), lanes);
    return arith::CmpIOp::create(e, arith::CmpIPredicate::sgt, visible, splat(e, index, lanes));
  }
  Vectors all(double value) { return Vectors(vectors, t.constant(cpu::widen(t.compute, lanes), value)); }

  const AttentionTask &t;
  Emitter &e;
  Value b, g;
  int64_t lanes, vectors, width, unroll, block = 64;
  Value queries, outputs, scores; // [depth | value depth | block, width]
  Value visibleOf;                // [width] i32
  Value keyCopy, valueCopy;       // [block, depth | value depth]; null where the cache is read directly
  Value firstEntry, leastVisible, mostVisible;
};

} // namespace

Value BlockAttention::offsetOfEntry(const FlatView &view, Value m) {
  auto [row, head] = t.rowAndHead(g, m);
  return t.offsetOf(view, {b, row, head});
}

/// queries[d, m], a square of lanes at a time.
void BlockAttention::loadQueries() {
  int64_t squares = t.query.strides.back() == 1 ? t.depth() / lanes * lanes : 0;
  for (int64_t v = 0; v < vectors; ++v) {
    Vectors at;
    for (int64_t lane = 0; lane < lanes; ++lane)
      at.push_back(offsetOfEntry(t.query, entry(v * lanes + lane)));
    emitLoop(e, indexConstant(e, squares), lanes, {}, [&](Value d, ValueRange) {
      Vectors square;
      for (Value offset : at)
        square.push_back(t.load(t.query, arith::AddIOp::create(e, offset, d), lanes));
      for (auto [i, column] : llvm::enumerate(transposed(e, square)))
        storeElements(e, column, queries, addConstant(e, scaled(addConstant(e, d, i), width), v * lanes));
      return Vectors();
    });
    emitLoop(e, indexConstant(e, t.depth() - squares), 1, {}, [&](Value rest, ValueRange) {
      Value d = addConstant(e, rest, squares);
      for (auto [lane, offset] : llvm::enumerate(at))
        storeElements(e, t.load(t.query, addScaled(e, offset, d, t.query.strides.back()), 1), queries,
                      addConstant(e, scaled(d, width), v * lanes + lane));
      return Vectors();
    });
  }
}

void BlockAttention::countVisible() {
  Value all = indexConstant(e, t.keys()), none = indexConstant(e, 0);
  Vectors range = emitLoop(e, indexConstant(e, width), 1, {all, none}, [&](Value lane, ValueRange carried) -> Vectors {
    Value last = indexConstant(e, t.entries() - 1);
    Value m = arith::MinSIOp::create(e, arith::AddIOp::create(e, firstEntry, lane), last);
    Value visible = t.visibleKeys(b, t.rowAndHead(g, m).first);
    storeElements(e, arith::IndexCastOp::create(e, e.getI32Type(), visible), visibleOf, lane);
    return {arith::MinSIOp::create(e, carried[0], visible), arith::MaxSIOp::create(e, carried[1], visible)};
  });
  leastVisible = range[0];
  mostVisible = range[1];
}

/// 16-bit elements are widened once per block, not once per use.
void BlockAttention::widen(FlatView &view, Value &at, Value number, Value copy) {
  if (!copy)
    return;
  int64_t depth = view.shape[3], step = view.strides[3], stride = view.strides[2];
  emitLoop(e, number, 1, {}, [&](Value j, ValueRange) {
    Value row = addScaled(e, at, j, stride), to = scaled(j, depth);
    int64_t column = 0;
    for (int64_t chunk : chunkWidths(depth, step == 1 ? lanes : 1)) {
      storeElements(e, t.load(view, addConstant(e, row, column * step), chunk), copy, addConstant(e, to, column));
      column += chunk;
    }
    return Vectors();
  });
  view.memref = copy;
  view.element = t.compute;
  view.strides = {0, 0, depth, 1};
  at = indexConstant(e, 0);
}

/// scores[j, m] = bias of entry m and key j.
void BlockAttention::loadBias(const KeyBlock &block) {
  emitLoop(e, indexConstant(e, width), 1, {}, [&](Value lane, ValueRange) {
    Value last = indexConstant(e, t.entries() - 1);
    Value m = arith::MinSIOp::create(e, arith::AddIOp::create(e, firstEntry, lane), last);
    auto [row, head] = t.rowAndHead(g, m);
    Value at = t.offsetOf(t.bias, {b, head, row, block.first});
    emitLoop(e, block.number, 1, {}, [&](Value j, ValueRange) {
      Value bias = t.load(t.bias, addScaled(e, at, j, t.bias.strides[3]), 1);
      storeElements(e, bias, scores, arith::AddIOp::create(e, scaled(j, width), lane));
      return Vectors();
    });
    return Vectors();
  });
}

/// Scores of `unroll` keys from `position` on. Those beyond the block repeat its last key; nobody sees them.
BlockAttention::Vectors BlockAttention::scoreKeys(const KeyBlock &block, Value position, bool whole,
                                                  ValueRange maxima) {
  Vectors rows, sums(unroll * vectors, t.constant(cpu::widen(t.compute, lanes), 0.0));
  Value last = addConstant(e, block.number, -1);
  for (int64_t i = 0; i < unroll; ++i) {
    Value j = addConstant(e, position, i);
    rows.push_back(addScaled(e, block.keyAt, whole ? j : arith::MinSIOp::create(e, j, last), block.key.strides[2]));
  }
  sums = emitLoop(e, indexConstant(e, t.depth()), 1, sums, [&](Value d, ValueRange carried) {
    Vectors next, query = loadRow(queries, d);
    for (auto [i, row] : llvm::enumerate(rows)) {
      Value key = splat(e, t.load(block.key, addScaled(e, row, d, block.key.strides[3]), 1), lanes);
      for (int64_t v = 0; v < vectors; ++v)
        next.push_back(mulAdd(e, key, query[v], carried[i * vectors + v]));
    }
    return next;
  });
  Vectors next(maxima);
  Value scale = t.constant(cpu::widen(t.compute, lanes), t.scale);
  Value hidden = t.constant(cpu::widen(t.compute, lanes), -kInfinity);
  for (int64_t i = 0; i < unroll; ++i) {
    Value j = addConstant(e, position, i);
    Vectors row, bias = t.bias.memref ? loadRow(scores, j) : Vectors();
    for (int64_t v = 0; v < vectors; ++v) {
      Value score = mulf(e, sums[i * vectors + v], scale);
      score = bias.empty() ? score : addf(e, score, bias[v]);
      Value visible = sees(v, arith::AddIOp::create(e, block.first, j));
      row.push_back(arith::SelectOp::create(e, visible, score, hidden));
      next[v] = larger(e, next[v], row[v]);
    }
    storeRow(row, scores, j);
  }
  return next;
}

/// Turns scores into weights; returns their sums.
BlockAttention::Vectors BlockAttention::weighBlock(Value number, ValueRange subtracted) {
  return emitLoop(e, number, 1, all(0.0), [&](Value j, ValueRange carried) {
    Vectors next, weights;
    for (auto [v, score] : llvm::enumerate(loadRow(scores, j))) {
      weights.push_back(t.exponential(subf(e, score, subtracted[v])));
      next.push_back(addf(e, carried[v], weights[v]));
    }
    storeRow(weights, scores, j);
    return next;
  });
}

/// outputs[column + i, m] = rescaled + sum over the block of value[j, column + i] * weight[j, m]. Where not all entries
/// see all keys, those that do not keep their sum: 0 * NaN would change it.
void BlockAttention::addColumns(const KeyBlock &block, const Vectors &rescale, bool masked, Value column,
                                int64_t columns) {
  Vectors sums;
  for (int64_t i = 0; i < columns; ++i)
    for (auto [v, sum] : llvm::enumerate(loadRow(outputs, addConstant(e, column, i))))
      sums.push_back(mulf(e, sum, rescale[v]));
  Value number = masked ? block.number : indexConstant(e, this->block);
  sums = emitLoop(e, number, 1, sums, [&](Value j, ValueRange carried) {
    Vectors next, weights = loadRow(scores, j), visible;
    for (int64_t v = 0; v < vectors && masked; ++v)
      visible.push_back(sees(v, arith::AddIOp::create(e, block.first, j)));
    Value row = addScaled(e, block.valueAt, j, block.value.strides[2]);
    row = addScaled(e, row, column, block.value.strides[3]);
    for (int64_t i = 0; i < columns; ++i) {
      Value element = t.load(block.value, addConstant(e, row, i * block.value.strides[3]), 1);
      for (int64_t v = 0; v < vectors; ++v) {
        Value before = carried[i * vectors + v], after = mulAdd(e, splat(e, element, lanes), weights[v], before);
        next.push_back(masked ? arith::SelectOp::create(e, visible[v], after, before) : after);
      }
    }
    return next;
  });
  for (int64_t i = 0; i < columns; ++i)
    storeRow(Vectors(ArrayRef(sums).slice(i * vectors, vectors)), outputs, addConstant(e, column, i));
}

void BlockAttention::addValues(const KeyBlock &block, const Vectors &rescale, bool masked) {
  int64_t whole = t.valueDepth() / unroll * unroll, rest = t.valueDepth() - whole;
  emitLoop(e, indexConstant(e, whole), unroll, {}, [&](Value column, ValueRange) {
    addColumns(block, rescale, masked, column, unroll);
    return Vectors();
  });
  if (rest > 0)
    addColumns(block, rescale, masked, indexConstant(e, whole), rest);
}

/// state: maxima, then sums.
BlockAttention::Vectors BlockAttention::attendBlock(Value first, ValueRange state) {
  Value left = arith::SubIOp::create(e, mostVisible, first);
  KeyBlock keys = {first, arith::MinSIOp::create(e, left, indexConstant(e, block)), t.key, t.value, {}, {}};
  keys.keyAt = t.offsetOf(t.key, {b, g, first});
  keys.valueAt = t.offsetOf(t.value, {b, g, first});
  widen(keys.key, keys.keyAt, keys.number, keyCopy);
  widen(keys.value, keys.valueAt, keys.number, valueCopy);
  if (t.bias.memref)
    loadBias(keys);
  ValueRange maxima = state.take_front(vectors), sums = state.drop_front(vectors);
  Vectors next = emitGroups(e, keys.number, unroll, maxima, [&](Value position, bool whole, ValueRange carried) {
    return scoreKeys(keys, position, whole, carried);
  });
  Vectors subtracted, rescale;
  for (int64_t v = 0; v < vectors; ++v) {
    subtracted.push_back(t.finiteMaximum(next[v]));
    rescale.push_back(t.exponential(subf(e, maxima[v], subtracted[v])));
  }
  for (auto [v, sum] : llvm::enumerate(weighBlock(keys.number, subtracted)))
    next.push_back(mulAdd(e, sums[v], rescale[v], sum));
  Value end = addConstant(e, first, block);
  Value allSeeAll = arith::CmpIOp::create(e, arith::CmpIPredicate::sle, end, leastVisible);
  auto branch = scf::IfOp::create(e, TypeRange(), allSeeAll, /*addThenBlock=*/true, /*addElseBlock=*/true);
  for (bool masked : {false, true}) {
    OpBuilder::InsertionGuard guard(e);
    e.setInsertionPointToEnd(masked ? branch.elseBlock() : branch.thenBlock());
    addValues(keys, rescale, masked);
    scf::YieldOp::create(e);
  }
  return next;
}

/// outputs^T, times `factor`, to the rows of the destination.
void BlockAttention::storeRows(const Vectors &factor) {
  int64_t squares = t.out.strides.back() == 1 ? t.valueDepth() / lanes * lanes : 0;
  for (int64_t v = 0; v < vectors; ++v) {
    int64_t used = std::min(lanes, t.entries() - v * lanes);
    Vectors at;
    for (int64_t lane = 0; lane < used; ++lane)
      at.push_back(offsetOfEntry(t.out, entry(v * lanes + lane)));
    auto column = [&](Value d) {
      Value sum = loadElements(e, outputs, addConstant(e, scaled(d, width), v * lanes), lanes);
      return mulf(e, sum, factor[v]);
    };
    emitLoop(e, indexConstant(e, squares), lanes, {}, [&](Value d, ValueRange) {
      Vectors square;
      for (int64_t i = 0; i < lanes; ++i)
        square.push_back(column(addConstant(e, d, i)));
      for (auto [offset, row] : llvm::zip(at, transposed(e, square)))
        storeElements(e, t.narrowed(row), t.out.memref, arith::AddIOp::create(e, offset, d));
      return Vectors();
    });
    emitLoop(e, indexConstant(e, t.valueDepth() - squares), 1, {}, [&](Value rest, ValueRange) {
      Value d = addConstant(e, rest, squares), values = column(d);
      for (auto [lane, offset] : llvm::enumerate(at)) {
        Value element = vector::ExtractOp::create(e, values, ArrayRef<int64_t>{static_cast<int64_t>(lane)});
        storeElements(e, t.narrowed(element), t.out.memref, addScaled(e, offset, d, t.out.strides.back()));
      }
      return Vectors();
    });
  }
}

void BlockAttention::storeOutputs(ValueRange state) {
  Vectors factor;
  Value one = t.constant(cpu::widen(t.compute, lanes), 1.0);
  for (int64_t v = 0; v < vectors; ++v) {
    Value isEmpty = arith::XOrIOp::create(
        e, sees(v, indexConstant(e, 0)),
        arith::ConstantOp::create(e, DenseElementsAttr::get(VectorType::get({lanes}, e.getI1Type()), true)));
    if (!t.partial) {
      // A row that sees nothing is zero; one whose scores are all -inf is 0 / 0.
      Value divisor = arith::SelectOp::create(e, isEmpty, one, state[vectors + v]);
      factor.push_back(arith::DivFOp::create(e, one, divisor));
      continue;
    }
    factor.push_back(one);
    auto [sum, maximum] = reportedSumAndMaximum(t, state[vectors + v], state[v], isEmpty);
    const Value reported[] = {maximum, sum};
    for (int64_t lane = 0; lane < std::min(lanes, t.entries() - v * lanes); ++lane) {
      Value at = offsetOfEntry(t.out, entry(v * lanes + lane));
      for (auto [i, values] : llvm::enumerate(reported))
        storeElements(e, vector::ExtractOp::create(e, values, ArrayRef<int64_t>{lane}), t.out.memref,
                      addConstant(e, at, (t.valueDepth() + i) * t.out.strides.back()));
    }
  }
  storeRows(factor);
}

void BlockAttention::run() {
  queries = t.temporary(t.depth() * width, t.compute);
  outputs = t.temporary(t.valueDepth() * width, t.compute);
  if (t.key.element != t.compute)
    block = 32;
  scores = t.temporary(block * width, t.compute);
  visibleOf = t.temporary(width, e.getI32Type());
  if (t.key.element != t.compute)
    keyCopy = t.temporary(block * t.depth(), t.compute);
  if (t.value.element != t.compute)
    valueCopy = t.temporary(block * t.valueDepth(), t.compute);
  int64_t blocks = llvm::divideCeil(t.entries(), width);
  emitLoops(e, {blocks}, [&](ValueRange ivs) {
    // The last block overlaps the one before rather than being narrower: its rows get the same bits twice.
    firstEntry = scaled(ivs[0], width);
    if (t.entries() % width != 0 && blocks > 1)
      firstEntry = arith::MinSIOp::create(e, firstEntry, indexConstant(e, t.entries() - width));
    countVisible();
    loadQueries();
    emitLoop(e, indexConstant(e, t.valueDepth()), 1, {}, [&](Value d, ValueRange) {
      storeRow(all(0.0), outputs, d);
      return Vectors();
    });
    Vectors state = all(-kInfinity);
    state.append(all(0.0));
    state = emitLoop(e, mostVisible, block, state,
                     [&](Value first, ValueRange carried) { return attendBlock(first, carried); });
    storeOutputs(state);
  });
}

void cpu::emitAttentionOfBlocks(const AttentionTask &task, Value b, Value g) { BlockAttention(task, b, g).run(); }
