// How the gradients of attention become kernels: each is a grid of its own, whose tasks recompute the weights of a
// block of rows, or of keys, from the log-sum-exp (Dao et al., 2022, arXiv:2205.14135). Scores exist only in private
// memory.
#include "dialects/Ingot/Train.h"
#include "lib/Plan/TileBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace ingot;

namespace {

/// Scores that a task keeps at once, and the rows or keys below which a block is not cut further.
constexpr int64_t kScoresPerTask = 32768, kLeastBlock = 8;

/// Extents: sequences, rows, heads, kv heads, keys, columns of keys and of values.
struct Extents {
  int64_t rows, group, keys, depth, valueDepth;

  explicit Extents(AttentionGradOp op) {
    ArrayRef<int64_t> query = KernelBuilder::typeOf(op.getQuery()).getShape();
    ArrayRef<int64_t> key = KernelBuilder::typeOf(op.getKey()).getShape();
    rows = query[1];
    group = query[2] / key[1];
    keys = key[2];
    depth = query[3];
    valueDepth = KernelBuilder::typeOf(op.getValue()).getShape().back();
  }
  /// The step along `extent` of a task that has `other` scores for each.
  static int64_t step(int64_t extent, int64_t other) {
    return largestDivisor(extent, std::max(kLeastBlock, kScoresPerTask / other));
  }
};

/// Scores of some rows [r, h] of one kv head to some keys [j], and what follows from them. Dimensions of its values are
/// named by iteration: r, h, j, then what is summed.
class ScoreTile {
public:
  enum Dim : unsigned { R, H, J, X };

  /// Rows at `row`, keys at `key`, each with an offset and a size, of sequence `batch` and kv head `head`.
  ScoreTile(AttentionGradOp op, KernelBuilder &builder, AffineExpr batch, AffineExpr head,
            std::pair<AffineExpr, int64_t> row, std::pair<AffineExpr, int64_t> key)
      : op(op), builder(builder), t(builder), extents(op), batch(batch), head(head), row(row), key(key),
        type(t.computeType(KernelBuilder::typeOf(op.getQuery()).getElementType())),
        shape({row.second, extents.group, key.second}) {}

  /// [r, h, columns] of query, out or upstream; [r, h] of the log-sum-exp.
  Value rowsOf(Value value) {
    Tile tile = wholeTile(KernelBuilder::typeOf(value));
    set(tile, 0, batch, 1);
    set(tile, 1, row.first, row.second);
    set(tile, 2, head * extents.group, extents.group);
    return t.widened(builder.getReduced(value, tile, {0}));
  }

  /// [j, columns] of key or value.
  Value keysOf(Value value) {
    Tile tile = wholeTile(KernelBuilder::typeOf(value));
    set(tile, 0, batch, 1);
    set(tile, 1, head, 1);
    set(tile, 2, key.first, key.second);
    return t.widened(builder.getReduced(value, tile, {0, 1}));
  }

  /// Weights p [r, h, j].
  Value weights() {
    Value scores = dots(op.getQuery(), op.getKey());
    return finish(scores, {}, {});
  }

  /// scale * p * (upstream . value - upstream . out) [r, h, j].
  Value scaledScoreGradients() {
    Value scores = dots(op.getQuery(), op.getKey()), slopes = dots(op.getUpstream(), op.getValue());
    Value products = t.map({row.second, extents.group, extents.valueDepth}, type,
                           {{rowsOf(op.getUpstream()), {0, 1, 2}}, {rowsOf(op.getOut()), {0, 1, 2}}},
                           [&](OpBuilder &b, ValueRange x) { return math(b).mul(x[0], x[1]); });
    return finish(scores, slopes, t.reduce(ReduceKind::Sum, products, {2}));
  }

  TileBuilder &tiles() { return t; }

private:
  void set(Tile &tile, unsigned dim, AffineExpr offset, int64_t size) {
    tile.offsets[dim] = offset;
    tile.sizes[dim] = size;
  }
  ScalarMath math(OpBuilder &b) { return {b, builder.getLoc(), type}; }

  /// Each row of `rows` times each of `columns`, [r, h, j].
  Value dots(Value rows, Value columns) {
    Value turned = t.transposed(keysOf(columns)); // columns of the result lie together
    return t.contract(rowsOf(rows), {R, H, X}, turned, {X, J}, t.temporary(shape, type), {R, H, J});
  }

  /// Position of the first row among the keys, plus 0, 1, ...; numbers of the keys.
  Value numbers(AffineExpr first, int64_t count, int64_t extent, int64_t shift) {
    Tile tile{{first}, {count}};
    Value all = builder.slice(t.iota(extent), tile);
    if (shift == 0)
      return all;
    return t.map({count}, builder.getBuilder().getI32Type(), {{all, {0}}}, [&](OpBuilder &b, ValueRange x) -> Value {
      Value by = arith::ConstantOp::create(b, builder.getLoc(), b.getI32IntegerAttr(shift));
      return arith::AddIOp::create(b, builder.getLoc(), x[0], by);
    });
  }

  TileInput bias() {
    RankedTensorType biasType = KernelBuilder::typeOf(op.getBias());
    Tile tile = wholeTile(biasType);
    auto of = [&](unsigned dim, AffineExpr offset, int64_t size) {
      if (biasType.getDimSize(dim) != 1)
        set(tile, dim, offset, size);
    };
    of(0, batch, 1);
    of(1, head * extents.group, extents.group);
    of(2, row.first, row.second);
    of(3, key.first, key.second);
    SmallVector<int64_t> dropped = {0};
    SmallVector<unsigned> dims;
    for (auto [dim, iteration] : {std::pair<int64_t, unsigned>(1, H), {2, R}, {3, J}})
      if (tile.sizes[dim] == 1 && shape[iteration] != 1)
        dropped.push_back(dim);
      else
        dims.push_back(iteration);
    return {builder.getReduced(op.getBias(), tile, dropped), dims};
  }

  /// Weights from scores, times `scale * (slope - mean)` where these are given; 0 for keys that a row does not see.
  Value finish(Value scores, Value slopes, Value means) {
    SmallVector<TileInput> inputs = {{scores, {R, H, J}}, {rowsOf(op.getLse()), {R, H}}};
    auto add = [&](TileInput input) {
      inputs.push_back(input);
      return inputs.size() - 1;
    };
    size_t slope = slopes ? add({slopes, {R, H, J}}) : 0, mean = means ? add({means, {R, H}}) : 0;
    size_t biasAt = op.getBias() ? add(bias()) : 0, rowAt = 0, keyAt = 0;
    if (op.getCausal()) {
      rowAt = add({numbers(row.first, row.second, extents.rows, extents.keys - extents.rows), {R}});
      keyAt = add({numbers(key.first, key.second, extents.keys, 0), {J}});
    }
    double scale = op.getScale().convertToDouble();
    return t.map(
        shape, type, inputs,
        [&](OpBuilder &b, ValueRange x) {
          ScalarMath s = math(b);
          Value score = s.mul(x[0], s.constant(scale));
          if (biasAt)
            score = s.add(score, s.widen(x[biasAt]));
          Value result = s.exp(s.sub(score, s.widen(x[1])));
          if (slope)
            result = s.mul(result, s.mul(s.sub(x[slope], x[mean]), s.constant(scale)));
          if (!rowAt)
            return result;
          Value visible = arith::CmpIOp::create(b, s.loc, arith::CmpIPredicate::sle, x[keyAt], x[rowAt]);
          return s.select(visible, result, s.constant(0.0));
        },
        scores);
  }

  AttentionGradOp op;
  KernelBuilder &builder;
  TileBuilder t;
  Extents extents;
  AffineExpr batch, head;
  std::pair<AffineExpr, int64_t> row, key;
  Type type;
  SmallVector<int64_t> shape;
};

struct AttentionGradKernel : KernelOpInterface::ExternalModel<AttentionGradKernel, AttentionGradOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }

  /// Sequences, kv heads, then blocks of rows for the queries' gradient and of keys for the others.
  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    auto grad = cast<AttentionGradOp>(op);
    Extents extents(grad);
    Value result = builder.getRoot();
    RankedTensorType type = KernelBuilder::typeOf(result);
    bool ofQuery = result == grad.getDquery();
    unsigned headDim = ofQuery ? 2 : 1, blockDim = ofQuery ? 1 : 2;
    int64_t heads = ofQuery ? extents.group : 1;
    int64_t step = ofQuery ? Extents::step(extents.rows, extents.group * extents.keys)
                           : Extents::step(extents.keys, extents.group * extents.rows);
    Tiling tiling = {{type.getDimSize(0), type.getDimSize(headDim) / heads, type.getDimSize(blockDim) / step},
                     wholeTile(type)};
    auto cut = [&](unsigned dim, unsigned index, int64_t size) {
      tiling.tile.offsets[dim] = builder.gridIndex(index) * size;
      tiling.tile.sizes[dim] = size;
    };
    cut(0, 0, 1);
    cut(headDim, 1, heads);
    cut(blockDim, 2, step);
    return tiling;
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto grad = cast<AttentionGradOp>(op);
    if (builder.getRoot() == grad.getDquery())
      return emitOfQuery(grad, builder, tile, destination);
    return emitOfKeys(grad, builder, tile, destination);
  }

private:
  using S = ScoreTile;

  static Value emitOfQuery(AttentionGradOp op, KernelBuilder &builder, const Tile &tile, Value destination) {
    Extents extents(op);
    ScoreTile scores(op, builder, builder.gridIndex(0), builder.gridIndex(1), {tile.offsets[1], tile.sizes[1]},
                     {builder.constant(0), extents.keys});
    Value slopes = scores.scaledScoreGradients(), keys = scores.keysOf(op.getKey());
    return contractInto(builder, destination, {0}, {tile.sizes[1], extents.group, extents.depth}, slopes,
                        {S::R, S::H, S::J}, keys, {S::J, S::X}, {S::R, S::H, S::X});
  }

  /// Sums over the rows of all heads of the kv head: heads outermost.
  static Value emitOfKeys(AttentionGradOp op, KernelBuilder &builder, const Tile &tile, Value destination) {
    Extents extents(op);
    bool ofValue = builder.getRoot() == op.getDvalue();
    ScoreTile scores(op, builder, builder.gridIndex(0), builder.gridIndex(1), {builder.constant(0), extents.rows},
                     {tile.offsets[2], tile.sizes[2]});
    Value weights = ofValue ? scores.weights() : scores.scaledScoreGradients();
    Value rows = scores.rowsOf(ofValue ? op.getUpstream() : op.getQuery());
    // Iteration: heads and rows are summed, in this order; keys and columns stay.
    enum : unsigned { Head, Row, Key, Column };
    return contractInto(builder, destination, {0, 1}, {tile.sizes[2], ofValue ? extents.valueDepth : extents.depth},
                        weights, {Row, Head, Key}, rows, {Row, Head, Column}, {Key, Column});
  }

  /// Contracts into `destination` without its dimensions `dropped`, of extent 1.
  static Value contractInto(KernelBuilder &builder, Value destination, ArrayRef<int64_t> dropped,
                            ArrayRef<int64_t> shape, Value lhs, ArrayRef<unsigned> lhsDims, Value rhs,
                            ArrayRef<unsigned> rhsDims, ArrayRef<unsigned> outDims) {
    TileBuilder t(builder);
    Type type = KernelBuilder::typeOf(lhs).getElementType();
    Value result = t.contract(lhs, lhsDims, rhs, rhsDims, t.temporary(shape, type), outDims);
    RankedTensorType full = KernelBuilder::typeOf(builder.getRoot());
    RankedTensorType out = KernelBuilder::typeOf(destination);
    // Where the dimensions of extent 1 are in the result, the sum has none.
    SmallVector<unsigned> dims;
    for (int64_t dim = 0; dim < out.getRank(); ++dim)
      if (!llvm::is_contained(dropped, dim))
        dims.push_back(dim);
    Value into = builder.temporary(out.getShape(), full.getElementType(), destination);
    return t.map(
        out.getShape(), full.getElementType(), {{result, dims}},
        [&](OpBuilder &b, ValueRange x) {
          return ScalarMath{b, builder.getLoc(), type}.narrow(x[0], full.getElementType());
        },
        into);
  }
};

} // namespace

void ingot::registerAttentionGradKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, IngotDialect *) { AttentionGradOp::attachInterface<AttentionGradKernel>(*context); });
}
