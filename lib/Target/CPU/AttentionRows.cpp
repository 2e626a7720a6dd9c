// Attention of few rows: a walk over the keys that all entries of a kv head share, block by block.
//
// Keys lie across the lanes of the scores, columns across those of the output (Milakov and Gimelshein, 2018,
// arXiv:1805.02867, for the running maximum).
#include "lib/Target/CPU/Attention.h"

#include "lib/Target/CPU/RowFold.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {

class RowAttention {
public:
  RowAttention(const AttentionTask &task, Value b, Value g)
      : t(task), e(task.e), b(b), g(g), lanes(task.shape.lanes), block(4 * lanes),
        contiguousDepth(task.query.strides.back() == 1 && task.key.strides.back() == 1),
        contiguousValue(task.value.strides.back() == 1) {}
  void run();

private:
  using Vectors = SmallVector<Value>;
  /// One entry and the keys of the current block that it sees.
  struct Entry {
    Value m, row, head;
    Value first, number; // keys [first, first + number)
    Value queryAt, keyAt, valueAt;
  };

  Value mostVisible();
  void attendBlock(const Entry &entry);
  Vectors dotProducts(const Entry &entry, Value position, bool whole);
  Value scoreKeys(const Entry &entry, Value position, bool whole, Value maxima);
  Value biasOf(const Entry &entry, Value position);
  Value weigh(Value number, Value subtracted);
  void addValues(const Entry &entry, Value rescale);
  void addColumns(const Entry &entry, Value rescale, int64_t column, ArrayRef<int64_t> widths);
  void storeEntry(Value m);

  Value vectorOf(double value) { return t.constant(cpu::widen(t.compute, lanes), value); }
  /// A narrow vector in the first of `lanes` lanes, zeros in the others.
  Value widened(Value value, int64_t width) {
    if (width == lanes)
      return value;
    if (width == 1)
      return vector::InsertOp::create(e, value, vectorOf(0.0), ArrayRef<int64_t>{0});
    return vector::InsertStridedSliceOp::create(e, value, vectorOf(0.0), ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
  }

  const AttentionTask &t;
  Emitter &e;
  Value b, g;
  int64_t lanes, block;
  bool contiguousDepth, contiguousValue;
  Value scores, bias;          // [block | lanes]
  Value maxima, sums, outputs; // [entries], [entries], [entries, value depth]: what is carried from block to block
};

} // namespace

Value RowAttention::mostVisible() {
  return emitLoop(e, indexConstant(e, t.rows()), 1, indexConstant(e, 0), [&](Value c, ValueRange carried) -> Vectors {
    return {arith::MaxSIOp::create(e, carried[0], t.visibleKeys(b, c))};
  })[0];
}

/// Products of the query with `lanes` keys from `position` on, not yet summed over the lanes. Keys beyond the last
/// repeat it.
RowAttention::Vectors RowAttention::dotProducts(const Entry &entry, Value position, bool whole) {
  Vectors rows, sums(lanes, vectorOf(0.0));
  Value last = addConstant(e, entry.number, -1);
  for (int64_t i = 0; i < lanes; ++i) {
    Value j = addConstant(e, position, i);
    rows.push_back(addScaled(e, entry.keyAt, whole ? j : arith::MinSIOp::create(e, j, last), t.key.strides[2]));
  }
  auto add = [&](Value d, int64_t width, ValueRange before) {
    auto piece = [&](const FlatView &view, Value at) {
      return widened(t.load(view, addScaled(e, at, d, view.strides[3]), width), width);
    };
    Value query = piece(t.query, entry.queryAt);
    Vectors after;
    for (auto [row, sum] : llvm::zip(rows, before))
      after.push_back(mulAdd(e, query, piece(t.key, row), sum));
    return after;
  };
  int64_t widest = contiguousDepth ? lanes : 1, whole0 = t.depth() / widest * widest;
  sums = emitLoop(e, indexConstant(e, whole0), widest, sums,
                  [&](Value d, ValueRange carried) { return add(d, widest, carried); });
  int64_t column = whole0;
  for (int64_t width : chunkWidths(t.depth() - whole0, widest)) {
    sums = add(indexConstant(e, column), width, sums);
    column += width;
  }
  return sums;
}

/// Bias of `lanes` keys from `position` on; those beyond the last repeat it.
Value RowAttention::biasOf(const Entry &entry, Value position) {
  Value row = t.offsetOf(t.bias, {b, entry.head, entry.row, entry.first}), last = addConstant(e, entry.number, -1);
  emitLoop(e, indexConstant(e, lanes), 1, {}, [&](Value lane, ValueRange) {
    Value j = arith::MinSIOp::create(e, arith::AddIOp::create(e, position, lane), last);
    storeElements(e, t.load(t.bias, addScaled(e, row, j, t.bias.strides[3]), 1), bias, lane);
    return Vectors();
  });
  return loadElements(e, bias, indexConstant(e, 0), lanes);
}

Value RowAttention::scoreKeys(const Entry &entry, Value position, bool whole, Value before) {
  Value score = mulf(e, sumsOfLanes(e, dotProducts(entry, position, whole)), vectorOf(t.scale));
  if (t.bias.memref)
    score = addf(e, score, biasOf(entry, position));
  if (!whole) {
    Value number = arith::IndexCastOp::create(e, e.getI32Type(), arith::SubIOp::create(e, entry.number, position));
    auto numbers = llvm::to_vector_of<int32_t>(llvm::seq<int64_t>(0, lanes));
    Value lane = arith::ConstantOp::create(e, e.getI32VectorAttr(numbers));
    Value isKey = arith::CmpIOp::create(e, arith::CmpIPredicate::slt, lane, splat(e, number, lanes));
    score = arith::SelectOp::create(e, isKey, score, vectorOf(-kInfinity));
  }
  storeElements(e, score, scores, position);
  return larger(e, before, score);
}

/// Turns scores into weights; returns their sum.
Value RowAttention::weigh(Value number, Value subtracted) {
  Vectors sum = emitLoop(e, number, lanes, vectorOf(0.0), [&](Value j, ValueRange carried) -> Vectors {
    Value weights = t.exponential(subf(e, loadElements(e, scores, j, lanes), splat(e, subtracted, lanes)));
    storeElements(e, weights, scores, j);
    return {addf(e, carried[0], weights)};
  });
  return foldLanes(e, sum[0], addf);
}

/// outputs[m, column...] = rescaled + sum over the block of weight[j] * value[j, column...]. With few columns, keys
/// take turns on several sums: one would wait for itself.
void RowAttention::addColumns(const Entry &entry, Value rescale, int64_t column, ArrayRef<int64_t> widths) {
  int64_t chains = widths.size() >= 4 ? 1 : widths.size() >= 2 ? 2 : 4;
  Value at = addConstant(e, addScaled(e, indexConstant(e, 0), entry.m, t.valueDepth()), column);
  auto add = [&](Value j, ValueRange before) {
    Value weight = loadElements(e, scores, j, 1), row = addScaled(e, entry.valueAt, j, t.value.strides[2]);
    Vectors after;
    int64_t from = column;
    for (auto [sum, width] : llvm::zip(before, widths)) {
      Value elements = t.load(t.value, addConstant(e, row, from * t.value.strides[3]), width);
      after.push_back(mulAdd(e, splat(e, weight, width), elements, sum));
      from += width;
    }
    return after;
  };
  Vectors sums;
  int64_t to = 0;
  for (int64_t width : widths) {
    Value before = loadElements(e, outputs, addConstant(e, at, to), width);
    sums.push_back(mulf(e, before, splat(e, rescale, width)));
    to += width;
  }
  for (int64_t chain = 1; chain < chains; ++chain)
    for (int64_t width : widths)
      sums.push_back(t.constant(cpu::widen(t.compute, width), 0.0));
  sums = emitGroups(e, entry.number, chains, sums, [&](Value j, bool whole, ValueRange carried) {
    Vectors next(carried);
    if (whole) {
      for (int64_t chain = 0; chain < chains; ++chain) {
        Vectors after = add(addConstant(e, j, chain), carried.slice(chain * widths.size(), widths.size()));
        llvm::copy(after, next.begin() + chain * widths.size());
      }
      return next;
    }
    Value rest = arith::SubIOp::create(e, entry.number, j);
    Vectors after = emitLoop(e, rest, 1, carried.take_front(widths.size()),
                             [&](Value i, ValueRange values) { return add(arith::AddIOp::create(e, j, i), values); });
    llvm::copy(after, next.begin());
    return next;
  });
  to = 0;
  for (auto [i, width] : llvm::enumerate(widths)) {
    Value sum = sums[i];
    for (int64_t chain = 1; chain < chains; ++chain)
      sum = addf(e, sum, sums[chain * widths.size() + i]);
    storeElements(e, sum, outputs, addConstant(e, at, to));
    to += width;
  }
}

void RowAttention::addValues(const Entry &entry, Value rescale) {
  // As many sums as registers allow beside the operands.
  size_t most = t.shape.registers / 2;
  SmallVector<int64_t> widths = chunkWidths(t.valueDepth(), contiguousValue ? lanes : 1);
  int64_t column = 0;
  for (ArrayRef<int64_t> left = widths; !left.empty();) {
    ArrayRef<int64_t> some = left.take_front(most);
    addColumns(entry, rescale, column, some);
    column += std::accumulate(some.begin(), some.end(), int64_t(0));
    left = left.drop_front(some.size());
  }
}

void RowAttention::attendBlock(const Entry &entry) {
  Value before = loadElements(e, maxima, entry.m, 1);
  Value largest = emitGroups(e, entry.number, lanes, splat(e, before, lanes),
                             [&](Value position, bool whole, ValueRange carried) -> Vectors {
                               return {scoreKeys(entry, position, whole, carried[0])};
                             })[0];
  largest = foldLanes(e, largest, larger);
  Value subtracted = t.finiteMaximum(largest);
  Value rescale = t.exponential(subf(e, before, subtracted));
  Value sum = weigh(entry.number, subtracted);
  storeElements(e, mulAdd(e, loadElements(e, sums, entry.m, 1), rescale, sum), sums, entry.m);
  storeElements(e, largest, maxima, entry.m);
  addValues(entry, rescale);
}

void RowAttention::storeEntry(Value m) {
  auto [row, head] = t.rowAndHead(g, m);
  Value sum = loadElements(e, sums, m, 1), maximum = loadElements(e, maxima, m, 1);
  Value isEmpty = arith::CmpIOp::create(e, arith::CmpIPredicate::eq, t.visibleKeys(b, row), indexConstant(e, 0));
  Value at = t.offsetOf(t.out, {b, row, head}), from = addScaled(e, indexConstant(e, 0), m, t.valueDepth());
  Value factor = t.constant(t.compute, 1.0);
  if (t.partial) {
    auto [reportedSum, reportedMaximum] = reportedSumAndMaximum(t, sum, maximum, isEmpty);
    int64_t step = t.out.strides.back();
    storeElements(e, reportedMaximum, t.out.memref, addConstant(e, at, t.valueDepth() * step));
    storeElements(e, reportedSum, t.out.memref, addConstant(e, at, (t.valueDepth() + 1) * step));
  } else {
    // A row that sees nothing is zero; one whose scores are all -inf is 0 / 0.
    Value divisor = arith::SelectOp::create(e, isEmpty, factor, sum);
    factor = arith::DivFOp::create(e, factor, divisor);
  }
  int64_t column = 0;
  for (int64_t width : chunkWidths(t.valueDepth(), t.out.strides.back() == 1 ? lanes : 1)) {
    Value result = mulf(e, loadElements(e, outputs, addConstant(e, from, column), width), splat(e, factor, width));
    storeElements(e, t.narrowed(result), t.out.memref, addConstant(e, at, column * t.out.strides.back()));
    column += width;
  }
}

void RowAttention::run() {
  scores = t.temporary(block, t.compute);
  maxima = t.temporary(t.entries(), t.compute);
  sums = t.temporary(t.entries(), t.compute);
  outputs = t.temporary(t.entries() * t.valueDepth(), t.compute);
  if (t.bias.memref)
    bias = t.temporary(lanes, t.compute);
  auto forEntries = [&](auto body) { emitLoops(e, {t.entries()}, [&](ValueRange ivs) { body(ivs[0]); }); };
  forEntries([&](Value m) {
    storeElements(e, t.constant(t.compute, -kInfinity), maxima, m);
    storeElements(e, t.constant(t.compute, 0.0), sums, m);
  });
  emitPieces(e, t.entries() * t.valueDepth(), lanes, [&](Value at, int64_t width) {
    storeElements(e, t.constant(cpu::widen(t.compute, width), 0.0), outputs, at);
  });
  emitLoop(e, mostVisible(), block, {}, [&](Value first, ValueRange) {
    forEntries([&](Value m) {
      auto [row, head] = t.rowAndHead(g, m);
      Value left = arith::SubIOp::create(e, t.visibleKeys(b, row), first);
      Value number = arith::MinSIOp::create(e, left, indexConstant(e, block));
      number = arith::MaxSIOp::create(e, number, indexConstant(e, 0));
      attendBlock({m, row, head, first, number, t.offsetOf(t.query, {b, row, head}), t.offsetOf(t.key, {b, g, first}),
                   t.offsetOf(t.value, {b, g, first})});
    });
    return Vectors();
  });
  forEntries([&](Value m) { storeEntry(m); });
}

void cpu::emitAttentionOfRows(const AttentionTask &task, Value b, Value g) { RowAttention(task, b, g).run(); }
