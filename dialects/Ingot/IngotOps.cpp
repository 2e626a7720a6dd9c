#include "dialects/Ingot/Ingot.h"

#include "dialects/Ingot/PlainNumbers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace ingot;

/// `init 0.0` or `from @param`, whose `init` is 0.
static ParseResult parseStateStart(OpAsmParser &parser, FloatAttr &init, FlatSymbolRefAttr &from) {
  if (succeeded(parser.parseOptionalKeyword("from"))) {
    init = parser.getBuilder().getF64FloatAttr(0.0);
    return parser.parseAttribute(from);
  }
  return failure(parser.parseKeyword("init", " or 'from'") || parsePlainFloat(parser, init));
}

static void printStateStart(OpAsmPrinter &printer, Operation *op, FloatAttr init, FlatSymbolRefAttr from) {
  if (from) {
    printer << "from " << from;
    return;
  }
  printer << "init ";
  printPlainFloat(printer, op, init);
}

#define GET_OP_CLASSES
#include "dialects/Ingot/IngotOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

ParseResult ParamOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  if (parser.parseSymbolName(properties.sym_name))
    return failure();
  Type type;
  if (succeeded(parser.parseOptionalEqual())) {
    ElementsAttr value;
    if (parser.parseAttribute(value) || parser.parseOptionalAttrDict(result.attributes))
      return failure();
    properties.value = value;
    type = value.getType();
  } else if (parser.parseOptionalAttrDict(result.attributes) || parser.parseColonType(type)) {
    return failure();
  }
  properties.type = TypeAttr::get(type);
  return success();
}

void ParamOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  auto value = getValueAttr();
  // The value prints its own type; a layout that differs from it must be printed too.
  if (value && value.getType() == getType()) {
    printer << " = " << value;
    printer.printOptionalAttrDict((*this)->getAttrs(), {"sym_name", "value", "type"});
    return;
  }
  printer.printOptionalAttrDict((*this)->getAttrs(), {"sym_name", "type"});
  printer << " : " << getType();
}

static LogicalResult verifyStatic(Operation *op, RankedTensorType type) {
  if (!type.hasStaticShape())
    return op->emitOpError() << "expects a static shape, but got " << type;
  return success();
}

LogicalResult ParamOp::verify() {
  auto type = getTensorType();
  if (failed(verifyStatic(*this, type)))
    return failure();
  if (auto panels = dyn_cast_or_null<PanelsAttr>(type.getEncoding())) {
    if (panels.getAxis() >= type.getRank())
      return emitOpError() << "expects a panel axis below rank " << type.getRank() << ", but got " << panels.getAxis();
    if (type.getDimSize(panels.getAxis()) % panels.getWidth() != 0)
      return emitOpError() << "expects a panel width that divides " << type.getDimSize(panels.getAxis()) << ", but got "
                           << panels.getWidth();
  } else if (type.getEncoding()) {
    return emitOpError() << "expects a '#ingot.panels' encoding or none, but got " << type.getEncoding();
  }
  if (auto value = getValueAttr()) {
    auto valueType = cast<ShapedType>(value.getType());
    if (valueType.getShape() != type.getShape() || valueType.getElementType() != type.getElementType())
      return emitOpError() << "expects a value of shape and element type of " << type << ", but got " << valueType;
  }
  return success();
}

LogicalResult StateOp::verify() { return verifyStatic(*this, getTensorType()); }

LogicalResult StateOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!getFromAttr())
    return success();
  auto param = symbols.lookupNearestSymbolFrom<ParamOp>(*this, getFromAttr());
  if (!param)
    return emitOpError() << "starts as " << getFromAttr() << ", which no 'ingot.param' declares";
  auto type = getTensorType(), start = param.getTensorType();
  if (start.getShape() != type.getShape() || start.getElementType() != type.getElementType())
    return emitOpError() << "expects parameter " << getFromAttr() << " of shape and element type of " << type
                         << ", but got " << start;
  return success();
}

//===----------------------------------------------------------------------===//
// Dot
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> freeDims(int64_t rank, ArrayRef<int64_t> batch, ArrayRef<int64_t> contract) {
  SmallVector<int64_t> dims;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(batch, dim) && !llvm::is_contained(contract, dim))
      dims.push_back(dim);
  return dims;
}

SmallVector<int64_t> DotOp::getLhsFree() {
  return freeDims(cast<RankedTensorType>(getLhs().getType()).getRank(), getLhsBatch(), getLhsContract());
}
SmallVector<int64_t> DotOp::getRhsFree() {
  return freeDims(cast<RankedTensorType>(getRhs().getType()).getRank(), getRhsBatch(), getRhsContract());
}

/// Checks one operand's dimension numbers: in range and unique.
static LogicalResult checkDims(std::optional<Location> loc, StringRef side, int64_t rank, ArrayRef<int64_t> batch,
                               ArrayRef<int64_t> contract) {
  llvm::SmallBitVector seen(rank);
  for (int64_t dim : llvm::concat<const int64_t>(batch, contract)) {
    if (dim < 0 || dim >= rank)
      return emitOptionalError(loc, "expects ", side, " dimensions in [0, ", rank, "), but got ", dim);
    if (seen.test(dim))
      return emitOptionalError(loc, "expects ", side, " dimensions to be unique, but got ", dim, " twice");
    seen.set(dim);
  }
  return success();
}

/// Checks that paired dimensions have equal extents.
static LogicalResult checkPairs(std::optional<Location> loc, StringRef kind, ShapedType lhs, ShapedType rhs,
                                ArrayRef<int64_t> lhsDims, ArrayRef<int64_t> rhsDims) {
  if (lhsDims.size() != rhsDims.size())
    return emitOptionalError(loc, "expects as many ", kind, " dimensions on both sides, but got ", lhsDims.size(),
                             " and ", rhsDims.size());
  for (auto [l, r] : llvm::zip(lhsDims, rhsDims))
    if (lhs.getDimSize(l) != rhs.getDimSize(r))
      return emitOptionalError(loc, "expects ", kind, " dimensions of equal extent, but got ", lhs.getDimSize(l),
                               " and ", rhs.getDimSize(r));
  return success();
}

LogicalResult DotOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                      SmallVectorImpl<Type> &types) {
  auto lhs = cast<RankedTensorType>(op.getLhs().getType()), rhs = cast<RankedTensorType>(op.getRhs().getType());
  if (lhs.getElementType() != rhs.getElementType())
    return emitOptionalError(loc, "expects operands of one element type, but got ", lhs.getElementType(), " and ",
                             rhs.getElementType());
  if (failed(checkDims(loc, "lhs", lhs.getRank(), op.getLhsBatch(), op.getLhsContract())) ||
      failed(checkDims(loc, "rhs", rhs.getRank(), op.getRhsBatch(), op.getRhsContract())) ||
      failed(checkPairs(loc, "batch", lhs, rhs, op.getLhsBatch(), op.getRhsBatch())) ||
      failed(checkPairs(loc, "contracting", lhs, rhs, op.getLhsContract(), op.getRhsContract())))
    return failure();
  SmallVector<int64_t> shape;
  for (int64_t dim : op.getLhsBatch())
    shape.push_back(lhs.getDimSize(dim));
  for (int64_t dim : freeDims(lhs.getRank(), op.getLhsBatch(), op.getLhsContract()))
    shape.push_back(lhs.getDimSize(dim));
  for (int64_t dim : freeDims(rhs.getRank(), op.getRhsBatch(), op.getRhsContract()))
    shape.push_back(rhs.getDimSize(dim));
  types.push_back(RankedTensorType::get(shape, lhs.getElementType()));
  return success();
}

bool DotOp::isCompatibleReturnTypes(TypeRange inferred, TypeRange actual) {
  if (inferred == actual)
    return true;
  auto narrow = dyn_cast<RankedTensorType>(inferred.front()), wide = dyn_cast<RankedTensorType>(actual.front());
  return narrow && wide && narrow.getShape() == wide.getShape() && wide.getElementType().isF32() &&
         isa<BFloat16Type, Float16Type>(narrow.getElementType());
}

LogicalResult DotOp::verify() { return success(); }

//===----------------------------------------------------------------------===//
// Reduce, norms
//===----------------------------------------------------------------------===//

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  SmallVector<int64_t> shape;
  int64_t previous = -1;
  for (int64_t dim : op.getDims()) {
    if (dim <= previous || dim >= input.getRank())
      return emitOptionalError(loc, "expects sorted unique dims in [0, ", input.getRank(), "), but got ", dim);
    previous = dim;
  }
  for (int64_t dim = 0; dim < input.getRank(); ++dim)
    if (!llvm::is_contained(op.getDims(), dim))
      shape.push_back(input.getDimSize(dim));
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult ReduceOp::verify() { return success(); }

static LogicalResult verifyRowOperand(Operation *op, StringRef what, Value input, Value operand) {
  auto row = cast<RankedTensorType>(input.getType()), type = cast<RankedTensorType>(operand.getType());
  if (row.getRank() < 1)
    return op->emitOpError() << "expects an input of rank >= 1, but got " << row;
  if (type.getRank() != 1 || type.getDimSize(0) != row.getShape().back())
    return op->emitOpError() << "expects " << what << " of shape [" << row.getShape().back() << "], but got " << type;
  return success();
}

LogicalResult RmsNormOp::verify() { return verifyRowOperand(*this, "a scale", getInput(), getScale()); }

LogicalResult LayerNormOp::verify() {
  if (failed(verifyRowOperand(*this, "a scale", getInput(), getScale())))
    return failure();
  return getBias() ? verifyRowOperand(*this, "a bias", getInput(), getBias()) : success();
}

//===----------------------------------------------------------------------===//
// Shape and indexing
//===----------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  auto in = cast<RankedTensorType>(getInput().getType()), out = cast<RankedTensorType>(getResult().getType());
  if (in.getElementType() != out.getElementType())
    return emitOpError() << "expects one element type, but got " << in.getElementType() << " and "
                         << out.getElementType();
  if (static_cast<int64_t>(getDims().size()) != in.getRank())
    return emitOpError() << "expects " << in.getRank() << " dims, but got " << getDims().size();
  int64_t previous = -1;
  for (auto [i, dim] : llvm::enumerate(getDims())) {
    if (dim <= previous || dim >= out.getRank())
      return emitOpError() << "expects strictly increasing dims in [0, " << out.getRank() << "), but got " << dim;
    previous = dim;
    if (in.getDimSize(i) != 1 && in.getDimSize(i) != out.getDimSize(dim))
      return emitOpError() << "expects extent 1 or " << out.getDimSize(dim) << " for operand dimension " << i
                           << ", but got " << in.getDimSize(i);
  }
  return success();
}

OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getInput()))
    return splat.resizeSplat(cast<ShapedType>(getType()));
  return {};
}

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                            SmallVectorImpl<Type> &types) {
  auto input = cast<RankedTensorType>(op.getInput().getType());
  llvm::SmallBitVector seen(input.getRank());
  SmallVector<int64_t> shape;
  for (int64_t dim : op.getPermutation()) {
    if (dim < 0 || dim >= input.getRank() || seen.test(dim))
      return emitOptionalError(loc, "expects a permutation of [0, ", input.getRank(), "), but got ", dim);
    seen.set(dim);
    shape.push_back(input.getDimSize(dim));
  }
  if (!seen.all())
    return emitOptionalError(loc, "expects a permutation of ", input.getRank(), " dimensions, but got ",
                             op.getPermutation().size());
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult TransposeOp::verify() { return success(); }

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (llvm::equal(getPermutation(), llvm::seq<int64_t>(0, getPermutation().size())))
    return getInput();
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getInput()))
    return splat.resizeSplat(cast<ShapedType>(getType()));
  return {};
}

LogicalResult GatherOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  auto table = cast<RankedTensorType>(op.getTable().getType()),
       indices = cast<RankedTensorType>(op.getIndices().getType());
  if (table.getRank() < 1 || table.getDimSize(0) == 0)
    return emitOptionalError(loc, "expects a table with at least one row, but got ", Type(table));
  SmallVector<int64_t> shape(indices.getShape());
  llvm::append_range(shape, table.getShape().drop_front());
  types.push_back(RankedTensorType::get(shape, table.getElementType()));
  return success();
}

LogicalResult GatherOp::verify() { return success(); }
