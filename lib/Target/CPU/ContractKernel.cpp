#include "lib/Target/CPU/ContractKernel.h"

#include "lib/Target/CPU/Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

namespace {

/// One dimension of the contraction, or one that was not found.
struct Loop {
  int64_t extent = 1;
  int64_t lhs = 0, rhs = 0, out = 0; // strides in elements
};

/// A contraction as rows x panels x columns x steps, with loops around it. Columns are contiguous in `rhs` and the
/// result, steps are summed.
struct Shape {
  Access lhs, rhs, out;
  SmallVector<Loop> plain;
  Loop rows, panels, columns, steps;
};

/// A block of the result in registers.
struct Block {
  int64_t rows, panels, vectors, tail;
};

/// A function of kernels/Contract.cpp.
struct Kernel {
  StringRef name;
  int64_t operandRegisters = 1; // per register of columns, for the right operand
  bool contiguousSteps = false; // steps must be contiguous in lhs
};

class KernelEmitter {
public:
  KernelEmitter(Emitter &builder, const Kernel &kernel, const Shape &shape, VectorShape machine)
      : e(builder), kernel(kernel), shape(shape), lanes(machine.lanes), registers(machine.registers) {}
  void emit() { emitPlain(shape.plain, {shape.lhs.offset, shape.rhs.offset, shape.out.offset}); }

private:
  struct Indices {
    Value lhs, rhs, out;
  };
  Indices advance(const Indices &at, const Loop &loop, Value iv);
  Indices advance(const Indices &at, const Loop &loop, int64_t distance);
  void emitBlocks(int64_t count, int64_t step, function_ref<Loop()> loop, const Indices &at,
                  function_ref<void(const Indices &)> body);
  void emitPlain(ArrayRef<Loop> loops, const Indices &at);
  void emitPanels(const Indices &at);
  void emitColumns(const Indices &at, int64_t wide);
  void emitRows(const Indices &at, Block block);
  void emitCall(const Indices &at, const Block &block);
  int64_t maxRows(int64_t columns) const;
  int64_t columnsPerBlock() const;

  Emitter &e;
  const Kernel &kernel;
  const Shape &shape;
  int64_t lanes, registers;
};

} // namespace

/// Adjacent reduction loops become one where their strides allow.
static bool addSteps(Loop &steps, const Loop &inner) {
  if (steps.extent == 1) {
    steps = inner;
    return true;
  }
  if (steps.lhs != inner.lhs * inner.extent || steps.rhs != inner.rhs * inner.extent)
    return false;
  steps = {steps.extent * inner.extent, inner.lhs, inner.rhs, 0};
  return true;
}

/// Assigns the loops of `nest` their parts; `swapped` exchanges its inputs.
static std::optional<Shape> match(const LoopNest &nest, bool swapped) {
  Shape shape{nest.inputs[swapped], nest.inputs[!swapped], nest.out, {}, {}, {}, {}, {}};
  SmallVector<Loop> rows, columns;
  for (auto [dim, extent] : llvm::enumerate(nest.extents)) {
    Loop loop{extent, shape.lhs.strides[dim], shape.rhs.strides[dim], shape.out.strides[dim]};
    if (extent == 1)
      continue;
    if (llvm::is_contained(nest.reductionDims, static_cast<unsigned>(dim))) {
      if (!addSteps(shape.steps, loop))
        return std::nullopt;
    } else if (loop.lhs == 0) {
      columns.push_back(loop);
    } else if (loop.rhs == 0) {
      rows.push_back(loop);
    } else {
      shape.plain.push_back(loop);
    }
  }
  auto take = [](SmallVector<Loop> &loops, function_ref<bool(const Loop &)> fits) {
    Loop best;
    auto *at = loops.end();
    for (auto *it = loops.begin(); it != loops.end(); ++it)
      if (fits(*it) && it->extent > best.extent)
        best = *(at = it);
    if (at != loops.end())
      loops.erase(at);
    return best;
  };
  shape.columns = take(columns, [](const Loop &loop) { return loop.rhs == 1 && loop.out == 1; });
  if (shape.columns.extent == 1)
    return std::nullopt;
  shape.panels = take(columns, [](const Loop &) { return true; });
  shape.rows = take(rows, [](const Loop &) { return true; });
  shape.plain.append(rows);
  shape.plain.append(columns);
  return shape;
}

KernelEmitter::Indices KernelEmitter::advance(const Indices &at, const Loop &loop, Value iv) {
  return {addScaled(e, at.lhs, iv, loop.lhs), addScaled(e, at.rhs, iv, loop.rhs), addScaled(e, at.out, iv, loop.out)};
}

KernelEmitter::Indices KernelEmitter::advance(const Indices &at, const Loop &loop, int64_t distance) {
  return {addConstant(e, at.lhs, loop.lhs * distance), addConstant(e, at.rhs, loop.rhs * distance),
          addConstant(e, at.out, loop.out * distance)};
}

/// `body` at each of `count` multiples of `step` along `loop`.
void KernelEmitter::emitBlocks(int64_t count, int64_t step, function_ref<Loop()> loop, const Indices &at,
                               function_ref<void(const Indices &)> body) {
  if (count == 1)
    return body(at);
  if (count > 1)
    emitLoop(e, indexConstant(e, count * step), step, {}, [&](Value iv, ValueRange) {
      body(advance(at, loop(), iv));
      return SmallVector<Value>();
    });
}

void KernelEmitter::emitPlain(ArrayRef<Loop> loops, const Indices &at) {
  if (loops.empty())
    return emitPanels(at);
  emitBlocks(
      loops.front().extent, 1, [&] { return loops.front(); }, at,
      [&](const Indices &next) { emitPlain(loops.drop_front(), next); });
}

/// Rows of a block of `columns` registers beside each other: accumulators, a row of the right operand and one element
/// of the left share the registers.
int64_t KernelEmitter::maxRows(int64_t columns) const {
  return std::clamp<int64_t>((registers - 1 - kernel.operandRegisters * columns) / columns, 1, 12);
}

/// Registers of columns in a block. One row needs many chains to hide the latency of multiply-adds; many rows share
/// what they load best in a block that is nearly square.
int64_t KernelEmitter::columnsPerBlock() const {
  if (shape.rows.extent == 1)
    return 8;
  int64_t columns = registers >= 32 ? 4 : 2;
  while (columns < 8 && maxRows(columns * 2) >= shape.rows.extent)
    columns *= 2;
  return columns;
}

void KernelEmitter::emitPanels(const Indices &at) {
  int64_t wide = columnsPerBlock(), vectors = shape.columns.extent / lanes, tail = shape.columns.extent % lanes;
  int64_t perPanel = vectors + (tail > 0);
  if (perPanel > wide)
    return emitBlocks(
        shape.panels.extent, 1, [&] { return shape.panels; }, at,
        [&](const Indices &next) { emitColumns(next, wide); });
  int64_t group = std::min(wide / perPanel, shape.panels.extent), groups = shape.panels.extent / group;
  emitBlocks(
      groups, group, [&] { return shape.panels; }, at,
      [&](const Indices &next) { emitRows(next, {0, group, vectors, tail}); });
  if (int64_t rest = shape.panels.extent % group)
    emitRows(advance(at, shape.panels, groups * group), {0, rest, vectors, tail});
}

/// The columns of one panel that is wider than a block.
void KernelEmitter::emitColumns(const Indices &at, int64_t wide) {
  int64_t step = wide * lanes, blocks = shape.columns.extent / step, rest = shape.columns.extent % step;
  emitBlocks(
      blocks, step, [&] { return shape.columns; }, at, [&](const Indices &next) { emitRows(next, {0, 1, wide, 0}); });
  if (rest)
    emitRows(advance(at, shape.columns, blocks * step), {0, 1, rest / lanes, rest % lanes});
}

/// Rows are spread evenly over as few blocks as possible, so that none is left with few chains.
void KernelEmitter::emitRows(const Indices &at, Block block) {
  int64_t limit = maxRows(block.panels * (block.vectors + (block.tail > 0)));
  int64_t blocks = llvm::divideCeil(shape.rows.extent, limit), small = shape.rows.extent / blocks;
  int64_t larger = shape.rows.extent % blocks;
  auto emit = [&](const Indices &from, int64_t count, int64_t rows) {
    block.rows = rows;
    emitBlocks(count, rows, [&] { return shape.rows; }, from, [&](const Indices &next) { emitCall(next, block); });
  };
  emit(at, larger, small + 1);
  emit(advance(at, shape.rows, larger * (small + 1)), blocks - larger, small);
}

void KernelEmitter::emitCall(const Indices &at, const Block &block) {
  auto integer = [&](int64_t value) -> Value { return arith::ConstantOp::create(e, e.getI64IntegerAttr(value)); };
  SmallVector<Value> arguments = {pointerTo(e, shape.lhs.memref, at.lhs), integer(shape.rows.lhs)};
  if (!kernel.contiguousSteps)
    arguments.push_back(integer(shape.steps.lhs));
  arguments.append({pointerTo(e, shape.rhs.memref, at.rhs), integer(shape.panels.rhs), integer(shape.steps.rhs),
                    pointerTo(e, shape.out.memref, at.out), integer(shape.rows.out), integer(shape.panels.out),
                    integer(shape.steps.extent), integer(block.rows), integer(block.panels), integer(block.vectors),
                    integer(block.tail)});
  callKernel(e, kernel.name, arguments);
}

/// The kernel for the element types of `nest`, if there is one.
static std::optional<Kernel> kernelFor(const LoopNest &nest, StringRef isa) {
  Type lhs = nest.inputs[0].element, rhs = nest.inputs[1].element, out = nest.out.element;
  if (lhs.isF32() && rhs.isF32() && out.isF32())
    return Kernel{"ingot_contract_f32"};
  if (!lhs.isBF16() || !rhs.isBF16() || !(out.isF32() || out.isBF16()))
    return std::nullopt;
  return Kernel{out.isF32() ? "ingot_contract_bf16_f32" : "ingot_contract_bf16_bf16", isa == "avx512bf16" ? 1 : 2,
                true};
}

bool cpu::emitContractKernel(Emitter &builder, const LoopNest &nest, VectorShape machine, StringRef isa) {
  std::optional<Kernel> kernel = kernelFor(nest, isa);
  if (!kernel)
    return false;
  for (bool swapped : {false, true}) {
    std::optional<Shape> shape = match(nest, swapped);
    if (!shape || (kernel->contiguousSteps && shape->steps.extent > 1 && shape->steps.lhs != 1))
      continue;
    KernelEmitter(builder, *kernel, *shape, machine).emit();
    return true;
  }
  return false;
}
