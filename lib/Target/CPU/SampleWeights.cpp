// Emits `tile.sample_weights`: penalties, temperature, top-k and top-p.
#include "lib/Target/CPU/Sampling.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

using F = ValueMath::F;
using I = ValueMath::I;

static Value minimum(Emitter &e, Value a, Value b) { return arith::MinUIOp::create(e, a, b); }

namespace {

/// Emits one `tile.sample_weights`.
class WeightsLowering {
public:
  WeightsLowering(Emitter &e, tile::SampleWeightsOp op, int64_t lanes) : e(e), op(op), lanes(lanes) {}
  LogicalResult run();

private:
  enum Parameter { Temperature, TopK, TopP, Presence, Frequency, Repetition };
  Value perSlot(const FlatView &array, Value slot) {
    return loadElements(e, array.memref, addScaled(e, indexConstant(e, 0), slot, array.strides.back()), 1);
  }
  Value compare(F predicate, Value a, double b) { return arith::CmpFOp::create(e, predicate, a, w->f32(b)); }
  Value both(Value a, Value b) { return arith::AndIOp::create(e, a, b); }
  void row(Value slot);
  void weighRow(Value slot, Value logitsRow);
  Value copyLogits(Value slot, Value logitsRow);
  Value copyPenalised(Value slot, Value logitsRow);
  void takeLargest(Value largest);
  void exponentiate(Value largest);
  void keepTop(bool countsTokens, Value target);
  Value measure(bool countsTokens, function_ref<Value(Value weights, Value index, int64_t width)> keeps);
  std::pair<Value, Value> searchWeight(bool countsTokens, Value target);
  Value searchToken(bool countsTokens, Value target, Value weight);

  Emitter &e;
  tile::SampleWeightsOp op;
  int64_t lanes;
  FlatView logits, count, counts;
  SmallVector<FlatView> arrays;
  SmallVector<Value> parameters; // of the slot
  std::optional<Weights> w;
};

} // namespace

/// Logits go to the weights' place; gives the largest, NaN if one is.
Value WeightsLowering::copyLogits(Value, Value logitsRow) {
  return w->fold(
      [&](Value index, int64_t width) {
        Value at = addScaled(e, logitsRow, index, logits.strides.back());
        Value logit = convertFloat(e, loadElements(e, logits.memref, at, width), e.getF32Type());
        w->store(logit, index);
        return logit;
      },
      maximum);
}

Value WeightsLowering::copyPenalised(Value slot, Value logitsRow) {
  Value countsRow = addScaled(e, indexConstant(e, 0), slot, counts.strides[0]);
  return w->fold(
      [&](Value index, int64_t width) {
        Value at = addScaled(e, logitsRow, index, logits.strides.back());
        Value logit = convertFloat(e, loadElements(e, logits.memref, at, width), e.getF32Type());
        ValueMath m(e, logit);
        auto countOf = [&](int64_t kind) {
          Value place = addScaled(e, addConstant(e, countsRow, kind * counts.strides[1]), index, counts.strides[2]);
          return loadElements(e, counts.memref, place, width);
        };
        auto parameter = [&](Parameter which) { return splat(e, parameters[which], width); };
        Value prompt = countOf(0), sampled = countOf(1), none = m.i32(0);
        Value repetition = parameter(Repetition);
        Value repeated =
            m.select(m.compare(F::OGT, logit, m.f32(0)), m.div(logit, repetition), m.mul(logit, repetition));
        Value applies = m.andi(m.compare(I::ne, m.ori(prompt, sampled), none), m.compare(F::UNE, repetition, m.f32(0)));
        logit = m.select(applies, repeated, logit);
        Value times = arith::SIToFPOp::create(e, m.typeOf(e.getF32Type()), sampled);
        logit = m.sub(logit, m.mul(parameter(Frequency), times));
        logit = m.select(m.compare(I::ne, sampled, none), m.sub(logit, parameter(Presence)), logit);
        w->store(logit, index);
        return logit;
      },
      maximum);
}

/// The first of the largest logits gets weight 1, all others 0.
void WeightsLowering::takeLargest(Value largest) {
  Value first = w->fold(
      [&](Value index, int64_t width) {
        Value value = w->load(index, width);
        ValueMath m(e, value);
        return m.select(m.compare(F::OEQ, value, splat(e, largest, width)), w->indices(index, width),
                        m.i32(std::numeric_limits<int32_t>::max()));
      },
      minimum);
  w->rewrite([&](Value, int64_t width) { return w->f32(0, width); });
  w->store(w->f32(1), arith::IndexCastOp::create(e, e.getIndexType(), first));
}

void WeightsLowering::exponentiate(Value largest) {
  w->rewrite([&](Value index, int64_t width) -> Value {
    Value below = subf(e, w->load(index, width), splat(e, largest, width));
    return math::ExpOp::create(e, arith::DivFOp::create(e, below, splat(e, parameters[Temperature], width)));
  });
}

/// The number, or the sum, of the weights that `keeps` says. Monotonic: a larger set never measures less.
Value WeightsLowering::measure(bool countsTokens, function_ref<Value(Value, Value, int64_t)> keeps) {
  return w->fold(
      [&](Value index, int64_t width) {
        Value weight = w->load(index, width);
        ValueMath m(e, weight);
        return m.select(keeps(weight, index, width), countsTokens ? m.f32(1) : weight, m.f32(0));
      },
      addf);
}

/// The largest weight such that all from it on measure at least `target`, bit by bit: the bits of floats that are not
/// negative are in the order of the floats. Also gives that measure, or -1 where it was never at least the target. Once
/// it is the target itself, more bits would change nothing.
std::pair<Value, Value> WeightsLowering::searchWeight(bool countsTokens, Value target) {
  constexpr int64_t kBits = 30; // of weights below 2
  Value zero = arith::ConstantOp::create(e, e.getI32IntegerAttr(0));
  auto step = [&](Value iv, Value bits, Value measured) -> SmallVector<Value> {
    ValueMath m(e, bits);
    Value shift = m.subi(m.i32(kBits - 1), arith::IndexCastOp::create(e, e.getI32Type(), iv));
    Value next = m.ori(bits, m.shl(m.i32(1), shift)), bound = m.asF32(next);
    Value kept = measure(countsTokens, [&](Value weight, Value, int64_t width) -> Value {
      return arith::CmpFOp::create(e, F::OGE, weight, splat(e, bound, width));
    });
    Value enough = arith::CmpFOp::create(e, F::OGE, kept, target);
    return {m.select(enough, next, bits), m.select(enough, kept, measured)};
  };
  auto found = emitLoop(e, indexConstant(e, kBits), 1, {zero, w->f32(-1)}, [&](Value iv, ValueRange carried) {
    Value open = arith::CmpFOp::create(e, F::UNE, carried[1], target);
    return emitChoice(
        e, open, [&] { return step(iv, carried[0], carried[1]); }, [&] { return SmallVector<Value>(carried); });
  });
  return {arith::BitcastOp::create(e, e.getF32Type(), found[0]), found[1]};
}

/// Of the tokens of weight `weight`, the first with which the larger ones and those before measure `target`.
Value WeightsLowering::searchToken(bool countsTokens, Value target, Value weight) {
  int64_t bits = llvm::Log2_64_Ceil(w->extent + 1);
  Value zero = arith::ConstantOp::create(e, e.getI32IntegerAttr(0));
  auto found = emitLoop(e, indexConstant(e, bits), 1, zero, [&](Value iv, ValueRange carried) -> SmallVector<Value> {
    ValueMath m(e, carried[0]);
    Value shift = m.subi(m.i32(bits - 1), arith::IndexCastOp::create(e, e.getI32Type(), iv));
    Value next = m.ori(carried[0], m.shl(m.i32(1), shift));
    Value kept = measure(countsTokens, [&](Value weights, Value index, int64_t width) -> Value {
      ValueMath v(e, weights);
      Value bound = splat(e, weight, width);
      Value before = v.compare(I::slt, w->indices(index, width), splat(e, next, width));
      return v.ori(v.compare(F::OGT, weights, bound), v.andi(v.compare(F::OEQ, weights, bound), before));
    });
    return {m.select(arith::CmpFOp::create(e, F::OLT, kept, target), next, carried[0])};
  });
  return found[0];
}

/// Keeps the fewest largest weights that measure at least `target`, lower tokens first among equal ones.
void WeightsLowering::keepTop(bool countsTokens, Value target) {
  auto [weight, measured] = searchWeight(countsTokens, target);
  Value equals = measure(/*countsTokens=*/true, [&, weight = weight](Value weights, Value, int64_t width) -> Value {
    return arith::CmpFOp::create(e, F::OEQ, weights, splat(e, weight, width));
  });
  Value all = arith::ConstantOp::create(e, e.getI32IntegerAttr(std::numeric_limits<int32_t>::max()));
  Value split = both(both(compare(F::OGT, equals, 1), compare(F::OGT, weight, 0)),
                     arith::CmpFOp::create(e, F::UNE, measured, target));
  Value last = emitChoice(
      e, split, [&, weight = weight] { return SmallVector<Value>{searchToken(countsTokens, target, weight)}; },
      [&] { return SmallVector<Value>{all}; })[0];
  Value threshold = weight;
  w->rewrite([&](Value index, int64_t width) -> Value {
    Value weights = w->load(index, width), bound = splat(e, threshold, width);
    ValueMath m(e, weights);
    Value upTo = m.compare(I::sle, w->indices(index, width), splat(e, last, width));
    Value keeps = m.ori(m.compare(F::OGT, weights, bound), m.andi(m.compare(F::OEQ, weights, bound), upTo));
    return m.select(keeps, weights, m.f32(0));
  });
}

void WeightsLowering::weighRow(Value slot, Value logitsRow) {
  ValueMath scalar(e, w->f32(0));
  Value penalised = scalar.ori(compare(F::UNE, parameters[Presence], 0), compare(F::UNE, parameters[Frequency], 0));
  Value repeats = both(compare(F::UNE, parameters[Repetition], 0), compare(F::UNE, parameters[Repetition], 1));
  auto copy = scf::IfOp::create(e, TypeRange(e.getF32Type()), scalar.ori(penalised, repeats), /*withElseRegion=*/true);
  for (auto [block, emit] : {std::pair(copy.thenBlock(), &WeightsLowering::copyPenalised),
                             std::pair(copy.elseBlock(), &WeightsLowering::copyLogits)}) {
    OpBuilder::InsertionGuard guard(e);
    e.setInsertionPointToEnd(block);
    Value result = (this->*emit)(slot, logitsRow);
    scf::YieldOp::create(e, result);
  }
  Value largest = copy.getResult(0);
  Value numbers = compare(F::ORD, largest, 0);
  Value finite = arith::CmpFOp::create(e, F::OLT, scalar.abs(largest), w->f32(std::numeric_limits<float>::infinity()));
  auto draw = [&] {
    exponentiate(largest);
    Value k = parameters[TopK];
    ValueMath integer(e, k);
    emitIf(e, both(integer.compare(I::sgt, k, integer.i32(0)), integer.compare(I::slt, k, integer.i32(w->extent))),
           [&] { keepTop(/*countsTokens=*/true, arith::SIToFPOp::create(e, e.getF32Type(), k)); });
    Value p = parameters[TopP];
    emitIf(e, both(compare(F::OGT, p, 0), compare(F::OLT, p, 1)), [&] {
      Value sum = w->fold([&](Value index, int64_t width) { return w->load(index, width); }, addf);
      keepTop(/*countsTokens=*/false, mulf(e, p, sum));
    });
  };
  emitIf(e, both(finite, compare(F::OGT, parameters[Temperature], 0)), draw, [&] {
    emitIf(
        e, numbers, [&] { takeLargest(largest); },
        [&] { w->rewrite([&](Value, int64_t width) { return w->f32(0, width); }); });
  });
}

void WeightsLowering::row(Value slot) {
  w->enterRow(slot);
  parameters.clear();
  for (const FlatView &array : arrays)
    parameters.push_back(perSlot(array, slot));
  Value rows = perSlot(count, slot);
  ValueMath m(e, rows);
  emitIf(
      e, m.compare(I::sge, rows, m.i32(1)),
      [&] {
        Value counted = arith::MinSIOp::create(e, rows, m.i32(logits.shape[1]));
        Value last = arith::IndexCastOp::create(e, e.getIndexType(), m.subi(counted, m.i32(1)));
        Value logitsRow = addScaled(e, indexConstant(e, 0), slot, logits.strides[0]);
        weighRow(slot, addScaled(e, logitsRow, last, logits.strides[1]));
      },
      [&] { w->rewrite([&](Value, int64_t width) { return w->f32(0, width); }); });
}

LogicalResult WeightsLowering::run() {
  FailureOr<SmallVector<FlatView>> flattened = flattenAll(e, op.getOperands());
  if (failed(flattened))
    return failure();
  SmallVector<FlatView> &views = *flattened;
  FlatView out = views.pop_back_val();
  logits = views[0], count = views[1], counts = views[2];
  arrays.assign(views.begin() + 3, views.end());
  bool contiguous = logits.strides.back() == 1 && counts.strides.back() == 1 && out.strides.back() == 1;
  if (!contiguous)
    return op.emitOpError() << "expects logits, counts and weights to be contiguous along the vocabulary";
  w.emplace(e, out, lanes);
  emitLoops(e, ArrayRef(logits.shape).take_front(1), [&](ValueRange ivs) { row(ivs[0]); });
  return success();
}

LogicalResult cpu::lowerSampleWeights(Emitter &e, tile::SampleWeightsOp op, int64_t lanes) {
  return WeightsLowering(e, op, lanes).run();
}
