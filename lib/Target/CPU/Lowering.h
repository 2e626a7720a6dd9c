// What the passes that lower tile operations share.
#pragma once

#include "lib/Target/CPU/LoopNest.h"

#include "dialects/Tile/Tile.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace ingot::cpu {

/// Replaces each `OpTy` below `root` by what `lower(builder, op)` emits before it. All operands are memrefs.
template <typename OpTy, typename Lower> mlir::LogicalResult lowerEach(mlir::Operation *root, Lower lower) {
  llvm::SmallVector<OpTy> ops;
  root->walk([&](OpTy op) { ops.push_back(op); });
  for (OpTy op : ops) {
    if (!llvm::isa<mlir::MemRefType>(op.getOut().getType()))
      return op.emitOpError() << "expects memrefs below bufferization, but got " << op.getOut().getType();
    mlir::ImplicitLocOpBuilder builder(op.getLoc(), op);
    if (mlir::failed(lower(builder, op)))
      return mlir::failure();
    op.erase();
  }
  return mlir::success();
}

/// Clones a scalar operation with `width` lanes: constants are splatted, elementwise operations take vector types.
void cloneWidened(mlir::ImplicitLocOpBuilder &builder, mlir::Operation &op, mlir::IRMapping &mapping, int64_t width);
/// Whether all operations of a `tile.map` body have a vector form.
bool isVectorisable(mlir::Block &body);

/// A nest over `view`'s dimensions that copies elements, from access `from` to access `to`.
void emitCopy(mlir::ImplicitLocOpBuilder &builder, llvm::ArrayRef<int64_t> extents, const Access &from,
              const Access &to, VectorShape shape);

} // namespace ingot::cpu
