#include "dialects/Ingot/Train.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ingot;

#include "dialects/Ingot/IngotDialect.cpp.inc"
#include "dialects/Ingot/IngotEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Ingot/IngotAttrs.cpp.inc"

void IngotDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Ingot/IngotOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Ingot/IngotTrainOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Ingot/IngotAttrs.cpp.inc"
      >();
}

Operation *IngotDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

/// Checks that `type` is what the symbol declares; `Decl` is ParamOp or StateOp.
template <typename Decl> static LogicalResult verifyBinding(Operation *func, NamedAttribute attr, Type type) {
  auto symbol = dyn_cast<FlatSymbolRefAttr>(attr.getValue());
  if (!symbol)
    return func->emitOpError() << "expects '" << attr.getName().getValue() << "' to be a symbol, but got "
                               << attr.getValue();
  auto decl = SymbolTable::lookupNearestSymbolFrom<Decl>(func, symbol);
  if (!decl)
    return func->emitOpError() << "names " << symbol << " in '" << attr.getName().getValue() << "', which no '"
                               << Decl::getOperationName() << "' declares";
  auto declared = decl.getTensorType();
  // A gradient is row-major, however its parameter is stored.
  if (attr.getName() == IngotDialect::kGradient)
    declared = RankedTensorType::get(declared.getShape(), declared.getElementType());
  // Once kernels are formed, an argument has the shape in which its value is stored.
  RankedTensorType stored = declared;
  if (auto panels = dyn_cast_or_null<PanelsAttr>(declared.getEncoding()))
    stored = RankedTensorType::get(panels.storedShape(declared.getShape()), declared.getElementType());
  if (auto tensor = dyn_cast<RankedTensorType>(type); tensor && tensor != declared && tensor != stored)
    return func->emitOpError() << "expects the value of " << symbol << " to have type " << declared << ", but got "
                               << type;
  return success();
}

static LogicalResult verifyName(Operation *func, NamedAttribute attr) {
  if (auto name = dyn_cast<StringAttr>(attr.getValue()); name && !name.empty())
    return success();
  return func->emitOpError() << "expects '" << attr.getName().getValue() << "' to be a non-empty string, but got "
                             << attr.getValue();
}

LogicalResult IngotDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned index, NamedAttribute attr) {
  auto func = dyn_cast<FunctionOpInterface>(op);
  if (!func)
    return op->emitOpError() << "cannot carry '" << attr.getName().getValue() << "'";
  Type type = func.getArgument(index).getType();
  StringRef name = attr.getName().getValue();
  if (name == kParam)
    return verifyBinding<ParamOp>(op, attr, type);
  if (name == kState)
    return verifyBinding<StateOp>(op, attr, type);
  if (name == kInput || name == kRole)
    return verifyName(op, attr);
  return op->emitOpError() << "has no argument attribute '" << name << "'";
}

LogicalResult IngotDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned index, NamedAttribute attr) {
  auto func = dyn_cast<FunctionOpInterface>(op);
  if (!func)
    return op->emitOpError() << "cannot carry '" << attr.getName().getValue() << "'";
  StringRef name = attr.getName().getValue();
  if (name == kState)
    return verifyBinding<StateOp>(op, attr, func.getResultTypes()[index]);
  if (name == kGradient)
    return verifyBinding<ParamOp>(op, attr, func.getResultTypes()[index]);
  if (name == kOutput || name == kRole)
    return verifyName(op, attr);
  return op->emitOpError() << "has no result attribute '" << name << "'";
}

LogicalResult PanelsAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t axis, int64_t width) {
  if (axis < 0)
    return emitError() << "expects a non-negative axis, but got " << axis;
  if (width < 1)
    return emitError() << "expects a positive width, but got " << width;
  return success();
}

SmallVector<int64_t> PanelsAttr::storedShape(ArrayRef<int64_t> logical) const {
  SmallVector<int64_t> stored = {logical[getAxis()] / getWidth()};
  for (auto [dim, extent] : llvm::enumerate(logical))
    if (static_cast<int64_t>(dim) != getAxis())
      stored.push_back(extent);
  stored.push_back(getWidth());
  return stored;
}
