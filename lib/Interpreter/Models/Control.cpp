// Control flow and index arithmetic: scf, func, affine.
#include "lib/Interpreter/Models/Slices.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace ingot::interpreter;

namespace {

Datum indexDatum(int64_t value) { return Scalar{Element::index, intCell(value)}; }

void setAll(Operation *op, ArrayRef<Datum> values, Frame &frame) {
  for (auto [result, value] : llvm::zip(op->getResults(), values))
    frame.set(result, value);
}

LogicalResult forLoop(scf::ForOp op, Frame &frame) {
  int64_t lower = frame.integer(op.getLowerBound()), upper = frame.integer(op.getUpperBound()),
          step = frame.integer(op.getStep());
  if (llvm::is_contained({lower, upper, step}, poison().i))
    return op.emitOpError() << "depends on a value that nobody wrote";
  if (step <= 0)
    return op.emitOpError() << "expects a positive step, but got " << step;
  Element element = *elementOf(op.getInductionVar().getType());
  SmallVector<Datum> carried = llvm::map_to_vector(op.getInitArgs(), [&](Value init) { return frame.get(init); });
  for (int64_t i = lower; i < upper; i += step) {
    SmallVector<Datum> arguments = {Scalar{element, intCell(i)}};
    llvm::append_range(arguments, carried);
    auto yielded = frame.run(*op.getBody(), arguments);
    if (failed(yielded))
      return failure();
    carried = std::move(*yielded);
  }
  setAll(op, carried, frame);
  return success();
}

LogicalResult ifElse(scf::IfOp op, Frame &frame) {
  if (frame.integer(op.getCondition()) == poison().i)
    return op.emitOpError() << "depends on a value that nobody wrote";
  Region &region = frame.integer(op.getCondition()) ? op.getThenRegion() : op.getElseRegion();
  if (region.empty())
    return success();
  auto yielded = frame.run(region.front(), {});
  if (failed(yielded))
    return failure();
  setAll(op, *yielded, frame);
  return success();
}

/// A forall's results while its tasks run, and which elements a task has inserted already.
struct SharedOutput {
  Array array;
  std::vector<bool> written;
};

/// Inserts one task's slice; an element that another task has inserted too would depend on the order.
LogicalResult insertParallel(tensor::ParallelInsertSliceOp op, Frame &frame, SharedOutput &out) {
  auto view = sliceOf(op, frame, out.array);
  if (failed(view))
    return failure();
  int64_t origin = view->data() - out.array.data();
  bool twice = false;
  forEachOffset<1>(view->shape(), {view->strides()}, [&](const auto &offset) {
    twice |= out.written[origin + offset[0]];
    out.written[origin + offset[0]] = true;
  });
  if (twice)
    return op.emitOpError() << "writes an element that another task of the 'scf.forall' writes too";
  view->dropDims(op.getDroppedDims()).assign(frame.array(op.getSource()));
  return success();
}

LogicalResult runTask(scf::ForallOp op, Frame &frame, ArrayRef<Datum> arguments,
                      MutableArrayRef<SharedOutput> outputs) {
  if (failed(frame.run(*op.getBody(), arguments)))
    return failure();
  for (Operation &inner : op.getTerminator().getRegion().front()) {
    auto insert = dyn_cast<tensor::ParallelInsertSliceOp>(inner);
    if (!insert)
      return inner.emitOpError() << "cannot be interpreted";
    auto argument = cast<BlockArgument>(insert.getDest());
    if (failed(insertParallel(insert, frame, outputs[argument.getArgNumber() - op.getRank()])))
      return failure();
  }
  return success();
}

/// Tasks run in an order drawn from the seed, and each sees the shared outputs as they were before the forall.
LogicalResult forall(scf::ForallOp op, Frame &frame) {
  auto lower = frame.integers(op.getMixedLowerBound()), upper = frame.integers(op.getMixedUpperBound()),
       step = frame.integers(op.getMixedStep());
  Shape extents;
  for (auto [l, u, s] : llvm::zip(lower, upper, step)) {
    if (s <= 0)
      return op.emitOpError() << "expects positive steps, but got " << s;
    extents.push_back(std::max<int64_t>(0, (u - l + s - 1) / s));
  }
  std::vector<int64_t> order(llvm::product_of(extents));
  for (auto [i, task] : llvm::enumerate(order))
    task = static_cast<int64_t>(i);
  frame.getRandom().shuffle(order);

  SmallVector<Datum> initial = llvm::map_to_vector(op.getOutputs(), [&](Value out) { return frame.get(out); });
  SmallVector<SharedOutput> outputs;
  for (const Datum &datum : initial) {
    Array array = std::get<Array>(datum).clone();
    outputs.push_back({array, std::vector<bool>(array.numElements())});
  }
  for (int64_t task : order) {
    SmallVector<Datum> arguments(op.getRank());
    for (int64_t dim = op.getRank() - 1; dim >= 0; task /= extents[dim], --dim)
      arguments[dim] = indexDatum(lower[dim] + task % extents[dim] * step[dim]);
    llvm::append_range(arguments, initial);
    if (failed(runTask(op, frame, arguments, outputs)))
      return failure();
  }
  for (auto [result, out] : llvm::zip(op.getResults(), outputs))
    frame.set(result, out.array);
  return success();
}

LogicalResult call(func::CallOp op, Frame &frame) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getCalleeAttr());
  if (!callee || !callee.getBody().hasOneBlock())
    return op.emitOpError() << "of " << op.getCalleeAttr() << " cannot be interpreted";
  Frame inner(frame.getMode(), frame.getRandom());
  auto results = inner.run(callee.getBody().front(),
                           llvm::map_to_vector(op.getOperands(), [&](Value operand) { return frame.get(operand); }));
  if (failed(results))
    return failure();
  setAll(op, *results, frame);
  return success();
}

std::optional<int64_t> evaluate(AffineExpr expr, unsigned dims, ArrayRef<int64_t> operands) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return operands[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return operands[dims + symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  auto left = evaluate(binary.getLHS(), dims, operands), right = evaluate(binary.getRHS(), dims, operands);
  if (!left || !right)
    return std::nullopt;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return *left + *right;
  case AffineExprKind::Mul:
    return *left * *right;
  default:
    break;
  }
  if (*right <= 0)
    return std::nullopt;
  switch (expr.getKind()) {
  case AffineExprKind::Mod:
    return llvm::mod(*left, *right);
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(*left, *right);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(*left, *right);
  default:
    llvm_unreachable("unknown affine expression");
  }
}

/// affine.apply, affine.min and affine.max: `pick` chooses among the map's results.
template <typename Op, const int64_t *(*pick)(const int64_t *, const int64_t *)>
LogicalResult applyMap(Op op, Frame &frame) {
  auto operands = llvm::map_to_vector(op->getOperands(), [&](Value operand) { return frame.integer(operand); });
  auto values = ingot::interpreter::evaluate(op.getMap(), operands);
  if (!values)
    return op.emitOpError() << "divides by a number that is not positive";
  frame.setInteger(op, *pick(values->begin(), values->end()));
  return success();
}
const int64_t *first(const int64_t *begin, const int64_t *) { return begin; }
const int64_t *least(const int64_t *begin, const int64_t *end) { return std::min_element(begin, end); }
const int64_t *most(const int64_t *begin, const int64_t *end) { return std::max_element(begin, end); }

} // namespace

std::optional<SmallVector<int64_t>> ingot::interpreter::evaluate(AffineMap map, ArrayRef<int64_t> operands) {
  SmallVector<int64_t> values;
  for (AffineExpr result : map.getResults()) {
    auto value = ::evaluate(result, map.getNumDims(), operands);
    if (!value)
      return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

void ingot::interpreter::attachScfModels(MLIRContext *context) {
  attach<scf::ForOp, forLoop>(context);
  attach<scf::IfOp, ifElse>(context);
  attach<scf::ForallOp, forall>(context);
}

void ingot::interpreter::attachFuncModels(MLIRContext *context) { attach<func::CallOp, ::call>(context); }

void ingot::interpreter::attachAffineModels(MLIRContext *context) {
  using namespace affine;
  attach<AffineApplyOp, applyMap<AffineApplyOp, first>>(context);
  attach<AffineMinOp, applyMap<AffineMinOp, least>>(context);
  attach<AffineMaxOp, applyMap<AffineMaxOp, most>>(context);
}
