// ingot: named tensor operations, on the kernels in lib/Interpreter/Kernels.
#include "lib/Interpreter/Kernels/Kernels.h"
#include "lib/Interpreter/Models/Models.h"

#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

namespace {

std::optional<Array> optionalArray(Value value, Frame &frame) {
  return value ? std::optional(frame.array(value)) : std::nullopt;
}

/// One iteration dimension per batch, free and contracting dimension, in the order of the result.
LogicalResult dot(DotOp op, Frame &frame) {
  Array lhs = frame.array(op.getLhs()), rhs = frame.array(op.getRhs());
  Contraction spec;
  auto addDim = [&](int64_t left, int64_t right, bool reduced) {
    unsigned dim = spec.extents.size();
    spec.extents.push_back(left >= 0 ? lhs.shape()[left] : rhs.shape()[right]);
    spec.lhsStrides.push_back(left >= 0 ? lhs.strides()[left] : 0);
    spec.rhsStrides.push_back(right >= 0 ? rhs.strides()[right] : 0);
    (reduced ? spec.reduction : spec.parallel).push_back(dim);
  };
  for (auto [left, right] : llvm::zip(op.getLhsBatch(), op.getRhsBatch()))
    addDim(left, right, false);
  for (int64_t left : op.getLhsFree())
    addDim(left, -1, false);
  for (int64_t right : op.getRhsFree())
    addDim(-1, right, false);
  for (auto [left, right] : llvm::zip(op.getLhsContract(), op.getRhsContract()))
    addDim(left, right, true);
  Element result = *elementOf(getElementTypeOrSelf(op.getType()));
  frame.setRounded(op, contract(frame.getMode(), spec, lhs, rhs, result));
  return success();
}

LogicalResult reduction(ReduceOp op, Frame &frame) {
  frame.setRounded(op, reduce(frame.getMode(), op.getKind(), frame.array(op.getInput()), op.getDims()));
  return success();
}

LogicalResult rmsNormOp(RmsNormOp op, Frame &frame) {
  frame.setRounded(op, rmsNorm(frame.getMode(), frame.array(op.getInput()), frame.array(op.getScale()),
                               op.getEps().convertToDouble()));
  return success();
}

LogicalResult layerNormOp(LayerNormOp op, Frame &frame) {
  frame.setRounded(op, layerNorm(frame.getMode(), frame.array(op.getInput()), frame.array(op.getScale()),
                                 optionalArray(op.getBias(), frame), op.getEps().convertToDouble()));
  return success();
}

LogicalResult softmaxOp(SoftmaxOp op, Frame &frame) {
  frame.setRounded(op, softmax(frame.getMode(), frame.array(op.getInput())));
  return success();
}

/// Pointwise formulas "computed in float32": one rounding there, then one to the element type.
template <typename Op> LogicalResult pointwise(Op op, Frame &frame, double (*formula)(double)) {
  bool single = frame.isTyped() && !getElementTypeOrSelf(op.getType()).isF64();
  return elementwise<1>(op, frame, [=](Cell x) {
    double value = formula(x.f);
    return Cell{single ? roundTo(Element::f32, value) : value};
  });
}

double siluOf(double x) { return x / (1.0 + std::exp(-x)); }
double geluErf(double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); }
double geluTanh(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

LogicalResult silu(SiluOp op, Frame &frame) { return pointwise(op, frame, siluOf); }
LogicalResult gelu(GeluOp op, Frame &frame) {
  return pointwise(op, frame, op.getKind() == GeluKind::Erf ? geluErf : geluTanh);
}

LogicalResult broadcast(BroadcastOp op, Frame &frame) {
  Array input = frame.array(op.getInput());
  ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getType()).getShape();
  Shape strides(shape.size(), 0);
  for (auto [i, dim] : llvm::enumerate(op.getDims()))
    strides[dim] = input.shape()[i] == 1 ? 0 : input.strides()[i];
  frame.set(op, input.restrided(shape, strides));
  return success();
}

LogicalResult transpose(TransposeOp op, Frame &frame) {
  frame.set(op, frame.array(op.getInput()).permuted(op.getPermutation()));
  return success();
}

LogicalResult gatherOp(GatherOp op, Frame &frame) {
  frame.set(op, gather(frame.array(op.getTable()), frame.array(op.getIndices()), /*panels=*/false));
  return success();
}

LogicalResult positionsOp(PositionsOp op, Frame &frame) {
  Array out = positions(frame.array(op.getStart()), cast<RankedTensorType>(op.getType()).getDimSize(1));
  Element element = *elementOf(getElementTypeOrSelf(op.getType()));
  frame.set(op, out.element() == element ? out : Array::ofInts(element, out.shape(), out.ints()));
  return success();
}

LogicalResult lastRowOp(LastRowOp op, Frame &frame) {
  frame.set(op, lastRow(frame.array(op.getInput()), frame.array(op.getCount())));
  return success();
}

LogicalResult ropeOp(RopeOp op, Frame &frame) {
  frame.setRounded(op, rope(frame.getMode(), frame.array(op.getInput()), frame.array(op.getCos()),
                            frame.array(op.getSin()), frame.array(op.getPositions()), op.getInterleaved()));
  return success();
}

LogicalResult attention(AttentionOp op, Frame &frame) {
  AttentionInputs inputs{frame.array(op.getQuery()),
                         frame.array(op.getKey()),
                         frame.array(op.getValue()),
                         optionalArray(op.getStart(), frame),
                         optionalArray(op.getCount(), frame),
                         optionalArray(op.getBias(), frame),
                         op.getCausal(),
                         op.getScale().convertToDouble()};
  auto [out, lse] = attend(frame.getMode(), inputs);
  frame.setRounded(op.getOut(), out);
  if (op.getLse())
    frame.setRounded(op.getLse(), lse);
  return success();
}

LogicalResult kvAppend(KvAppendOp op, Frame &frame) {
  Array start = frame.array(op.getStart()), count = frame.array(op.getCount());
  Array cache = frame.takeForUpdate(op.getCacheMutable());
  Array sources[] = {frame.array(op.getKey()), frame.array(op.getValue())};
  ArrayRef<int64_t> shape = cache.shape();
  llvm::SmallBitVector leading(6);
  leading.set(0, 2);
  for (int64_t part = 0; part < 2; ++part) {
    int64_t layer = op.getLayer();
    Array page =
        cache.slice({layer, part, 0, 0, 0, 0}, {1, 1, shape[2], shape[3], shape[4], shape[5]}, {1, 1, 1, 1, 1, 1});
    appendRows(sources[part], page.dropDims(leading), start, count);
  }
  frame.set(op, cache);
  return success();
}

LogicalResult countTokensOp(CountTokensOp op, Frame &frame) {
  Array tokens = frame.array(op.getTokens()), start = frame.array(op.getStart()), count = frame.array(op.getCount()),
        sampled = frame.array(op.getSampled());
  Array counts = frame.takeForUpdate(op.getCountsMutable());
  countTokens(tokens, counts, start, count, sampled);
  frame.set(op, counts);
  return success();
}

LogicalResult sampleOp(SampleOp op, Frame &frame) {
  SmallVector<Array> parameters;
  for (Value parameter :
       {op.getTemperature(), op.getTopK(), op.getTopP(), op.getPresence(), op.getFrequency(), op.getRepetition()})
    parameters.push_back(frame.array(parameter));
  Array weights = sampleWeights(frame.getMode(), frame.array(op.getLogits()), frame.array(op.getCount()),
                                frame.array(op.getCounts()), parameters);
  frame.set(op, draw(weights, frame.array(op.getStart()), frame.array(op.getCount()), frame.array(op.getSeed())));
  return success();
}

} // namespace

void ingot::interpreter::attachIngotModels(MLIRContext *context) {
  attach<DotOp, dot>(context);
  attach<ReduceOp, reduction>(context);
  attach<RmsNormOp, rmsNormOp>(context);
  attach<LayerNormOp, layerNormOp>(context);
  attach<SoftmaxOp, softmaxOp>(context);
  attach<SiluOp, silu>(context);
  attach<GeluOp, gelu>(context);
  attach<BroadcastOp, broadcast>(context);
  attach<TransposeOp, transpose>(context);
  attach<GatherOp, gatherOp>(context);
  attach<PositionsOp, positionsOp>(context);
  attach<LastRowOp, lastRowOp>(context);
  attach<RopeOp, ropeOp>(context);
  attach<AttentionOp, attention>(context);
  attach<KvAppendOp, kvAppend>(context);
  attach<CountTokensOp, countTokensOp>(context);
  attach<SampleOp, sampleOp>(context);
}
