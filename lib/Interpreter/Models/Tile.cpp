// tile: the same kernels on tiles. On tensors the result is the updated destination, on memrefs it is written in place.
#include "dialects/Tile/Train.h"
#include "lib/Interpreter/Kernels/Kernels.h"
#include "lib/Interpreter/Models/Models.h"

using namespace mlir;
using namespace ingot::interpreter;
namespace tile = ingot::tile;

namespace {

/// Rounds what an op computed for its whole destination, and returns or writes it.
LogicalResult finishTile(Operation *op, Frame &frame, Array value) {
  if (op->getNumResults() == 1) {
    frame.setRounded(op->getResult(0), std::move(value));
    return success();
  }
  roundElements(value, frame.getMode());
  frame.array(op->getOperands().back()).assign(value);
  return success();
}

std::optional<Array> optionalArray(Value value, Frame &frame) {
  return value ? std::optional(frame.array(value)) : std::nullopt;
}

Shape stridesIn(AffineMap map, const Array &array, unsigned dims) {
  Shape strides(dims, 0);
  for (auto [i, result] : llvm::enumerate(map.getResults()))
    if (auto dim = dyn_cast<AffineDimExpr>(result))
      strides[dim.getPosition()] += array.strides()[i];
  return strides;
}

LogicalResult contractTile(tile::ContractOp op, Frame &frame) {
  Array lhs = frame.array(op.getLhs()), rhs = frame.array(op.getRhs());
  Contraction spec;
  spec.extents = op.getExtents();
  spec.lhsStrides = stridesIn(op.getMap(0), lhs, spec.extents.size());
  spec.rhsStrides = stridesIn(op.getMap(1), rhs, spec.extents.size());
  for (AffineExpr result : op.getMap(2).getResults())
    spec.parallel.push_back(cast<AffineDimExpr>(result).getPosition());
  spec.reduction = op.getReductionDims();
  Element result = *elementOf(getElementTypeOrSelf(op.getOut().getType()));
  return finishTile(op, frame, contract(frame.getMode(), spec, lhs, rhs, result));
}

/// Runs the body once on whole tiles: its scalar operations are elementwise, so their models take arrays too.
LogicalResult mapTile(tile::MapOp op, Frame &frame) {
  ArrayRef<int64_t> shape = cast<ShapedType>(op.getOut().getType()).getShape();
  SmallVector<Datum> arguments;
  for (auto [i, operand] : llvm::enumerate(op.getInputs())) {
    AffineMap map = op.getMap(i);
    Array input = frame.array(operand);
    // Constant results fix an index; the remaining dimensions are strides of the destination's.
    SmallVector<int64_t> offsets(input.rank(), 0), sizes(input.shape()), ones(input.rank(), 1);
    for (auto [dim, result] : llvm::enumerate(map.getResults()))
      if (auto constant = dyn_cast<AffineConstantExpr>(result)) {
        offsets[dim] = constant.getValue();
        sizes[dim] = 1;
      }
    arguments.push_back(input.slice(offsets, sizes, ones).restrided(shape, stridesIn(map, input, shape.size())));
  }
  auto yielded = frame.run(op.getBody().front(), arguments);
  if (failed(yielded))
    return failure();
  // A new array in any case: the destination may be what was read.
  Array value;
  if (auto *scalar = std::get_if<Scalar>(&yielded->front()))
    value = Array::filled(scalar->element, shape, scalar->cell);
  else
    value = std::get<Array>(yielded->front()).clone();
  return finishTile(op, frame, value);
}

LogicalResult rowTile(tile::RowOp op, Frame &frame) {
  Mode mode = frame.getMode();
  double eps = op.getEps().convertToDouble();
  auto inputs = llvm::map_to_vector(op.getInputs(), [&](Value input) { return frame.array(input); });
  switch (op.getKind()) {
  case tile::RowKind::RmsNorm:
    return finishTile(op, frame, rmsNorm(mode, inputs[0], inputs[1], eps));
  case tile::RowKind::LayerNorm: {
    auto bias = inputs.size() == 3 ? std::optional(inputs[2]) : std::nullopt;
    return finishTile(op, frame, layerNorm(mode, inputs[0], inputs[1], bias, eps));
  }
  case tile::RowKind::Softmax:
    return finishTile(op, frame, softmax(mode, inputs[0]));
  }
  llvm_unreachable("unknown row kind");
}

LogicalResult reduceTile(tile::ReduceOp op, Frame &frame) {
  return finishTile(op, frame, reduce(frame.getMode(), op.getKind(), frame.array(op.getInput()), op.getDims()));
}

LogicalResult ropeTile(tile::RopeOp op, Frame &frame) {
  return finishTile(op, frame,
                    rope(frame.getMode(), frame.array(op.getInput()), frame.array(op.getCos()),
                         frame.array(op.getSin()), frame.array(op.getPositions()), op.getInterleaved()));
}

LogicalResult positionsTile(tile::PositionsOp op, Frame &frame) {
  auto type = cast<ShapedType>(op.getOut().getType());
  Array out = positions(frame.array(op.getStart()), type.getDimSize(1));
  return finishTile(op, frame, Array::ofInts(*elementOf(type.getElementType()), out.shape(), out.ints()));
}

LogicalResult attentionTile(tile::AttentionOp op, Frame &frame) {
  AttentionInputs inputs{frame.array(op.getQuery()),
                         frame.array(op.getKey()),
                         frame.array(op.getValue()),
                         optionalArray(op.getStart(), frame),
                         optionalArray(op.getCount(), frame),
                         optionalArray(op.getBias(), frame),
                         op.getCausal(),
                         op.getScale().convertToDouble()};
  if (op.getRow())
    inputs.row = frame.integer(op.getRow());
  return finishTile(op, frame, attend(frame.getMode(), inputs).first);
}

LogicalResult partialAttentionTile(tile::PartialAttentionOp op, Frame &frame) {
  AttentionInputs inputs{frame.array(op.getQuery()),
                         frame.array(op.getKey()),
                         frame.array(op.getValue()),
                         frame.array(op.getStart()),
                         frame.array(op.getCount()),
                         optionalArray(op.getBias(), frame),
                         op.getCausal(),
                         op.getScale().convertToDouble()};
  return finishTile(op, frame, attendToPart(frame.getMode(), inputs, frame.integer(op.getFirst())));
}

LogicalResult combineAttentionTile(tile::CombineAttentionOp op, Frame &frame) {
  Element result = *elementOf(getElementTypeOrSelf(op.getOut().getType()));
  return finishTile(op, frame, combineAttention(frame.getMode(), frame.array(op.getParts()), result));
}

LogicalResult gatherTile(tile::GatherOp op, Frame &frame) {
  return finishTile(op, frame, gather(frame.array(op.getTable()), frame.array(op.getIndices()), op.getPanels()));
}

/// Keeps what it does not write, so it works on the destination itself.
LogicalResult scatterTile(tile::ScatterOp op, Frame &frame) {
  Array start = frame.array(op.getStart()), count = frame.array(op.getCount());
  auto sources = llvm::map_to_vector(op.getSources(), [&](Value source) { return frame.array(source); });
  Array page = op->getNumResults() ? frame.takeForUpdate(op.getOutMutable()) : frame.array(op.getOut());
  llvm::SmallBitVector leading(6);
  leading.set(0, 2);
  SmallVector<int64_t> offsets(6, 0), sizes(page.shape()), ones(6, 1);
  sizes[1] = 1;
  for (auto [part, source] : llvm::enumerate(sources)) {
    offsets[1] = static_cast<int64_t>(part);
    appendRows(source, page.slice(offsets, sizes, ones).dropDims(leading), start, count);
  }
  if (op->getNumResults())
    frame.set(op->getResult(0), page);
  return success();
}

/// As `scatterTile`: other counts stay.
LogicalResult countTokensTile(tile::CountTokensOp op, Frame &frame) {
  Array tokens = frame.array(op.getTokens()), start = frame.array(op.getStart()), count = frame.array(op.getCount()),
        sampled = frame.array(op.getSampled());
  Array counts = op->getNumResults() ? frame.takeForUpdate(op.getOutMutable()) : frame.array(op.getOut());
  countTokens(tokens, counts, start, count, sampled);
  if (op->getNumResults())
    frame.set(op->getResult(0), counts);
  return success();
}

LogicalResult sampleWeightsTile(tile::SampleWeightsOp op, Frame &frame) {
  auto parameters = llvm::map_to_vector(op.getParameters(), [&](Value value) { return frame.array(value); });
  return finishTile(op, frame,
                    sampleWeights(frame.getMode(), frame.array(op.getLogits()), frame.array(op.getCount()),
                                  frame.array(op.getCounts()), parameters));
}

LogicalResult drawTile(tile::DrawOp op, Frame &frame) {
  return finishTile(op, frame,
                    draw(frame.array(op.getWeights()), frame.array(op.getStart()), frame.array(op.getCount()),
                         frame.array(op.getSeed())));
}

LogicalResult scatterAddTile(tile::ScatterAddOp op, Frame &frame) {
  return finishTile(op, frame,
                    scatterAdd(frame.getMode(), frame.array(op.getUpdates()), frame.array(op.getIndices()),
                               frame.array(op.getOut())));
}

} // namespace

void ingot::interpreter::attachTileModels(MLIRContext *context) {
  attach<tile::ContractOp, contractTile>(context);
  attach<tile::MapOp, mapTile>(context);
  attach<tile::RowOp, rowTile>(context);
  attach<tile::ReduceOp, reduceTile>(context);
  attach<tile::RopeOp, ropeTile>(context);
  attach<tile::PositionsOp, positionsTile>(context);
  attach<tile::AttentionOp, attentionTile>(context);
  attach<tile::PartialAttentionOp, partialAttentionTile>(context);
  attach<tile::CombineAttentionOp, combineAttentionTile>(context);
  attach<tile::GatherOp, gatherTile>(context);
  attach<tile::ScatterOp, scatterTile>(context);
  attach<tile::CountTokensOp, countTokensTile>(context);
  attach<tile::SampleWeightsOp, sampleWeightsTile>(context);
  attach<tile::DrawOp, drawTile>(context);
  attach<tile::ScatterAddOp, scatterAddTile>(context);
}
