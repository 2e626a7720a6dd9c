// Normalisations of rows, and reductions.
#include "lib/Interpreter/Kernels/Kernels.h"

#include <cmath>

using namespace ingot::interpreter;
using llvm::ArrayRef;

/// Calls fn(A(), row of the dense input, row of the output, extent) for each row along the last dimension.
template <typename Fn> static Array forEachRow(Mode mode, const Array &input, Fn fn) {
  Array from = input.dense(), out = Array::uninitialized(input.element(), input.shape());
  int64_t extent = input.shape().back();
  withAccumulator(mode, input.element(), [&](auto zero) {
    for (int64_t i = 0, e = input.numElements(); i < e; i += extent)
      fn(zero, from.data() + i, out.data() + i, extent);
  });
  return out;
}

Array ingot::interpreter::rmsNorm(Mode mode, const Array &input, const Array &scale, double eps) {
  Array weight = scale.dense();
  return forEachRow(mode, input, [&](auto zero, const Cell *x, Cell *y, int64_t n) {
    using A = decltype(zero);
    A squares = 0;
    for (int64_t i = 0; i < n; ++i)
      squares += static_cast<A>(x[i].f) * static_cast<A>(x[i].f);
    A root = std::sqrt(squares / static_cast<A>(n) + static_cast<A>(eps));
    for (int64_t i = 0; i < n; ++i)
      y[i].f = static_cast<A>(x[i].f) / root * static_cast<A>(weight.data()[i].f);
  });
}

Array ingot::interpreter::layerNorm(Mode mode, const Array &input, const Array &scale, const std::optional<Array> &bias,
                                    double eps) {
  Array weight = scale.dense();
  std::optional<Array> shift;
  if (bias)
    shift = bias->dense();
  return forEachRow(mode, input, [&](auto zero, const Cell *x, Cell *y, int64_t n) {
    using A = decltype(zero);
    A sum = 0, squares = 0;
    for (int64_t i = 0; i < n; ++i)
      sum += static_cast<A>(x[i].f);
    A mean = sum / static_cast<A>(n);
    for (int64_t i = 0; i < n; ++i) {
      A centred = static_cast<A>(x[i].f) - mean;
      squares += centred * centred;
    }
    A root = std::sqrt(squares / static_cast<A>(n) + static_cast<A>(eps));
    for (int64_t i = 0; i < n; ++i) {
      A value = (static_cast<A>(x[i].f) - mean) / root * static_cast<A>(weight.data()[i].f);
      y[i].f = shift ? value + static_cast<A>(shift->data()[i].f) : value;
    }
  });
}

Array ingot::interpreter::softmax(Mode mode, const Array &input) {
  return forEachRow(mode, input, [&](auto zero, const Cell *x, Cell *y, int64_t n) {
    using A = decltype(zero);
    A maximum = static_cast<A>(x[0].f), total = 0;
    for (int64_t i = 1; i < n; ++i)
      if (static_cast<A>(x[i].f) > maximum || std::isnan(x[i].f))
        maximum = static_cast<A>(x[i].f);
    std::vector<A> powers(n);
    for (int64_t i = 0; i < n; ++i) {
      powers[i] = static_cast<A>(std::exp(static_cast<double>(static_cast<A>(x[i].f) - maximum)));
      total += powers[i];
    }
    for (int64_t i = 0; i < n; ++i)
      y[i].f = powers[i] / total;
  });
}

template <typename A> static bool isNaN(A value) {
  if constexpr (std::is_floating_point_v<A>)
    return std::isnan(value);
  return false;
}

/// Combines with the running value; maximum and minimum propagate NaN, integers wrap.
template <typename A> static A combine(ingot::ReduceKind kind, A running, A value) {
  using Wrapping = std::conditional_t<std::is_integral_v<A>, uint64_t, A>;
  switch (kind) {
  case ingot::ReduceKind::Sum:
  case ingot::ReduceKind::Mean:
    return static_cast<A>(static_cast<Wrapping>(running) + static_cast<Wrapping>(value));
  case ingot::ReduceKind::Product:
    return static_cast<A>(static_cast<Wrapping>(running) * static_cast<Wrapping>(value));
  case ingot::ReduceKind::Max:
    return value > running || isNaN(value) ? value : running;
  case ingot::ReduceKind::Min:
    return value < running || isNaN(value) ? value : running;
  }
  llvm_unreachable("unknown reduction");
}

/// What a reduction over no or before the first element holds.
template <typename A> static A neutral(ingot::ReduceKind kind, Element element) {
  bool most = kind == ingot::ReduceKind::Min;
  if (most || kind == ingot::ReduceKind::Max) {
    if constexpr (std::is_floating_point_v<A>)
      return most ? std::numeric_limits<A>::infinity() : -std::numeric_limits<A>::infinity();
    // Largest value of the width; i1 counts as 0 and 1.
    auto limit = element == Element::i1 ? 1 : static_cast<int64_t>((uint64_t(1) << (bitWidth(element) - 1)) - 1);
    return static_cast<A>(most ? limit : element == Element::i1 ? 0 : -limit - 1);
  }
  return static_cast<A>(kind == ingot::ReduceKind::Product ? 1 : 0);
}

Array ingot::interpreter::reduce(Mode mode, ReduceKind kind, const Array &input, ArrayRef<int64_t> dims) {
  Shape kept, keptSteps, reduced, reducedSteps;
  int64_t count = 1;
  for (int64_t dim = 0; dim < input.rank(); ++dim) {
    bool drop = llvm::is_contained(dims, dim);
    (drop ? reduced : kept).push_back(input.shape()[dim]);
    (drop ? reducedSteps : keptSteps).push_back(input.strides()[dim]);
    count *= drop ? input.shape()[dim] : 1;
  }
  Array out = Array::uninitialized(input.element(), kept);
  Cell *to = out.data();
  auto run = [&](auto zero, auto get, auto put) {
    using A = decltype(zero);
    // An integer mean over nothing is 0, a float one 0 / 0.
    auto divisor = static_cast<A>(std::is_integral_v<A> ? std::max<int64_t>(count, 1) : count);
    forEachOffset<1>(kept, {ArrayRef<int64_t>(keptSteps)}, [&](const auto &base) {
      A value = neutral<A>(kind, input.element());
      forEachOffset<1>(reduced, {ArrayRef<int64_t>(reducedSteps)}, [&](const auto &offset) {
        value = combine<A>(kind, value, get(input.data()[base[0] + offset[0]]));
      });
      put(*to++, kind == ReduceKind::Mean ? static_cast<A>(value / divisor) : value);
    });
  };
  if (isFloat(input.element()))
    withAccumulator(mode, input.element(), [&](auto zero) {
      run(zero, [](Cell cell) { return static_cast<decltype(zero)>(cell.f); }, [](Cell &cell, auto v) { cell.f = v; });
    });
  else
    // Two's complement in 64 bits; wrapping at the end is wrapping at every step.
    run(
        int64_t(0), [](Cell cell) { return cell.i; },
        [&](Cell &cell, int64_t v) { cell.i = wrapTo(input.element(), v); });
  return out;
}
