// How the loss becomes kernels: statistics of rows in parallel, then one task that adds them in order.
#include "dialects/Ingot/Train.h"
#include "lib/Plan/TileBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;

namespace {

/// Logits that one task takes: whole rows.
constexpr int64_t kLogitsPerTask = 16384;
/// Columns that are summed beside each other: a sum over a row is a tree with this many leaves.
constexpr int64_t kColumns = 64;

/// The dimensions of `tile` before the last.
Tile rowsOf(const Tile &tile) {
  return {SmallVector<AffineExpr>(ArrayRef(tile.offsets).drop_back()),
          SmallVector<int64_t>(ArrayRef(tile.sizes).drop_back())};
}

SmallVector<unsigned> dims(unsigned count) { return llvm::to_vector(llvm::seq<unsigned>(0, count)); }

/// Reduces the last dimension of `input`: columns at a distance of `kColumns` first, the rest last.
Value reduceRows(TileBuilder &t, KernelBuilder &builder, ReduceKind kind, Value input) {
  ArrayRef<int64_t> shape = KernelBuilder::typeOf(input).getShape();
  int64_t last = shape.size() - 1, whole = shape.back() / kColumns * kColumns;
  if (whole <= kColumns)
    return t.reduce(kind, input, {last});
  SmallVector<int64_t> zero(shape.size(), 0), sizes(shape);
  sizes.back() = whole;
  Value blocks = t.slice(input, zero, sizes);
  SmallVector<ReassociationIndices> groups;
  for (int64_t dim = 0; dim <= last; ++dim)
    groups.push_back({dim});
  groups.back().push_back(last + 1);
  sizes.back() = whole / kColumns;
  sizes.push_back(kColumns);
  Type element = KernelBuilder::typeOf(input).getElementType();
  blocks = tensor::ExpandShapeOp::create(builder.getBuilder(), builder.getLoc(), RankedTensorType::get(sizes, element),
                                         blocks, groups);
  Value result = t.reduce(kind, t.reduce(kind, blocks, {last}), {last});
  if (whole == shape.back())
    return result;
  SmallVector<int64_t> offsets(zero), rest(shape);
  offsets.back() = whole;
  rest.back() = shape.back() - whole;
  Value tail = t.reduce(kind, t.slice(input, offsets, rest), {last});
  SmallVector<unsigned> all = dims(last);
  return t.map(shape.drop_back(), element, {{result, all}, {tail, all}}, [&](OpBuilder &b, ValueRange x) -> Value {
    if (kind == ReduceKind::Sum)
      return arith::AddFOp::create(b, builder.getLoc(), x[0], x[1]);
    return arith::MaximumFOp::create(b, builder.getLoc(), x[0], x[1]);
  });
}

/// Targets in the vocabulary.
Value clamped(OpBuilder &b, Location loc, Value target, int64_t vocabulary) {
  auto constant = [&](int64_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value)).getResult();
  };
  target = arith::MaxSIOp::create(b, loc, target, constant(0));
  return arith::MinSIOp::create(b, loc, target, constant(vocabulary - 1));
}

Value equal(OpBuilder &b, Location loc, Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, x, y);
}

/// Results: the loss, and the log-sum-exp of each row. The partial kernel computes the latter and the logit of the
/// target, [..., 2].
struct CrossEntropyKernel : KernelOpInterface::ExternalModel<CrossEntropyKernel, CrossEntropyOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }

  std::optional<PartialKernel> getPartialKernel(Operation *op, KernelBuilder &builder) const {
    auto loss = cast<CrossEntropyOp>(op);
    RankedTensorType type = KernelBuilder::typeOf(loss.getLogits());
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = 2;
    Tiling tiling = splitLeading(loss.getLogits(), 1, kLogitsPerTask);
    tiling.tile.sizes.back() = 2;
    Type element = type.getElementType().isF64() ? type.getElementType() : Float32Type::get(op->getContext());
    return PartialKernel{RankedTensorType::get(shape, element), tiling};
  }

  Value emitPart(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto loss = cast<CrossEntropyOp>(op);
    TileBuilder t(builder);
    Location loc = builder.getLoc();
    int64_t vocabulary = KernelBuilder::typeOf(loss.getLogits()).getShape().back();
    Tile rows = rowsOf(tile), box = tile;
    box.sizes.back() = vocabulary;
    Type type = KernelBuilder::typeOf(destination).getElementType();
    Value logits = t.widened(builder.get(loss.getLogits(), box)), targets = builder.get(loss.getTargets(), rows);
    SmallVector<unsigned> all = dims(box.sizes.size()), row = dims(rows.sizes.size());
    unsigned last = row.size();
    Value maximum = reduceRows(t, builder, ReduceKind::Max, logits);
    Value powers = t.map(box.sizes, type, {{logits, all}, {maximum, row}}, [&](OpBuilder &b, ValueRange x) {
      ScalarMath s{b, loc, type};
      return s.exp(s.sub(x[0], x[1]));
    });
    Value sum = reduceRows(t, builder, ReduceKind::Sum, powers);
    Value chosen = t.map(
        box.sizes, type, {{logits, all}, {targets, row}, {t.iota(vocabulary), {last}}},
        [&](OpBuilder &b, ValueRange x) {
          ScalarMath s{b, loc, type};
          return s.select(equal(b, loc, clamped(b, loc, x[1], vocabulary), x[2]), x[0], s.constant(0.0));
        },
        powers);
    Value logit = reduceRows(t, builder, ReduceKind::Sum, chosen);
    SmallVector<int64_t> two(rows.sizes);
    two.push_back(2);
    Value out = builder.temporary(two, type, destination);
    return t.map(
        two, type, {{maximum, row}, {sum, row}, {logit, row}, {t.iota(2), {last}}},
        [&](OpBuilder &b, ValueRange x) {
          ScalarMath s{b, loc, type};
          Value zero = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
          return s.select(equal(b, loc, x[3], zero), s.add(x[0], s.log(x[1])), x[2]);
        },
        out);
  }

  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    if (builder.getRoot() == cast<CrossEntropyOp>(op).getLoss())
      return wholeTiling(builder.getRoot());
    return splitLeading(builder.getRoot(), 0);
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto loss = cast<CrossEntropyOp>(op);
    if (builder.getRoot() == loss.getLoss())
      return emitLoss(loss, builder, destination);
    Tile part = tile;
    part.offsets.push_back(builder.constant(0));
    part.sizes.push_back(1);
    int64_t last = tile.sizes.size();
    Value lse = builder.slice(builder.getParts(), part, {last});
    TileBuilder t(builder);
    Type element = KernelBuilder::typeOf(loss.getLse()).getElementType();
    Type type = KernelBuilder::typeOf(lse).getElementType();
    Value out = builder.temporary(tile.sizes, element, destination);
    return t.map(
        tile.sizes, element, {{lse, dims(last)}},
        [&](OpBuilder &b, ValueRange x) { return ScalarMath{b, builder.getLoc(), type}.narrow(x[0], element); }, out);
  }

private:
  static Value emitLoss(CrossEntropyOp op, KernelBuilder &builder, Value destination) {
    TileBuilder t(builder);
    Location loc = builder.getLoc();
    RankedTensorType parts = KernelBuilder::typeOf(builder.getParts());
    Type type = parts.getElementType();
    ArrayRef<int64_t> rows = parts.getShape().drop_back();
    int64_t rank = rows.size(), count = llvm::product_of(rows);
    SmallVector<unsigned> row = dims(rank);
    auto part = [&](int64_t which) {
      SmallVector<int64_t> offsets(rank, 0), sizes(rows);
      offsets.push_back(which);
      sizes.push_back(1);
      return t.slice(builder.getParts(), offsets, sizes, {rank});
    };
    SmallVector<TileInput> inputs = {{part(0), row}, {part(1), row}};
    Value weights = op.getWeights() ? t.widened(builder.getWhole(op.getWeights())) : Value();
    if (weights)
      inputs.push_back({weights, row});
    // Added up in float64: thousands of losses near 10 would cost the sum its last digits, and it is one scalar.
    Type wide = Float64Type::get(op.getContext());
    auto widen = [&](OpBuilder &b, Value x) -> Value {
      return x.getType() == wide ? x : arith::ExtFOp::create(b, loc, wide, x).getResult();
    };
    Value terms = t.map(rows, wide, inputs, [&](OpBuilder &b, ValueRange x) {
      ScalarMath s{b, loc, type}, sum{b, loc, wide};
      Value square = s.mul(s.constant(op.getZLoss().convertToDouble()), s.mul(x[0], x[0]));
      Value term = widen(b, s.add(s.sub(x[0], x[1]), square));
      if (!weights)
        return term;
      Value weight = widen(b, s.widen(x[2]));
      return sum.select(sum.isZero(weight), sum.constant(0.0), sum.mul(weight, term));
    });
    SmallVector<int64_t> all = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    SmallVector<TileInput> sums = {{t.reduce(ReduceKind::Sum, terms, all), {}}};
    if (weights) {
      Value wideWeights =
          t.map(rows, wide, {{weights, row}}, [&](OpBuilder &b, ValueRange x) { return widen(b, x[0]); });
      sums.push_back({t.reduce(ReduceKind::Sum, wideWeights, all), {}});
    }
    Type element = KernelBuilder::typeOf(op.getLoss()).getElementType();
    Value out = builder.temporary({}, element, destination);
    return t.map(
        {}, element, sums,
        [&](OpBuilder &b, ValueRange x) {
          ScalarMath s{b, loc, wide};
          if (!weights)
            return s.narrow(s.div(x[0], s.constant(static_cast<double>(count))), element);
          return s.narrow(s.select(s.isZero(x[1]), s.constant(0.0), s.div(x[0], x[1])), element);
        },
        out);
  }
};

struct CrossEntropyGradKernel : KernelOpInterface::ExternalModel<CrossEntropyGradKernel, CrossEntropyGradOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }
  Tiling getTiling(Operation *op, KernelBuilder &) const { return splitLeading(op->getResult(0), 1, kLogitsPerTask); }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto grad = cast<CrossEntropyGradOp>(op);
    TileBuilder t(builder);
    Location loc = builder.getLoc();
    Tile rows = rowsOf(tile);
    Type element = KernelBuilder::typeOf(grad.getResult()).getElementType(), type = t.computeType(element);
    int64_t vocabulary = tile.sizes.back(), rank = rows.sizes.size();
    SmallVector<unsigned> row = dims(rank);
    Value factors = emitFactors(grad, builder, t, rows, type);
    SmallVector<TileInput> inputs = {{builder.get(grad.getLogits(), tile), dims(rank + 1)},
                                     {builder.get(grad.getTargets(), rows), row},
                                     {builder.get(grad.getLse(), rows), row},
                                     {t.iota(vocabulary), {static_cast<unsigned>(rank)}},
                                     {factors, row}};
    if (grad.getWeights())
      inputs.push_back({builder.get(grad.getWeights(), rows), row});
    Value out = builder.temporary(tile.sizes, element, destination);
    return t.map(
        tile.sizes, element, inputs,
        [&](OpBuilder &b, ValueRange x) {
          ScalarMath s{b, loc, type};
          Value lse = s.widen(x[2]), zero = s.constant(0.0), one = s.constant(1.0);
          Value slope = s.add(one, s.mul(s.constant(2 * grad.getZLoss().convertToDouble()), lse));
          Value share = s.mul(slope, s.exp(s.sub(s.widen(x[0]), lse)));
          Value chosen = equal(b, loc, clamped(b, loc, x[1], vocabulary), x[3]);
          Value result = s.mul(x[4], s.select(chosen, s.sub(share, one), share));
          if (grad.getWeights())
            result = s.select(s.isZero(s.widen(x[5])), zero, s.select(s.isZero(x[4]), zero, result));
          return s.narrow(result, element);
        },
        out);
  }

private:
  /// upstream * weight / sum of the weights, for each row; 0 where that sum is.
  static Value emitFactors(CrossEntropyGradOp op, KernelBuilder &builder, TileBuilder &t, const Tile &rows, Type type) {
    Location loc = builder.getLoc();
    Value upstream = builder.getWhole(op.getUpstream());
    if (!op.getWeights()) {
      auto count = static_cast<double>(KernelBuilder::typeOf(op.getTargets()).getNumElements());
      return t.map(rows.sizes, type, {{upstream, {}}}, [&](OpBuilder &b, ValueRange x) {
        ScalarMath s{b, loc, type};
        return s.div(s.widen(x[0]), s.constant(count));
      });
    }
    Value weights = t.widened(builder.getWhole(op.getWeights()));
    auto all = llvm::to_vector(llvm::seq<int64_t>(0, rows.sizes.size()));
    Value total = t.reduce(ReduceKind::Sum, weights, all);
    return t.map(rows.sizes, type,
                 {{upstream, {}}, {builder.get(op.getWeights(), rows), dims(rows.sizes.size())}, {total, {}}},
                 [&](OpBuilder &b, ValueRange x) {
                   ScalarMath s{b, loc, type};
                   Value sum = s.widen(x[2]), share = s.mul(s.widen(x[0]), s.div(s.widen(x[1]), sum));
                   return s.select(s.isZero(sum), s.constant(0.0), share);
                 });
  }
};

} // namespace

void ingot::registerLossKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    CrossEntropyOp::attachInterface<CrossEntropyKernel>(*context);
    CrossEntropyGradOp::attachInterface<CrossEntropyGradKernel>(*context);
  });
}
