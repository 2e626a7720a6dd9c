// The loss and gradients that are operations of their own.
#include "lib/Interpreter/Kernels/Kernels.h"

#include <cmath>
#include <limits>

using namespace ingot::interpreter;
using llvm::ArrayRef;

namespace {

/// Rows of logits with what belongs to each of them.
template <typename A> struct LossRows {
  LossRows(const LossInputs &in)
      : logits(in.logits.dense()), targets(in.targets.dense()),
        weights(in.weights ? std::optional(in.weights->dense()) : std::nullopt), extent(logits.shape().back()),
        count(targets.numElements()) {
    for (int64_t row = 0; row < count; ++row)
      total += weight(row);
  }

  A weight(int64_t row) const { return weights ? static_cast<A>(weights->data()[row].f) : 1; }
  A logit(int64_t row, int64_t token) const { return static_cast<A>(logits.data()[row * extent + token].f); }
  /// -1 where nobody wrote the target.
  int64_t target(int64_t row) const {
    Cell cell = targets.data()[row];
    return isPoison(cell) ? -1 : std::clamp<int64_t>(cell.i, 0, extent - 1);
  }

  A logSumExp(int64_t row) const {
    A maximum = logit(row, 0), sum = 0;
    for (int64_t j = 1; j < extent; ++j)
      if (A value = logit(row, j); value > maximum || std::isnan(value))
        maximum = value;
    for (int64_t j = 0; j < extent; ++j)
      sum += static_cast<A>(std::exp(static_cast<double>(logit(row, j) - maximum)));
    return maximum + static_cast<A>(std::log(static_cast<double>(sum)));
  }

  Array logits, targets;
  std::optional<Array> weights;
  int64_t extent, count;
  A total = 0;
};

} // namespace

std::pair<Array, Array> ingot::interpreter::crossEntropy(Mode mode, const LossInputs &in) {
  Array loss = Array::uninitialized(Element::f32, {}), lse = Array::uninitialized(Element::f32, in.targets.shape());
  withAccumulator(mode, in.logits.element(), [&](auto zero) {
    using A = decltype(zero);
    LossRows<A> rows(in);
    A sum = 0;
    bool known = true;
    for (int64_t row = 0; row < rows.count; ++row) {
      A logSum = rows.logSumExp(row), weight = rows.weight(row);
      lse.data()[row].f = logSum;
      if (weight == 0)
        continue;
      int64_t target = rows.target(row);
      known &= target >= 0;
      if (target >= 0)
        sum += weight * (logSum - rows.logit(row, target) + static_cast<A>(in.zLoss) * logSum * logSum);
    }
    if (known)
      loss.data()->f = rows.total == 0 ? 0 : sum / rows.total;
  });
  return {loss, lse};
}

Array ingot::interpreter::crossEntropyGrad(Mode mode, const LossInputs &in, const Array &lse, const Array &upstream) {
  Array out = Array::uninitialized(in.logits.element(), in.logits.shape()), logSums = lse.dense();
  withAccumulator(mode, in.logits.element(), [&](auto zero) {
    using A = decltype(zero);
    LossRows<A> rows(in);
    for (int64_t row = 0; row < rows.count; ++row) {
      Cell *to = out.data() + row * rows.extent;
      A weight = rows.weight(row);
      if (weight == 0 || rows.total == 0) {
        std::fill_n(to, rows.extent, Cell{0.0});
        continue;
      }
      int64_t target = rows.target(row);
      if (target < 0)
        continue; // the row is poison already
      A scale = static_cast<A>(upstream.data()->f) * (weight / rows.total);
      A logSum = static_cast<A>(logSums.data()[row].f), slope = 1 + 2 * static_cast<A>(in.zLoss) * logSum;
      for (int64_t j = 0; j < rows.extent; ++j) {
        A share = slope * static_cast<A>(std::exp(static_cast<double>(rows.logit(row, j) - logSum)));
        to[j].f = scale * (j == target ? share - 1 : share);
      }
    }
  });
  return out;
}

Array ingot::interpreter::scatterAdd(Mode mode, const Array &updates, const Array &indices, const Array &into) {
  Array out = into.clone(), from = updates.dense();
  int64_t rows = into.shape().front(), width = into.numElements() / rows;
  const Cell *row = from.data();
  auto run = [&](auto add) {
    forEachOffset<1>(indices.shape(), {indices.strides()}, [&](const auto &offset) {
      Cell index = indices.data()[offset[0]];
      // A row at an unknown place may be anywhere.
      if (isPoison(index))
        out.fill(poison());
      Cell *to = out.data() + (isPoison(index) ? 0 : std::clamp<int64_t>(index.i, 0, rows - 1)) * width;
      for (int64_t i = 0; i < width; ++i)
        to[i] = isPoison(to[i]) || isPoison(row[i]) ? poison() : add(to[i], row[i]);
      row += width;
    });
  };
  if (!isFloat(into.element())) {
    run([&](Cell a, Cell b) {
      a.i = wrapTo(into.element(), static_cast<int64_t>(static_cast<uint64_t>(a.i) + static_cast<uint64_t>(b.i)));
      return a;
    });
    return out;
  }
  withAccumulator(mode, into.element(), [&](auto zero) {
    using A = decltype(zero);
    run([](Cell a, Cell b) { return Cell{static_cast<double>(static_cast<A>(a.f) + static_cast<A>(b.f))}; });
  });
  return out;
}

namespace {

/// Gradients of one head's query rows; keys and values add up what all heads of their group give.
template <typename A> class AttentionGrad {
public:
  AttentionGrad(const AttentionInputs &in, const Array &out, const Array &lse, const Array &upstream)
      : in(in), out(out), lse(lse), upstream(upstream), rows(in.query.shape()[1]), heads(in.query.shape()[2]),
        depth(in.query.shape()[3]), valueDepth(in.value.shape()[3]), keys(in.key.shape()[2]),
        group(heads / in.key.shape()[1]) {
    Cell none{0.0};
    dquery = Array::filled(in.query.element(), in.query.shape(), none);
    dkey = Array::filled(in.key.element(), in.key.shape(), none);
    dvalue = Array::filled(in.value.element(), in.value.shape(), none);
  }

  std::array<Array, 3> run() {
    for (int64_t b = 0; b < in.query.shape()[0]; ++b)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t c = 0; c < rows; ++c)
          addRow(b, h, c);
    return {dquery, dkey, dvalue};
  }

private:
  /// sum_i a[i] b[i] along the last dimension, in index order.
  static A dot(const Array &a, ArrayRef<int64_t> atA, const Array &b, ArrayRef<int64_t> atB, int64_t extent) {
    const Cell *left = &a.at(atA), *right = &b.at(atB);
    A sum = 0;
    for (int64_t i = 0; i < extent; ++i)
      sum += static_cast<A>(left[i * a.strides().back()].f) * static_cast<A>(right[i * b.strides().back()].f);
    return sum;
  }

  /// to[i] += factor * from[i] along the last dimension.
  static void addScaled(const Array &to, ArrayRef<int64_t> atTo, A factor, const Array &from, ArrayRef<int64_t> atFrom,
                        int64_t extent) {
    Cell *cells = &to.at(atTo);
    const Cell *other = &from.at(atFrom);
    for (int64_t i = 0; i < extent; ++i)
      cells[i].f = static_cast<A>(cells[i].f) + factor * static_cast<A>(other[i * from.strides().back()].f);
  }

  A biasAt(int64_t b, int64_t h, int64_t c, int64_t j) const {
    ArrayRef<int64_t> shape = in.bias->shape();
    return static_cast<A>(
        in.bias->at({shape[0] == 1 ? 0 : b, shape[1] == 1 ? 0 : h, shape[2] == 1 ? 0 : c, shape[3] == 1 ? 0 : j}).f);
  }

  void addRow(int64_t b, int64_t h, int64_t c) {
    int64_t g = h / group, visible = in.causal ? std::clamp<int64_t>(keys - rows + c + 1, 0, keys) : keys;
    if (valueDepth == 0 || depth == 0)
      return;
    A scale = static_cast<A>(in.scale), logSum = static_cast<A>(lse.at({b, c, h}).f);
    A mean = dot(upstream, {b, c, h, 0}, out, {b, c, h, 0}, valueDepth);
    for (int64_t j = 0; j < visible; ++j) {
      A score = scale * dot(in.query, {b, c, h, 0}, in.key, {b, g, j, 0}, depth);
      if (in.bias)
        score += biasAt(b, h, c, j);
      A weight = static_cast<A>(std::exp(static_cast<double>(score - logSum)));
      A slope = scale * (weight * (dot(upstream, {b, c, h, 0}, in.value, {b, g, j, 0}, valueDepth) - mean));
      addScaled(dvalue, {b, g, j, 0}, weight, upstream, {b, c, h, 0}, valueDepth);
      addScaled(dkey, {b, g, j, 0}, slope, in.query, {b, c, h, 0}, depth);
      addScaled(dquery, {b, c, h, 0}, slope, in.key, {b, g, j, 0}, depth);
    }
  }

  const AttentionInputs &in;
  const Array &out, &lse, &upstream;
  int64_t rows, heads, depth, valueDepth, keys, group;
  Array dquery, dkey, dvalue;
};

} // namespace

std::array<Array, 3> ingot::interpreter::attentionGrad(Mode mode, const AttentionInputs &in, const Array &out,
                                                       const Array &lse, const Array &upstream) {
  std::array<Array, 3> gradients;
  withAccumulator(mode, in.query.element(),
                  [&](auto zero) { gradients = AttentionGrad<decltype(zero)>(in, out, lse, upstream).run(); });
  return gradients;
}
