// ingot-hoist-constants: large data leave the program's text.
#include "dialects/Ingot/Ingot.h"
#include "ingot/Model/HoistedConstant.h"
#include "ingot/Model/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"

namespace ingot {
#define GEN_PASS_DEF_HOISTCONSTANTS
#include "lib/Model/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

struct HoistConstantsPass : ingot::impl::HoistConstantsBase<HoistConstantsPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (func.isPublic() && !func.isExternal())
        hoist(func, symbols);
  }

  /// Every hoisted constant of `func` becomes one argument, after those that are there.
  void hoist(func::FuncOp func, SymbolTable &symbols) {
    llvm::MapVector<ElementsAttr, SmallVector<arith::ConstantOp>> constants;
    func.walk([&](arith::ConstantOp op) {
      auto elements = dyn_cast<ElementsAttr>(op.getValue());
      if (elements && isa<RankedTensorType>(op.getType()) && !elements.isSplat() && !op->use_empty())
        constants[elements].push_back(op);
    });
    for (auto &[elements, ops] : constants) {
      ParamOp param = paramFor(elements, func, symbols);
      unsigned index = func.getNumArguments();
      OpBuilder b(func.getContext());
      auto attribute = b.getNamedAttr(IngotDialect::kParam, FlatSymbolRefAttr::get(param));
      (void)func.insertArgument(index, elements.getType(), b.getDictionaryAttr(attribute), ops.front().getLoc());
      for (arith::ConstantOp op : ops) {
        op.replaceAllUsesWith(Value(func.getArgument(index)));
        op.erase();
      }
    }
  }

  ParamOp paramFor(ElementsAttr elements, func::FuncOp func, SymbolTable &symbols) {
    ParamOp &param = params[elements];
    if (param)
      return param;
    std::string name;
    do
      name = "const." + std::to_string(nextNumber++);
    while (symbols.lookup(name));
    // Declarations stand before the first function.
    OpBuilder b(*getOperation().getOps<func::FuncOp>().begin());
    param = ParamOp::create(b, func.getLoc(), name, elements, cast<RankedTensorType>(elements.getType()));
    param->setAttr(kHoistedConstant, b.getUnitAttr());
    symbols.insert(param);
    return param;
  }

  llvm::DenseMap<ElementsAttr, ParamOp> params;
  unsigned nextNumber = 0;
};

} // namespace
