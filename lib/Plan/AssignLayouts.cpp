// Chooses how parameters are stored; see Passes.td.
#include "ingot/Plan/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace ingot {
#define GEN_PASS_DEF_ASSIGNLAYOUTS
#include "lib/Plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// What the uses of a parameter demand of its layout.
struct Demand {
  int64_t axis = -1;
  int64_t unit = 0; // panels must divide it: the dimension, or one head of it
  bool possible = true;

  void require(int64_t useAxis, int64_t useUnit) {
    possible &= axis < 0 || axis == useAxis;
    axis = useAxis;
    unit = unit == 0 ? useUnit : std::gcd(unit, useUnit);
  }
};

/// Extent of one head if a consumer of `dot` splits its last dimension into heads, also after pointwise operations or
/// by slices, whose kernels take the contraction in; else 0.
int64_t headExtent(DotOp dot) {
  int64_t unit = 0;
  SmallVector<Value> values = {dot.getResult()};
  llvm::SmallPtrSet<Operation *, 8> seen;
  while (!values.empty())
    for (Operation *user : values.pop_back_val().getUsers()) {
      if (!seen.insert(user).second)
        continue;
      if (auto expand = dyn_cast<tensor::ExpandShapeOp>(user)) {
        if (expand.getReassociationIndices().back().size() > 1)
          unit = std::gcd(unit, expand.getResultType().getShape().back());
      } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(user)) {
        if (slice.getStaticSizes().back() != slice.getSourceType().getShape().back()) {
          unit = std::gcd(unit, std::gcd(slice.getStaticOffsets().back(), slice.getStaticSizes().back()));
          values.push_back(slice.getResult());
        }
      } else if (user->hasTrait<OpTrait::Elementwise>()) {
        values.push_back(user->getResult(0));
      }
    }
  return unit;
}

void collectDemand(OpOperand &use, Demand &demand) {
  auto type = cast<RankedTensorType>(use.get().getType());
  if (auto dot = dyn_cast<DotOp>(use.getOwner())) {
    SmallVector<int64_t> free = dot.getRhsFree();
    if (use.getOperandNumber() != 1 || free.size() != 1 || !dot.getRhsBatch().empty()) {
      demand.possible = false;
      return;
    }
    int64_t head = headExtent(dot);
    demand.require(free.front(), head ? head : type.getDimSize(free.front()));
  } else if (isa<GatherOp>(use.getOwner()) && use.getOperandNumber() == 0) {
    demand.require(0, type.getDimSize(0));
  } else {
    demand.possible = false;
  }
}

/// The divisor of `unit` up to `limit` that fills vectors of 16 best; the wider of two equal ones, but at least four
/// panels along a dimension that is not cut into heads, so that there is work for several workers.
int64_t panelWidth(int64_t extent, int64_t unit, int64_t limit) {
  auto waste = [](int64_t width) { return static_cast<double>(llvm::alignTo(width, 16)) / width; };
  int64_t best = 1;
  for (int64_t width = 1; width <= std::min(unit, limit); ++width) {
    if (unit % width != 0 || (unit == extent && extent >= 16 && extent / width < 4))
      continue;
    if (waste(width) <= waste(best))
      best = width;
  }
  return best;
}

struct AssignLayouts : ingot::impl::AssignLayoutsBase<AssignLayouts> {
  using AssignLayoutsBase::AssignLayoutsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::MapVector<StringAttr, Demand> demands;
    llvm::DenseMap<StringAttr, SmallVector<BlockArgument>> bindings;
    for (auto func : module.getOps<func::FuncOp>())
      for (BlockArgument argument : func.getArguments())
        if (auto symbol = func.getArgAttrOfType<FlatSymbolRefAttr>(argument.getArgNumber(), IngotDialect::kParam)) {
          bindings[symbol.getAttr()].push_back(argument);
          for (OpOperand &use : argument.getUses())
            collectDemand(use, demands[symbol.getAttr()]);
        }
    for (auto param : module.getOps<ParamOp>()) {
      auto it = demands.find(param.getSymNameAttr());
      if (it != demands.end() && it->second.possible && it->second.axis >= 0 && hasContraction(bindings[it->first]))
        setPanels(param, it->second, bindings[it->first]);
    }
  }

  /// A table that is only gathered from stays row-major: rows are contiguous then.
  static bool hasContraction(ArrayRef<BlockArgument> arguments) {
    return llvm::any_of(arguments, [](BlockArgument argument) {
      return llvm::any_of(argument.getUsers(), [](Operation *user) { return isa<DotOp>(user); });
    });
  }

  void setPanels(ParamOp param, const Demand &demand, ArrayRef<BlockArgument> arguments) {
    RankedTensorType type = param.getTensorType();
    int64_t width = panelWidth(type.getDimSize(demand.axis), demand.unit, maxWidth);
    auto panels = PanelsAttr::get(&getContext(), demand.axis, width);
    auto stored = RankedTensorType::get(type.getShape(), type.getElementType(), panels);
    param.setType(stored);
    for (BlockArgument argument : arguments) {
      argument.setType(stored);
      auto func = cast<func::FuncOp>(argument.getOwner()->getParentOp());
      func.setType(FunctionType::get(&getContext(), func.getBody().getArgumentTypes(), func.getResultTypes()));
    }
  }
};

} // namespace
