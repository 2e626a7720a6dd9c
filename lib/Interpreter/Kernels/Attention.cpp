#include "lib/Interpreter/Kernels/Kernels.h"

#include <cmath>
#include <limits>

using namespace ingot::interpreter;

namespace {

/// One call: shapes, and the buffer for the scores of a row.
template <typename A> class Attention {
public:
  /// `lse` is an output of whole attention, and absent where only the keys from `first` on are at hand.
  Attention(const AttentionInputs &in, const Array &out, const Array *lse, int64_t first)
      : in(in), out(out), lse(lse), first(first), rows(in.query.shape()[1]), heads(in.query.shape()[2]),
        depth(in.query.shape()[3]), keys(in.key.shape()[2]), group(heads / in.key.shape()[1]), scores(keys) {}

  void run() {
    for (int64_t b = 0; b < in.query.shape()[0]; ++b)
      for (int64_t c = 0; c < rows; ++c)
        for (int64_t h = 0; h < heads; ++h)
          attendRow(b, c, h, visibleKeys(b, c));
  }

private:
  /// Number of keys that row c of sequence b sees; -1 if that depends on what nobody wrote.
  int64_t visibleKeys(int64_t b, int64_t c) const {
    c += in.row.value_or(in.start ? 0 : keys - rows);
    if (!in.start)
      return in.causal ? std::clamp<int64_t>(c + 1, 0, keys) : keys;
    if (isPoison(in.start->at({b})) || isPoison(in.count->at({b})))
      return -1;
    int64_t start = in.start->at({b}).i, count = in.count->at({b}).i;
    if (c >= count)
      return 0;
    return std::clamp<int64_t>(start + (in.causal ? c + 1 : count) - first, 0, keys);
  }

  /// Fills scores[0, visible) and returns their maximum, NaN if there is one.
  A scoreRow(int64_t b, int64_t c, int64_t h, int64_t visible) {
    const Cell *query = &in.query.at({b, c, h, 0}), *key = &in.key.at({b, h / group, 0, 0});
    int64_t queryStep = in.query.strides()[3], keyStep = in.key.strides()[3], keyRow = in.key.strides()[2];
    A maximum = -std::numeric_limits<A>::infinity();
    for (int64_t j = 0; j < visible; ++j) {
      A sum = 0;
      for (int64_t d = 0; d < depth; ++d)
        sum += static_cast<A>(query[d * queryStep].f) * static_cast<A>(key[j * keyRow + d * keyStep].f);
      sum *= static_cast<A>(in.scale);
      if (in.bias)
        sum += static_cast<A>(biasAt(b, h, c, j));
      scores[j] = sum;
      maximum = std::isnan(sum) || sum > maximum ? sum : maximum;
    }
    return maximum;
  }

  double biasAt(int64_t b, int64_t h, int64_t c, int64_t j) const {
    llvm::ArrayRef<int64_t> shape = in.bias->shape();
    return in.bias->at({shape[0] == 1 ? 0 : b, shape[1] == 1 ? 0 : h, shape[2] == 1 ? 0 : c, shape[3] == 1 ? 0 : j}).f;
  }

  void attendRow(int64_t b, int64_t c, int64_t h, int64_t visible) {
    if (visible < 0)
      return; // the results are poison already
    A maximum = scoreRow(b, c, h, visible), total = 0;
    for (int64_t j = 0; j < visible; ++j) {
      scores[j] = static_cast<A>(std::exp(static_cast<double>(scores[j] - maximum)));
      total += scores[j];
    }
    int64_t valueDepth = in.value.shape()[3];
    Cell *result = lse ? &out.at({b, c, h, 0}) : &out.at({b, c, h, 0, 0});
    for (int64_t j = 0; j < visible && lse; ++j)
      scores[j] /= total;
    const Cell *value = &in.value.at({b, h / group, 0, 0});
    int64_t valueStep = in.value.strides()[3], valueRow = in.value.strides()[2];
    for (int64_t d = 0; d < valueDepth; ++d) {
      A sum = 0;
      for (int64_t j = 0; j < visible; ++j)
        sum += scores[j] * static_cast<A>(value[j * valueRow + d * valueStep].f);
      result[d].f = sum;
    }
    if (lse) {
      lse->at({b, c, h}).f = visible ? static_cast<A>(std::log(static_cast<double>(total))) + maximum : -HUGE_VAL;
    } else {
      result[valueDepth].f = maximum;
      result[valueDepth + 1].f = total;
    }
  }

  const AttentionInputs &in;
  const Array &out, *lse;
  int64_t first, rows, heads, depth, keys, group;
  std::vector<A> scores;
};

} // namespace

std::pair<Array, Array> ingot::interpreter::attend(Mode mode, const AttentionInputs &in) {
  llvm::ArrayRef<int64_t> q = in.query.shape();
  Array out = Array::uninitialized(in.query.element(), {q[0], q[1], q[2], in.value.shape()[3]});
  Array lse = Array::uninitialized(Element::f32, {q[0], q[1], q[2]});
  withAccumulator(mode, in.query.element(), [&](auto zero) { Attention<decltype(zero)>(in, out, &lse, 0).run(); });
  return {out, lse};
}

static Element partElement(Element element) { return element == Element::f64 ? element : Element::f32; }

Array ingot::interpreter::attendToPart(Mode mode, const AttentionInputs &in, int64_t first) {
  llvm::ArrayRef<int64_t> q = in.query.shape();
  Array out = Array::uninitialized(partElement(in.query.element()), {q[0], q[1], q[2], 1, in.value.shape()[3] + 2});
  withAccumulator(mode, in.query.element(),
                  [&](auto zero) { Attention<decltype(zero)>(in, out, nullptr, first).run(); });
  return out;
}

/// One row's parts [n, depth + 2] into `out` [depth].
template <typename A> static void combineRow(const Array &parts, llvm::ArrayRef<int64_t> row, const Array &out) {
  int64_t count = parts.shape()[3], depth = parts.shape()[4] - 2;
  auto part = [&](int64_t i, int64_t column) {
    return static_cast<A>(parts.at({row[0], row[1], row[2], i, column}).f);
  };
  constexpr A kNone = -std::numeric_limits<A>::infinity();
  A largest = kNone;
  for (int64_t i = 0; i < count; ++i)
    if (A maximum = part(i, depth); std::isnan(maximum) || maximum > largest)
      largest = maximum;
  auto sumOf = [&](int64_t column) {
    A sum = 0;
    for (int64_t i = 0; i < count; ++i)
      if (A maximum = part(i, depth); maximum == largest || maximum != kNone)
        sum += (maximum == largest ? 1 : static_cast<A>(std::exp(static_cast<double>(maximum - largest)))) *
               part(i, column);
    return sum;
  };
  A total = sumOf(depth + 1);
  for (int64_t d = 0; d < depth; ++d)
    out.at({row[0], row[1], row[2], d}).f = total == 0 ? 0 : sumOf(d) / total;
}

Array ingot::interpreter::combineAttention(Mode mode, const Array &parts, Element result) {
  llvm::ArrayRef<int64_t> shape = parts.shape();
  Array out = Array::uninitialized(result, {shape[0], shape[1], shape[2], shape[4] - 2});
  withAccumulator(mode, parts.element(), [&](auto zero) {
    for (int64_t b = 0; b < shape[0]; ++b)
      for (int64_t c = 0; c < shape[1]; ++c)
        for (int64_t h = 0; h < shape[2]; ++h)
          combineRow<decltype(zero)>(parts, {b, c, h}, out);
  });
  return out;
}
