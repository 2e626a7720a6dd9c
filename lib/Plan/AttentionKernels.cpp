// How attention, rotary embedding and cache updates become kernels.
#include "lib/Plan/TileBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot;

namespace {

Type elementTypeOf(Value value) { return KernelBuilder::typeOf(value).getElementType(); }

/// [b, ...] offsets and sizes of `tile`'s first `count` dimensions.
Tile leading(const Tile &tile, size_t count) {
  return {SmallVector<AffineExpr>(ArrayRef(tile.offsets).take_front(count)),
          SmallVector<int64_t>(ArrayRef(tile.sizes).take_front(count))};
}

struct PositionsKernel : KernelOpInterface::ExternalModel<PositionsKernel, PositionsOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Pointwise; }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto positions = cast<PositionsOp>(op);
    // Rows count from 0 in the tile op, so the tile must begin at row 0: compute all rows, then slice.
    Tile rows = wholeTile(KernelBuilder::typeOf(positions.getResult()));
    rows.offsets[0] = tile.offsets[0];
    rows.sizes[0] = tile.sizes[0];
    bool whole = rows == tile;
    Value start = builder.get(positions.getStart(), leading(tile, 1));
    Value out = builder.temporary(rows.sizes, elementTypeOf(positions.getResult()), whole ? destination : Value());
    Value result =
        tile::PositionsOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()), start, out)
            ->getResult(0);
    Tile local = tile;
    local.offsets[0] = builder.constant(0);
    return builder.slice(result, local);
  }
};

struct RopeKernel : KernelOpInterface::ExternalModel<RopeKernel, RopeOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Pointwise; }

  /// One head per task.
  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    RankedTensorType type = KernelBuilder::typeOf(op->getResult(0));
    Tiling tiling = {{type.getDimSize(2)}, wholeTile(type)};
    tiling.tile.offsets[2] = builder.gridIndex(0);
    tiling.tile.sizes[2] = 1;
    return tiling;
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto rope = cast<RopeOp>(op);
    Tile heads = tile; // whole heads
    heads.offsets[3] = builder.constant(0);
    heads.sizes[3] = KernelBuilder::typeOf(rope.getInput()).getDimSize(3);
    bool whole = heads == tile;
    Value input = builder.get(rope.getInput(), heads);
    Value cos = builder.getWhole(rope.getCos()), sin = builder.getWhole(rope.getSin());
    Value positions = builder.get(rope.getPositions(), leading(tile, 2));
    Value out = builder.temporary(heads.sizes, elementTypeOf(rope.getResult()), whole ? destination : Value());
    Value result = tile::RopeOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()),
                                        rope.getInterleavedAttr(), input, cos, sin, positions, out)
                       ->getResult(0);
    Tile local = wholeTile(KernelBuilder::typeOf(result));
    local.offsets[3] = tile.offsets[3];
    local.sizes[3] = tile.sizes[3];
    return builder.slice(result, local);
  }
};

/// Attention of a few rows to more keys than this is cut along the keys, so that there are tasks for many workers even
/// where there are few heads.
constexpr int64_t kFewRows = 4, kManyKeys = 1024;
constexpr int64_t kLeastKeysPerPart = 256, kMostParts = 32, kTasksWanted = 32;
/// Rows of all heads of a kv head that one task takes when there are many.
constexpr int64_t kRowsPerTask = 64, kLeastRowsPerTask = 16;

struct AttentionKernel : KernelOpInterface::ExternalModel<AttentionKernel, AttentionOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }

  std::optional<PartialKernel> getPartialKernel(Operation *op, KernelBuilder &builder) const {
    auto attention = cast<AttentionOp>(op);
    RankedTensorType type = KernelBuilder::typeOf(attention.getOut());
    int64_t parts = partsOf(attention);
    if (parts == 1 && !needsSums(attention))
      return std::nullopt;
    SmallVector<int64_t> shape(type.getShape());
    shape.insert(shape.end() - 1, parts);
    shape.back() += 2;
    Type element = type.getElementTypeBitWidth() < 32 ? Float32Type::get(op->getContext()) : type.getElementType();
    PartialKernel kernel{RankedTensorType::get(shape, element), perKvHead(attention, builder, shape)};
    if (parts == 1) {
      // All keys in one part, and as many rows as there may be.
      if (!attention.getStart())
        cutRows(attention, builder, kernel.tiling);
      return kernel;
    }
    kernel.tiling.grid.push_back(parts);
    kernel.tiling.tile.offsets[3] = builder.gridIndex(2);
    kernel.tiling.tile.sizes[3] = 1;
    return kernel;
  }

  Value emitPart(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto attention = cast<AttentionOp>(op);
    int64_t keys = KernelBuilder::typeOf(attention.getKey()).getDimSize(2) / partsOf(attention);
    Inputs in(attention, builder, tile, {tile.offsets[3] * keys, keys});
    if (!in.start)
      std::tie(in.start, in.count) = placeOf(attention, builder, tile);
    Value first = builder.index(tile.offsets[3] * keys);
    Value out = builder.temporary(tile.sizes, elementTypeOf(destination), destination);
    return tile::PartialAttentionOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()),
                                            attention.getCausalAttr(), attention.getScaleAttr(), in.query, in.key,
                                            in.value, first, in.start, in.count, in.bias, out)
        ->getResult(0);
  }

  /// A block of rows of one kv head of one sequence per task, with the query heads that share it; where parts are
  /// combined, rows as they come.
  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    auto attention = cast<AttentionOp>(op);
    if (builder.getParts())
      return splitLeading(builder.getRoot(), builder.getRoot() == attention.getOut() ? 1 : 0);
    RankedTensorType type = KernelBuilder::typeOf(attention.getOut());
    Tiling tiling = perKvHead(attention, builder, type.getShape());
    cutRows(attention, builder, tiling);
    return tiling;
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto attention = cast<AttentionOp>(op);
    if (builder.getRoot() != attention.getOut())
      return emitLogSumExp(builder, tile, destination);
    Value out = builder.temporary(tile.sizes, elementTypeOf(attention.getOut()), destination);
    OpBuilder &b = builder.getBuilder();
    if (Value parts = builder.getParts()) {
      Tile whole = wholeTile(KernelBuilder::typeOf(parts));
      for (unsigned dim = 0; dim < 3; ++dim) {
        whole.offsets[dim] = tile.offsets[dim];
        whole.sizes[dim] = tile.sizes[dim];
      }
      return tile::CombineAttentionOp::create(b, builder.getLoc(), TypeRange(out.getType()),
                                              builder.slice(parts, whole), out)
          ->getResult(0);
    }
    int64_t keys = KernelBuilder::typeOf(attention.getKey()).getDimSize(2);
    Inputs in(attention, builder, tile, {builder.constant(0), keys});
    // Rows are numbered from 0 of all rows where a task has only some of them.
    RankedTensorType all = KernelBuilder::typeOf(attention.getOut());
    Value row;
    if (tile.sizes[1] != all.getDimSize(1))
      row = builder.index(tile.offsets[1] + (attention.getStart() ? 0 : keys - all.getDimSize(1)));
    return tile::AttentionOp::create(b, builder.getLoc(), TypeRange(out.getType()), attention.getCausalAttr(),
                                     attention.getScaleAttr(), in.query, in.key, in.value, row, in.start, in.count,
                                     in.bias, out)
        ->getResult(0);
  }

private:
  static int64_t groupOf(AttentionOp op) {
    return KernelBuilder::typeOf(op.getQuery()).getDimSize(2) / KernelBuilder::typeOf(op.getKey()).getDimSize(1);
  }

  /// Whether the log-sum-exp of the scores is asked for.
  static bool needsSums(AttentionOp op) { return op.getLse() && !op.getLse().use_empty(); }

  /// Blocks of rows where there are many; a number of rows without a fitting divisor stays whole.
  static void cutRows(AttentionOp op, KernelBuilder &builder, Tiling &tiling) {
    int64_t rows = KernelBuilder::typeOf(op.getQuery()).getDimSize(1), group = groupOf(op);
    int64_t step = largestDivisor(rows, std::max<int64_t>(1, kRowsPerTask / group));
    if (step == rows || step * group < kLeastRowsPerTask)
      return;
    tiling.tile.offsets[1] = builder.gridIndex(2) * step;
    tiling.tile.sizes[1] = step;
    tiling.grid.push_back(rows / step);
  }

  /// start and count that say about the rows of `tile` what attention without a cache means.
  static std::pair<Value, Value> placeOf(AttentionOp op, KernelBuilder &builder, const Tile &tile) {
    TileBuilder t(builder);
    int64_t rows = KernelBuilder::typeOf(op.getQuery()).getDimSize(1);
    int64_t keys = KernelBuilder::typeOf(op.getKey()).getDimSize(2);
    auto constant = [&](int64_t value, ArrayRef<TileInput> plus) {
      return t.map({1}, builder.getBuilder().getI32Type(), plus, [&](OpBuilder &b, ValueRange x) -> Value {
        Value result = arith::ConstantOp::create(b, builder.getLoc(), b.getI32IntegerAttr(value));
        return x.empty() ? result : arith::AddIOp::create(b, builder.getLoc(), result, x[0]).getResult();
      });
    };
    if (!op.getCausal())
      return {constant(0, {}), constant(std::max(rows, keys), {})};
    Value row = builder.slice(t.iota(rows), {{tile.offsets[1]}, {1}});
    return {constant(keys - rows, {{row, {0}}}), constant(rows, {})};
  }

  /// Largest score + log of the sum of the only part.
  static Value emitLogSumExp(KernelBuilder &builder, const Tile &tile, Value destination) {
    TileBuilder t(builder);
    int64_t width = KernelBuilder::typeOf(builder.getParts()).getShape().back();
    Type type = elementTypeOf(builder.getParts()), element = elementTypeOf(builder.getRoot());
    auto column = [&](int64_t number) {
      Tile part = tile;
      part.offsets.append({builder.constant(0), builder.constant(number)});
      part.sizes.append({1, 1});
      return TileInput{builder.slice(builder.getParts(), part, {3, 4}), {0, 1, 2}};
    };
    Value out = builder.temporary(tile.sizes, element, destination);
    return t.map(
        tile.sizes, element, {column(width - 2), column(width - 1)},
        [&](OpBuilder &b, ValueRange x) {
          ScalarMath s{b, builder.getLoc(), type};
          return s.narrow(s.add(x[0], s.log(x[1])), element);
        },
        out);
  }

  /// Into how many parts the keys are cut: by shape alone.
  static int64_t partsOf(AttentionOp op) {
    if (needsSums(op))
      return 1;
    RankedTensorType query = KernelBuilder::typeOf(op.getQuery()), key = KernelBuilder::typeOf(op.getKey());
    int64_t keys = key.getDimSize(2), tasks = key.getDimSize(0) * key.getDimSize(1);
    if (!op.getStart() || query.getDimSize(1) > kFewRows || keys < kManyKeys)
      return 1;
    int64_t wanted = llvm::divideCeil(kTasksWanted, tasks);
    return largestDivisor(keys, std::min({wanted, kMostParts, keys / kLeastKeysPerPart}));
  }

  /// Sequence and kv head; `shape` begins with those of the query's dimensions that are not of one head.
  static Tiling perKvHead(AttentionOp op, KernelBuilder &builder, ArrayRef<int64_t> shape) {
    int64_t group = groupOf(op);
    Tiling tiling = {{shape[0], shape[2] / group}, {}};
    tiling.tile.offsets.assign(shape.size(), builder.constant(0));
    tiling.tile.sizes.assign(shape.begin(), shape.end());
    tiling.tile.offsets[0] = builder.gridIndex(0);
    tiling.tile.sizes[0] = 1;
    tiling.tile.offsets[2] = builder.gridIndex(1) * group;
    tiling.tile.sizes[2] = group;
    return tiling;
  }

  /// What a task reads to compute the rows and heads of `tile` from a range of keys.
  struct Inputs {
    Value query, key, value, start, count, bias;

    Inputs(AttentionOp op, KernelBuilder &builder, const Tile &tile, std::pair<AffineExpr, int64_t> range) {
      auto perSequence = [&](Value value) { return value ? builder.get(value, leading(tile, 1)) : Value(); };
      Tile rows = wholeTile(KernelBuilder::typeOf(op.getQuery()));
      for (unsigned dim = 0; dim < 3; ++dim) {
        rows.offsets[dim] = tile.offsets[dim];
        rows.sizes[dim] = tile.sizes[dim];
      }
      query = builder.get(op.getQuery(), rows);
      key = builder.get(op.getKey(), page(op.getKey(), tile, groupOf(op), range));
      value = builder.get(op.getValue(), page(op.getValue(), tile, groupOf(op), range));
      start = perSequence(op.getStart());
      count = perSequence(op.getCount());
      if (op.getBias())
        bias = builder.get(op.getBias(), biasTile(op, tile, range));
    }

    static Tile page(Value value, const Tile &tile, int64_t group, std::pair<AffineExpr, int64_t> range) {
      Tile page = wholeTile(KernelBuilder::typeOf(value));
      page.offsets[0] = tile.offsets[0];
      page.sizes[0] = tile.sizes[0];
      page.offsets[1] = tile.offsets[2].floorDiv(group);
      page.sizes[1] = tile.sizes[2] / group;
      page.offsets[2] = range.first;
      page.sizes[2] = range.second;
      return page;
    }

    /// bias is [batch | 1, heads | 1, rows | 1, keys | 1].
    static Tile biasTile(AttentionOp op, const Tile &tile, std::pair<AffineExpr, int64_t> range) {
      Tile result = wholeTile(KernelBuilder::typeOf(op.getBias()));
      for (auto [dim, from] : {std::pair(0, 0), std::pair(1, 2), std::pair(2, 1)})
        if (result.sizes[dim] != 1) {
          result.offsets[dim] = tile.offsets[from];
          result.sizes[dim] = tile.sizes[from];
        }
      if (result.sizes[3] != 1) {
        result.offsets[3] = range.first;
        result.sizes[3] = range.second;
      }
      return result;
    }
  };
};

struct KvAppendKernel : KernelOpInterface::ExternalModel<KvAppendKernel, KvAppendOp> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Root; }

  /// New keys and values are computed in the task that stores them.
  bool fusesProducer(Operation *op, OpOperand &operand) const {
    auto append = cast<KvAppendOp>(op);
    return operand.get() == append.getKey() || operand.get() == append.getValue();
  }

  /// One task per kv head writes its page of keys and values.
  Tiling getTiling(Operation *op, KernelBuilder &builder) const {
    auto append = cast<KvAppendOp>(op);
    RankedTensorType type = KernelBuilder::typeOf(append.getResult());
    Tiling tiling = {{type.getDimSize(3)}, wholeTile(type)};
    tiling.tile.offsets[0] = builder.constant(append.getLayer());
    tiling.tile.sizes[0] = 1;
    tiling.tile.offsets[3] = builder.gridIndex(0);
    tiling.tile.sizes[3] = 1;
    return tiling;
  }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    auto append = cast<KvAppendOp>(op);
    Tile rows = wholeTile(KernelBuilder::typeOf(append.getKey()));
    rows.offsets[2] = tile.offsets[3];
    rows.sizes[2] = tile.sizes[3];
    Value key = builder.get(append.getKey(), rows), value = builder.get(append.getValue(), rows);
    Value start = builder.getWhole(append.getStart()), count = builder.getWhole(append.getCount());
    Value out = builder.temporary(tile.sizes, elementTypeOf(append.getResult()), destination);
    return tile::ScatterOp::create(builder.getBuilder(), builder.getLoc(), TypeRange(out.getType()),
                                   ValueRange{key, value}, start, count, out)
        ->getResult(0);
  }
};

} // namespace

void ingot::registerAttentionKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    PositionsOp::attachInterface<PositionsKernel>(*context);
    RopeOp::attachInterface<RopeKernel>(*context);
    AttentionOp::attachInterface<AttentionKernel>(*context);
    KvAppendOp::attachInterface<KvAppendKernel>(*context);
  });
}
