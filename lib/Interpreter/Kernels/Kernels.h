// Reference computations on arrays, shared by the models of `ingot` and `tile` operations. Each returns new dense
// arrays whose floats are not yet rounded to the element type; accumulation follows the mode.
#pragma once

#include "ingot/Interpreter/Frame.h"

#include "dialects/Tile/Tile.h"

namespace ingot::interpreter {

/// Calls fn(A()) with the type in which floats of `element` accumulate: double, or float where the mode is typed.
template <typename Fn> void withAccumulator(Mode mode, Element element, Fn fn) {
  if (mode == Mode::Typed && element != Element::f64)
    fn(float());
  else
    fn(double());
}

/// A contraction over one iteration space. Strides are per iteration dimension, in cells, 0 where a dimension is
/// absent.
struct Contraction {
  Shape extents, lhsStrides, rhsStrides;
  /// Iteration dimensions of the result, in its order, and those summed over, the first outermost.
  llvm::SmallVector<unsigned> parallel, reduction;
};
/// The result has elements of type `result`.
Array contract(Mode mode, const Contraction &spec, const Array &lhs, const Array &rhs, Element result);

struct AttentionInputs {
  Array query, key, value;
  std::optional<Array> start, count, bias;
  bool causal = false;
  double scale = 1.0;
  std::optional<int64_t> row = {}; // as in `tile.attention`
};
/// As `tile.partial_attention`: the keys at hand are those from position `first` on.
Array attendToPart(Mode mode, const AttentionInputs &inputs, int64_t first);
/// As `tile.combine_attention`; the result has elements of type `result`.
Array combineAttention(Mode mode, const Array &parts, Element result);
/// The output and the log-sum-exp (float32, [batch, rows, heads]).
std::pair<Array, Array> attend(Mode mode, const AttentionInputs &inputs);

Array rmsNorm(Mode mode, const Array &input, const Array &scale, double eps);
Array layerNorm(Mode mode, const Array &input, const Array &scale, const std::optional<Array> &bias, double eps);
Array softmax(Mode mode, const Array &input);
Array reduce(Mode mode, ReduceKind kind, const Array &input, llvm::ArrayRef<int64_t> dims);

Array rope(Mode mode, const Array &input, const Array &cos, const Array &sin, const Array &positions, bool interleaved);
Array positions(const Array &start, int64_t rows);
/// Row count[b] - 1 of each sequence, clamped to its rows.
Array lastRow(const Array &input, const Array &count);
/// `panels`: the table is stored in panels along its first axis.
Array gather(const Array &table, const Array &indices, bool panels);
/// Writes rows c < count[b] of `source` [b, c, g, d] to page [b, g, start[b] + c, d]; rows outside are not written.
void appendRows(const Array &source, const Array &page, const Array &start, const Array &count);

struct LossInputs {
  Array logits, targets;
  std::optional<Array> weights;
  double zLoss = 0.0;
};
/// The loss and the log-sum-exp of each row (float32), as `ingot.cross_entropy` has them.
std::pair<Array, Array> crossEntropy(Mode mode, const LossInputs &inputs);
Array crossEntropyGrad(Mode mode, const LossInputs &inputs, const Array &lse, const Array &upstream);
Array scatterAdd(Mode mode, const Array &updates, const Array &indices, const Array &into);
/// Gradients of query, key and value; `inputs` without a cache.
std::array<Array, 3> attentionGrad(Mode mode, const AttentionInputs &inputs, const Array &out, const Array &lse,
                                   const Array &upstream);

/// `ingot.count_tokens` on `counts` itself.
void countTokens(const Array &tokens, const Array &counts, const Array &start, const Array &count,
                 const Array &sampled);
/// Weights as `tile.sample_weights` has them; `parameters` are temperature, top_k, top_p, presence, frequency,
/// repetition.
Array sampleWeights(Mode mode, const Array &logits, const Array &count, const Array &counts,
                    llvm::ArrayRef<Array> parameters);
Array draw(const Array &weights, const Array &start, const Array &count, const Array &seed);

} // namespace ingot::interpreter
