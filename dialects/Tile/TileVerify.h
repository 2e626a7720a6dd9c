// What the verifiers and effects of tile ops share.
#pragma once

#include "dialects/Tile/Tile.h"

namespace ingot::tile {

inline mlir::ShapedType shapedOf(mlir::Value value) { return llvm::cast<mlir::ShapedType>(value.getType()); }
inline mlir::ArrayRef<int64_t> shapeOf(mlir::Value value) { return shapedOf(value).getShape(); }

/// Operands are all tensors with one result of the destination's type, or all memrefs without a result. Indices may be
/// among them.
inline mlir::LogicalResult verifyDestinationStyle(mlir::Operation *op) {
  bool onTensors = llvm::isa<mlir::TensorType>(op->getOperands().back().getType());
  for (mlir::Value operand : op->getOperands()) {
    if (operand.getType().isIndex())
      continue;
    if (llvm::isa<mlir::TensorType>(operand.getType()) != onTensors)
      return op->emitOpError() << "expects only tensors or only memrefs, but got " << op->getOperandTypes();
    if (!shapedOf(operand).hasStaticShape())
      return op->emitOpError() << "expects static shapes, but got " << operand.getType();
  }
  if (op->getNumResults() != (onTensors ? 1u : 0u))
    return op->emitOpError() << "expects " << (onTensors ? "one result" : "no result") << ", but got "
                             << op->getNumResults();
  if (onTensors && op->getResult(0).getType() != op->getOperands().back().getType())
    return op->emitOpError() << "expects a result of type " << op->getOperands().back().getType() << ", but got "
                             << op->getResult(0).getType();
  return mlir::success();
}

inline mlir::LogicalResult expectShape(mlir::Operation *op, mlir::StringRef what, mlir::Value value,
                                       mlir::ArrayRef<int64_t> shape) {
  if (shapeOf(value) == shape)
    return mlir::success();
  auto diag = op->emitOpError() << "expects " << what << " of shape [";
  llvm::interleaveComma(shape, diag);
  return diag << "], but got " << value.getType();
}

inline mlir::LogicalResult expectRank(mlir::Operation *op, mlir::StringRef what, mlir::Value value, size_t rank) {
  if (shapeOf(value).size() == rank)
    return mlir::success();
  return op->emitOpError() << "expects " << what << " of rank " << rank << ", but got " << value.getType();
}

using TileEffects = llvm::SmallVectorImpl<mlir::SideEffects::EffectInstance<mlir::MemoryEffects::Effect>>;

/// Memrefs: reads the inputs, writes the destination, and reads it where parts are kept.
inline void tileEffects(mlir::Operation *op, TileEffects &effects) {
  for (mlir::OpOperand &operand : op->getOpOperands()) {
    if (!llvm::isa<mlir::MemRefType>(operand.get().getType()))
      continue;
    bool destination = operand.getOperandNumber() + 1 == op->getNumOperands();
    if (!destination || llvm::cast<TileOpInterface>(op).keepsDestination())
      effects.emplace_back(mlir::MemoryEffects::Read::get(), &operand);
    if (destination)
      effects.emplace_back(mlir::MemoryEffects::Write::get(), &operand);
  }
}

} // namespace ingot::tile
