#include "lib/Plan/TaskAccesses.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace ingot;

namespace {

/// A view of an argument as a box of it. Once the view is reshaped, further slicing no longer refines the box.
struct View {
  BlockArgument argument;
  SmallVector<AffineExpr> offsets;
  SmallVector<int64_t> sizes;
  SmallVector<unsigned> dims; // dimension of the argument behind each dimension of the view
  bool refinable = true;
};

class Tracer {
public:
  explicit Tracer(task::BodyOp body) : context(body.getContext()) {
    for (BlockArgument argument : body.getBody().front().getArguments())
      if (argument.getType().isIndex())
        dimOf[argument] = getAffineDimExpr(dimOf.size(), context);
  }

  unsigned getNumDims() const { return dimOf.size(); }

  /// The box behind `value`; none for private memory.
  std::optional<View> trace(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return wholeOf(argument);
    Operation *op = value.getDefiningOp();
    if (auto subview = dyn_cast<memref::SubViewOp>(op))
      return slice(subview);
    if (auto viewLike = dyn_cast<ViewLikeOpInterface>(op)) {
      auto view = trace(viewLike.getViewSource());
      if (view)
        view->refinable = false;
      return view;
    }
    return std::nullopt;
  }

private:
  View wholeOf(BlockArgument argument) {
    View view;
    view.argument = argument;
    for (int64_t extent : cast<MemRefType>(argument.getType()).getShape()) {
      view.dims.push_back(view.dims.size());
      view.offsets.push_back(getAffineConstantExpr(0, context));
      view.sizes.push_back(extent);
    }
    return view;
  }

  std::optional<View> slice(memref::SubViewOp op) {
    auto view = trace(op.getSource());
    if (!view || !view->refinable)
      return view;
    llvm::SmallBitVector dropped = op.getDroppedDims();
    SmallVector<unsigned> kept;
    for (unsigned dim = 0; dim < dropped.size(); ++dim) {
      unsigned root = view->dims[dim];
      AffineExpr offset = expression(op.getMixedOffsets()[dim]);
      if (offset && !op.isDynamicSize(dim) && isConstantIntValue(op.getMixedStrides()[dim], 1)) {
        view->offsets[root] = view->offsets[root] + offset;
        view->sizes[root] = op.getStaticSize(dim);
      } else {
        view->refinable = false;
      }
      if (!dropped.test(dim))
        kept.push_back(root);
    }
    view->dims = kept;
    return view;
  }

  /// `value` in terms of the index arguments; null if it is not affine in them.
  AffineExpr expression(OpFoldResult value) {
    if (auto constant = getConstantIntValue(value))
      return getAffineConstantExpr(*constant, context);
    auto operand = cast<Value>(value);
    if (auto it = dimOf.find(operand); it != dimOf.end())
      return it->second;
    auto apply = operand.getDefiningOp<affine::AffineApplyOp>();
    if (!apply)
      return {};
    AffineMap map = apply.getAffineMap();
    SmallVector<AffineExpr> dims, symbols;
    for (auto [number, mapOperand] : llvm::enumerate(apply.getMapOperands())) {
      AffineExpr expr = expression(mapOperand);
      if (!expr)
        return {};
      (number < map.getNumDims() ? dims : symbols).push_back(expr);
    }
    return map.getResult(0).replaceDimsAndSymbols(dims, symbols);
  }

  MLIRContext *context;
  llvm::DenseMap<Value, AffineExpr> dimOf;
};

} // namespace

/// How many elements of `operand` one execution touches, at most. Moving data touches no more on one side than the
/// other operands have together: a gather reads the rows that its result holds, wherever in the table they lie.
static int64_t movedElements(tile::TileOpInterface op, OpOperand &operand) {
  auto elementsOf = [](Value value) {
    auto type = dyn_cast<ShapedType>(value.getType());
    return type ? type.getNumElements() : 0;
  };
  int64_t all = elementsOf(operand.get());
  if (op.getFlops() != 0)
    return all;
  int64_t others = 0;
  for (OpOperand &other : op->getOpOperands())
    if (&other != &operand)
      others += elementsOf(other.get());
  return std::min(all, others);
}

SmallVector<BodyAccess> ingot::accessesOf(task::BodyOp body) {
  Tracer tracer(body);
  SmallVector<BodyAccess> accesses;
  auto add = [&](Value operand, bool write, bool certain, bool streamed, int64_t moved) {
    if (!isa<MemRefType>(operand.getType()))
      return;
    auto view = tracer.trace(operand);
    if (!view)
      return;
    auto offsets = AffineMap::get(tracer.getNumDims(), 0, view->offsets, body.getContext());
    // A reshaped view is a box whose parts may stay unwritten.
    BodyAccess access = {view->argument.getArgNumber(), offsets,  view->sizes, write,
                         certain && view->refinable,    streamed, moved};
    // What the task itself wrote before is no access to what others wrote.
    auto wroteAll = [&](const BodyAccess &known) {
      return known.certain && known.argument == access.argument && known.offsets == access.offsets &&
             known.sizes == access.sizes;
    };
    if (!write && view->refinable && llvm::any_of(accesses, wroteAll))
      return;
    auto *same = llvm::find_if(accesses, [&](const BodyAccess &known) { return known.sameBox(access); });
    if (same == accesses.end())
      accesses.push_back(access);
    else
      same->moved = std::max(same->moved, moved);
  };
  body.walk([&](tile::TileOpInterface tileOp) {
    for (OpOperand &operand : tileOp->getOpOperands()) {
      bool destination = operand.getOperandNumber() + 1 == tileOp->getNumOperands();
      bool streamed = isa<tile::ContractOp>(tileOp) && operand.getOperandNumber() == 1;
      int64_t moved = movedElements(tileOp, operand);
      if (!destination || tileOp.keepsDestination())
        add(operand.get(), /*write=*/false, /*certain=*/false, streamed && !destination, moved);
      if (destination)
        add(operand.get(), /*write=*/true, /*certain=*/!tileOp.keepsDestination(), /*streamed=*/false, moved);
    }
  });
  return accesses;
}

std::pair<int64_t, int64_t> ingot::boundsOver(AffineExpr offset, int64_t size, int64_t extent, ArrayRef<int64_t> grid) {
  bool monotone = true;
  offset.walk([&](AffineExpr expr) { monotone &= expr.getKind() != AffineExprKind::Mod; });
  if (!monotone)
    return {0, extent};
  // A monotone expression takes its extremes at corners of the grid.
  int64_t low = std::numeric_limits<int64_t>::max(), high = std::numeric_limits<int64_t>::min();
  for (unsigned corner = 0; corner < 1u << grid.size(); ++corner) {
    SmallVector<AffineExpr> point;
    for (auto [dim, count] : llvm::enumerate(grid))
      point.push_back(getAffineConstantExpr(corner >> dim & 1 ? count - 1 : 0, offset.getContext()));
    int64_t value = cast<AffineConstantExpr>(offset.replaceDims(point)).getValue();
    low = std::min(low, value);
    high = std::max(high, value + size);
  }
  return {low, high};
}
