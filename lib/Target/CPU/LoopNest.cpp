#include "lib/Target/CPU/LoopNest.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

namespace {

constexpr int kNone = -1;

/// Emits one nest. Loop order: the plain loops, blocks of the vector loop, blocks of the row loop, reductions; a block
/// is `rows` x `widths` accumulators in registers.
class NestEmitter {
public:
  NestEmitter(ImplicitLocOpBuilder &builder, const LoopNest &nest, VectorShape shape)
      : builder(builder), nest(nest), shape(shape) {}

  void emit();

private:
  struct Block {
    int64_t rows;
    SmallVector<int64_t> widths;
  };
  using Indices = SmallVector<Value>; // one flat index per access: the inputs, then the output

  bool isReduction(unsigned dim) const { return llvm::is_contained(nest.reductionDims, dim); }
  const Access &access(size_t i) const { return i < nest.inputs.size() ? nest.inputs[i] : nest.out; }
  bool canVectorise(unsigned dim) const;
  void chooseVectorDim();
  void chooseRowDim();
  Indices advance(const Indices &indices, unsigned dim, Value iv);
  Indices advance(const Indices &indices, unsigned dim, int64_t distance);
  void emitPlainLoops(ArrayRef<unsigned> dims, const Indices &indices);
  void emitColumnBlocks(const Indices &indices);
  void emitRowBlocks(const SmallVector<int64_t> &widths, const Indices &indices);
  void emitBlock(const Block &block, const Indices &indices);
  SmallVector<Value> emitReductions(const Block &block, size_t depth, const Indices &indices, ValueRange accumulators);
  SmallVector<Value> emitCombine(const Block &block, const Indices &indices, ValueRange accumulators);
  Value loadInput(size_t input, int64_t row, int64_t column, int64_t width, const Indices &indices);

  ImplicitLocOpBuilder &builder;
  const LoopNest &nest;
  VectorShape shape;
  int vectorDim = kNone, rowDim = kNone;
};

} // namespace

/// Along a vector loop the output is contiguous and each input contiguous or constant. `i1` has no vector form in
/// memory: a vector of it is packed bits.
bool NestEmitter::canVectorise(unsigned dim) const {
  if (!nest.vectorise || isReduction(dim) || nest.out.strides[dim] != 1)
    return false;
  for (size_t i = 0; i <= nest.inputs.size(); ++i)
    if (access(i).element.isInteger(1) || access(i).strides[dim] > 1 || access(i).strides[dim] < 0)
      return false;
  return true;
}

void NestEmitter::chooseVectorDim() {
  for (unsigned dim = 0; dim < nest.extents.size(); ++dim)
    if (canVectorise(dim) && (vectorDim == kNone || nest.extents[dim] >= nest.extents[vectorDim]))
      vectorDim = dim;
  for (size_t i = 0; i <= nest.inputs.size(); ++i)
    if (access(i).element.getIntOrFloatBitWidth() == 64)
      shape.lanes = std::max<int64_t>(2, shape.lanes / 2);
}

/// Rows share the vectors that do not depend on them, or at least run independent chains side by side.
void NestEmitter::chooseRowDim() {
  if (nest.reductionDims.empty())
    return;
  auto worth = [&](unsigned dim) {
    bool shares = llvm::any_of(nest.inputs, [&](const Access &input) {
      return input.strides[dim] == 0 && (vectorDim == kNone || input.strides[vectorDim] != 0);
    });
    return std::pair(shares, nest.extents[dim]);
  };
  for (unsigned dim = 0; dim < nest.extents.size(); ++dim)
    if (static_cast<int>(dim) != vectorDim && !isReduction(dim) && nest.extents[dim] > 1 &&
        (rowDim == kNone || worth(dim) >= worth(rowDim)))
      rowDim = dim;
}

NestEmitter::Indices NestEmitter::advance(const Indices &indices, unsigned dim, Value iv) {
  Indices next;
  for (auto [i, index] : llvm::enumerate(indices))
    next.push_back(addScaled(builder, index, iv, access(i).strides[dim]));
  return next;
}

NestEmitter::Indices NestEmitter::advance(const Indices &indices, unsigned dim, int64_t distance) {
  Indices next;
  for (auto [i, index] : llvm::enumerate(indices))
    next.push_back(addConstant(builder, index, access(i).strides[dim] * distance));
  return next;
}

void NestEmitter::emit() {
  chooseVectorDim();
  chooseRowDim();
  SmallVector<unsigned> plain;
  for (unsigned dim = 0; dim < nest.extents.size(); ++dim)
    if (static_cast<int>(dim) != vectorDim && static_cast<int>(dim) != rowDim && !isReduction(dim))
      plain.push_back(dim);
  Indices indices;
  for (size_t i = 0; i <= nest.inputs.size(); ++i)
    indices.push_back(access(i).offset);
  emitPlainLoops(plain, indices);
}

void NestEmitter::emitPlainLoops(ArrayRef<unsigned> dims, const Indices &indices) {
  if (dims.empty())
    return emitColumnBlocks(indices);
  if (nest.extents[dims.front()] == 1)
    return emitPlainLoops(dims.drop_front(), indices);
  emitLoop(builder, indexConstant(builder, nest.extents[dims.front()]), 1, {}, [&](Value iv, ValueRange) {
    emitPlainLoops(dims.drop_front(), advance(indices, dims.front(), iv));
    return SmallVector<Value>();
  });
}

void NestEmitter::emitColumnBlocks(const Indices &indices) {
  if (vectorDim == kNone)
    return emitRowBlocks({1}, indices);
  int64_t extent = nest.extents[vectorDim];
  // Alone, a row needs many chains to hide the latency of its additions; with other rows beside it, few vectors do.
  int64_t vectors = nest.reductionDims.empty() ? 1 : rowDim == kNone ? 8 : shape.registers >= 32 ? 4 : 2;
  int64_t step = vectors * shape.lanes, blocks = extent / step;
  SmallVector<int64_t> full(vectors, shape.lanes);
  if (blocks == 1)
    emitRowBlocks(full, indices);
  else if (blocks > 1)
    emitLoop(builder, indexConstant(builder, blocks * step), step, {}, [&](Value iv, ValueRange) {
      emitRowBlocks(full, advance(indices, vectorDim, iv));
      return SmallVector<Value>();
    });
  if (extent % step != 0)
    emitRowBlocks(chunkWidths(extent % step, shape.lanes), advance(indices, vectorDim, blocks * step));
}

void NestEmitter::emitRowBlocks(const SmallVector<int64_t> &widths, const Indices &indices) {
  if (rowDim == kNone)
    return emitBlock({1, widths}, indices);
  int64_t accumulators = shape.registers >= 32 ? 24 : 12, extent = nest.extents[rowDim];
  int64_t rows =
      std::clamp<int64_t>(accumulators / static_cast<int64_t>(widths.size()), 1, std::min<int64_t>(8, extent));
  int64_t blocks = extent / rows;
  if (blocks == 1)
    emitBlock({rows, widths}, indices);
  else if (blocks > 1)
    emitLoop(builder, indexConstant(builder, blocks * rows), rows, {}, [&](Value iv, ValueRange) {
      emitBlock({rows, widths}, advance(indices, rowDim, iv));
      return SmallVector<Value>();
    });
  if (extent % rows != 0)
    emitBlock({extent % rows, widths}, advance(indices, rowDim, blocks * rows));
}

void NestEmitter::emitBlock(const Block &block, const Indices &indices) {
  SmallVector<Value> accumulators;
  for (int64_t row = 0; row < block.rows; ++row)
    for (int64_t width : block.widths)
      accumulators.push_back(nest.init ? nest.init(builder, width) : Value());
  accumulators = nest.reductionDims.empty() ? emitCombine(block, indices, accumulators)
                                            : emitReductions(block, 0, indices, accumulators);
  auto next = accumulators.begin();
  for (int64_t row = 0; row < block.rows; ++row) {
    int64_t column = 0;
    for (int64_t width : block.widths) {
      Value value = nest.finish ? nest.finish(builder, *next) : *next;
      ++next;
      int64_t distance = column + (rowDim == kNone ? 0 : row * nest.out.strides[rowDim]);
      storeElements(builder, value, nest.out.memref, addConstant(builder, indices.back(), distance));
      column += width;
    }
  }
}

SmallVector<Value> NestEmitter::emitReductions(const Block &block, size_t depth, const Indices &indices,
                                               ValueRange accumulators) {
  if (depth == nest.reductionDims.size())
    return emitCombine(block, indices, accumulators);
  unsigned dim = nest.reductionDims[depth];
  if (nest.extents[dim] == 1)
    return emitReductions(block, depth + 1, indices, accumulators);
  return emitLoop(builder, indexConstant(builder, nest.extents[dim]), 1, accumulators,
                  [&](Value iv, ValueRange carried) {
                    return emitReductions(block, depth + 1, advance(indices, dim, iv), carried);
                  });
}

Value NestEmitter::loadInput(size_t input, int64_t row, int64_t column, int64_t width, const Indices &indices) {
  const Access &access = nest.inputs[input];
  bool contiguous = vectorDim != kNone && access.strides[vectorDim] == 1;
  int64_t distance = (contiguous ? column : 0) + (rowDim == kNone ? 0 : row * access.strides[rowDim]);
  Value loaded =
      loadElements(builder, access.memref, addConstant(builder, indices[input], distance), contiguous ? width : 1);
  if (nest.convert)
    loaded = nest.convert(builder, loaded);
  return contiguous ? loaded : splat(builder, loaded, width);
}

SmallVector<Value> NestEmitter::emitCombine(const Block &block, const Indices &indices, ValueRange accumulators) {
  SmallVector<Value> results;
  // (input, row, column, width): inputs that do not depend on rows are loaded once for all of them.
  std::map<std::tuple<size_t, int64_t, int64_t, int64_t>, Value> loaded;
  for (int64_t row = 0; row < block.rows; ++row) {
    int64_t column = 0;
    for (int64_t width : block.widths) {
      SmallVector<Value> elements;
      for (auto [i, input] : llvm::enumerate(nest.inputs)) {
        bool perRow = rowDim != kNone && input.strides[rowDim] != 0;
        bool perColumn = vectorDim != kNone && input.strides[vectorDim] != 0;
        Value &value = loaded[{i, perRow ? row : 0, perColumn ? column : 0, width}];
        if (!value)
          value = loadInput(i, row, column, width, indices);
        elements.push_back(value);
      }
      results.push_back(nest.combine(builder, accumulators[results.size()], elements, width));
      column += width;
    }
  }
  return results;
}

void cpu::emitLoopNest(ImplicitLocOpBuilder &builder, const LoopNest &nest, VectorShape shape) {
  if (llvm::is_contained(nest.extents, 0) && nest.reductionDims.empty())
    return;
  NestEmitter(builder, nest, shape).emit();
}
