#include "lib/Interpreter/Kernels/Kernels.h"

#include <cmath>
#include <limits>

using namespace ingot::interpreter;

namespace {

/// One call: shapes, and the buffer for the scores of a row.
template <typename A> class Attention {
public:
  Attention(const AttentionInputs &in, const Array &out, const Array &lse)
      : in(in), out(out), lse(lse), rows(in.query.shape()[1]), heads(in.query.shape()[2]), depth(in.query.shape()[3]),
        keys(in.key.shape()[2]), group(heads / in.key.shape()[1]), scores(keys) {}

  void run() {
    for (int64_t b = 0; b < in.query.shape()[0]; ++b)
      for (int64_t c = 0; c < rows; ++c)
        for (int64_t h = 0; h < heads; ++h)
          attendRow(b, c, h, visibleKeys(b, c));
  }

private:
  /// Number of keys that row c of sequence b sees; -1 if that depends on what nobody wrote.
  int64_t visibleKeys(int64_t b, int64_t c) const {
    if (!in.start)
      return in.causal ? std::clamp<int64_t>(keys - rows + c + 1, 0, keys) : keys;
    if (isPoison(in.start->at({b})) || isPoison(in.count->at({b})))
      return -1;
    int64_t start = in.start->at({b}).i, count = in.count->at({b}).i;
    if (c >= count)
      return 0;
    return std::clamp<int64_t>(start + (in.causal ? c + 1 : count), 0, keys);
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
    for (int64_t j = 0; j < visible; ++j)
      scores[j] /= total;
    const Cell *value = &in.value.at({b, h / group, 0, 0});
    int64_t valueStep = in.value.strides()[3], valueRow = in.value.strides()[2];
    for (int64_t d = 0; d < in.value.shape()[3]; ++d) {
      A sum = 0;
      for (int64_t j = 0; j < visible; ++j)
        sum += scores[j] * static_cast<A>(value[j * valueRow + d * valueStep].f);
      out.at({b, c, h, d}).f = sum;
    }
    lse.at({b, c, h}).f = visible ? static_cast<A>(std::log(static_cast<double>(total))) + maximum : -HUGE_VAL;
  }

  const AttentionInputs &in;
  const Array &out, &lse;
  int64_t rows, heads, depth, keys, group;
  std::vector<A> scores;
};

} // namespace

std::pair<Array, Array> ingot::interpreter::attend(Mode mode, const AttentionInputs &in) {
  llvm::ArrayRef<int64_t> q = in.query.shape();
  Array out = Array::uninitialized(in.query.element(), {q[0], q[1], q[2], in.value.shape()[3]});
  Array lse = Array::uninitialized(Element::f32, {q[0], q[1], q[2]});
  withAccumulator(mode, in.query.element(), [&](auto zero) { Attention<decltype(zero)>(in, out, lse).run(); });
  return {out, lse};
}
