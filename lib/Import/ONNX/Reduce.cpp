// Reductions: ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare.
#include "Build.h"
#include "OpTable.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

namespace {

/// The axes: an input from the opset on where the operator has them so (ReduceSum 13, the others 18), else an
/// attribute.
FailureOr<SmallVector<int64_t>> reducedAxes(Node &node, int64_t inputSince, int64_t rank) {
  SmallVector<int64_t> given;
  if (node.opset() >= inputSince) {
    bool keepAll = node.intAttr("noop_with_empty_axes", 0) != 0;
    if (node.hasInput(1)) {
      const Literal *axes = node.integers(1, "axes");
      if (!axes)
        return failure();
      given.assign(axes->allInts().begin(), axes->allInts().end());
    }
    if (given.empty() && keepAll)
      return given;
  } else {
    if (node.hasInput(1))
      return node.error() << "expects one input before opset " << inputSince << ", but got 2", failure();
    given = node.intsAttr("axes").value_or(SmallVector<int64_t>());
  }
  if (given.empty())
    given = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  return node.axes(given, rank);
}

/// ReduceMax or ReduceProd of shapes: integers known now.
std::optional<Literal> foldInts(const Tensor &x, ReduceKind kind) {
  int64_t result = kind == ReduceKind::Product ? 1 : 0;
  for (auto [i, value] : llvm::enumerate(x.literal->allInts())) {
    if (kind == ReduceKind::Product)
      result = static_cast<int64_t>(static_cast<uint64_t>(result) * static_cast<uint64_t>(value));
    else if (kind == ReduceKind::Sum)
      result = static_cast<int64_t>(static_cast<uint64_t>(result) + static_cast<uint64_t>(value));
    else if (kind == ReduceKind::Max)
      result = i == 0 ? value : std::max(result, value);
    else if (kind == ReduceKind::Min)
      result = i == 0 ? value : std::min(result, value);
    else
      return std::nullopt;
  }
  return Literal::ofInts({wrapTo(x.element(), result)});
}

template <ReduceKind Kind, int64_t InputSince = 18, bool Square = false> LogicalResult importReduce(Node &node) {
  Tensor &x = node.input(0);
  bool keepDims = node.intAttr("keepdims", 1) != 0;
  auto axes = reducedAxes(node, InputSince, x.rank());
  if (failed(axes))
    return failure();
  if (x.isBool() || (!x.isFloat() && Kind == ReduceKind::Mean))
    return node.error() << "of " << x.type << " is not supported yet";
  SmallVector<int64_t> kept;
  for (auto [i, extent] : llvm::enumerate(x.shape())) {
    bool reduced = llvm::is_contained(*axes, static_cast<int64_t>(i));
    if (reduced && extent == 0 && Kind != ReduceKind::Sum && Kind != ReduceKind::Product)
      return node.error() << "of no elements is not supported yet";
    if (!reduced || keepDims)
      kept.push_back(reduced ? 1 : extent);
  }
  bool all = static_cast<int64_t>(axes->size()) == x.rank();
  if (x.literal && !x.isFloat() && !Square && all && x.rank() > 0)
    if (auto literal = foldInts(x, Kind))
      return node.setResult(withShape(x.type, kept), std::move(*literal));
  Value value = node.value(x);
  if (Square)
    value = x.isFloat() ? Value(arith::MulFOp::create(node.b, value, value))
                        : Value(arith::MulIOp::create(node.b, value, value));
  if (!axes->empty())
    value = ReduceOp::create(node.b, Kind, value, *axes);
  return node.setResult(reshape(node.b, value, kept));
}

constexpr OpEntry kOps[] = {
    {"ReduceMax", kFirstOpset, kLastOpset, 1, 2, 1, importReduce<ReduceKind::Max>},
    {"ReduceMean", kFirstOpset, kLastOpset, 1, 2, 1, importReduce<ReduceKind::Mean>},
    {"ReduceMin", kFirstOpset, kLastOpset, 1, 2, 1, importReduce<ReduceKind::Min>},
    {"ReduceProd", kFirstOpset, kLastOpset, 1, 2, 1, importReduce<ReduceKind::Product>},
    {"ReduceSum", kFirstWithInputs, kLastOpset, 1, 2, 1, importReduce<ReduceKind::Sum, 13>},
    {"ReduceSumSquare", kFirstOpset, kLastOpset, 1, 2, 1, importReduce<ReduceKind::Sum, 18, true>},
};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::reduceOps() { return kOps; }
