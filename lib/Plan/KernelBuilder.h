// Tiles, and the builder that emits the body of one kernel.
#pragma once

#include "dialects/Tile/Tile.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace ingot {

class KernelBuilder;

/// What an operation means to the forming of kernels.
enum class KernelRole {
  View,      // renames elements: never computed on its own
  Pointwise, // cheap: recomputed where it is used, and may take a contraction as its operand
  Row,       // cheap, but needs whole rows of its operand
  Anchor,    // a contraction: computed once, with what consumes its tiles
  Root,      // always in memory: attention, gathers, cache updates
};

/// A box of a value's logical shape. Offsets are affine in the grid indices d0, d1, d2.
struct Tile {
  llvm::SmallVector<mlir::AffineExpr> offsets;
  llvm::SmallVector<int64_t> sizes;
  bool operator==(const Tile &other) const { return offsets == other.offsets && sizes == other.sizes; }
};

/// How a root is cut: one task per grid point computes `tile`.
struct Tiling {
  llvm::SmallVector<int64_t> grid;
  Tile tile;
};

/// A launch that computes parts of a root's reduction: a value of its own type, in memory.
struct PartialKernel {
  mlir::RankedTensorType type;
  Tiling tiling;
};

/// One task for the whole value.
Tiling wholeTiling(mlir::Value value);
/// The whole of `type`.
Tile wholeTile(mlir::RankedTensorType type);
/// Tasks of about `target` elements: leading dimensions are cut first, `keepTrailing` dimensions stay whole.
Tiling splitLeading(mlir::Value value, unsigned keepTrailing, int64_t target = 4096);
/// The largest divisor of `extent` that is at most `limit`.
int64_t largestDivisor(int64_t extent, int64_t limit);

/// Emits the body of one kernel: walks from the root to the values that exist in memory.
class KernelBuilder {
public:
  KernelBuilder(mlir::OpBuilder &builder, mlir::Value root, mlir::IRMapping &outer,
                const llvm::DenseSet<mlir::Operation *> &inlined, const llvm::DenseMap<mlir::Value, PanelsAttr> &panels)
      : builder(builder), root(root), outer(outer), inlined(inlined), panels(panels) {}

  /// Starts the body of a task with the given grid indices.
  void enterBody(mlir::Location loc, mlir::ValueRange gridIndices);

  /// `tile` of `value`: computed here if its operation is inlined, else sliced from memory.
  mlir::Value get(mlir::Value value, const Tile &tile);
  /// Computes `tile` of the root's value into `destination`, a slice of the kernel's result.
  mlir::Value computeRoot(const Tile &tile, mlir::Value destination);
  /// As `get`, without dimensions `dropped` (of extent 1 in the tile).
  mlir::Value getReduced(mlir::Value value, const Tile &tile, llvm::ArrayRef<int64_t> dropped);
  /// The whole of `value`.
  mlir::Value getWhole(mlir::Value value) { return get(value, wholeTile(typeOf(value))); }

  /// Slice of a tensor that exists here, without dimensions `dropped`.
  mlir::Value slice(mlir::Value tensor, const Tile &tile, llvm::ArrayRef<int64_t> dropped = {});
  /// Private temporary, or `destination` if it is given.
  mlir::Value temporary(llvm::ArrayRef<int64_t> shape, mlir::Type elementType, mlir::Value destination = {});
  /// Emits a `tile.map` that copies elements `map` of `source` to `destination`.
  mlir::Value copy(mlir::Value source, mlir::AffineMap map, mlir::Value destination);
  /// Emits a `tile.map` that computes `value` and everything pointwise and inlined behind it.
  mlir::Value emitPointwise(mlir::Value value, const Tile &tile, mlir::Value destination);

  mlir::Value getRoot() const { return root; }
  /// What the root's partial kernel computed; null while there is none.
  mlir::Value getParts() const { return parts; }
  void setParts(mlir::Value value) { parts = value; }
  /// An offset of a tile as a value of the body.
  mlir::Value index(mlir::AffineExpr expr);

  bool isInlined(mlir::Value value) const;
  /// Layout of a parameter's value; null for row-major.
  PanelsAttr panelsOf(mlir::Value value) const { return panels.lookup(value); }
  /// Value in memory that stands for `value`, of stored shape.
  mlir::Value memoryOf(mlir::Value value) const { return outer.lookupOrDefault(value); }
  static mlir::RankedTensorType typeOf(mlir::Value value) {
    return llvm::cast<mlir::RankedTensorType>(value.getType());
  }
  /// Smallest step of the last dimension in which `value`, with everything inlined behind it, can be cut.
  int64_t lastDimUnit(mlir::Value value) const;
  /// Multiply-adds per element of `value` in the contractions that are inlined behind it.
  int64_t contractionDepth(mlir::Value value) const;

  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::Location getLoc() const { return loc; }
  mlir::AffineExpr constant(int64_t value) { return builder.getAffineConstantExpr(value); }
  mlir::AffineExpr gridIndex(unsigned dim) { return builder.getAffineDimExpr(dim); }

private:
  struct Leaf {
    mlir::Value value, computed;
    mlir::AffineMap map;
  };
  mlir::OpFoldResult materialize(mlir::AffineExpr expr);
  mlir::Value compute(mlir::Value value, const Tile &tile, mlir::Value destination);
  void peelViews(mlir::Value &value, Tile &tile, mlir::AffineMap &map) const;
  bool isScalarOp(mlir::Value value) const;
  void collectLeaves(mlir::Value value, Tile tile, mlir::AffineMap map, llvm::SmallVectorImpl<Leaf> &leaves);
  mlir::Value emitScalar(mlir::OpBuilder &body, mlir::Value value, mlir::AffineMap map, llvm::ArrayRef<Leaf> leaves,
                         mlir::Block &block);

  mlir::OpBuilder &builder;
  mlir::Value root, parts;
  mlir::IRMapping &outer;
  const llvm::DenseSet<mlir::Operation *> &inlined;
  const llvm::DenseMap<mlir::Value, PanelsAttr> &panels;
  mlir::Location loc = mlir::UnknownLoc::get(builder.getContext());
  llvm::SmallVector<mlir::Value> gridIndices;
  llvm::SmallVector<std::tuple<mlir::Value, Tile, mlir::Value>> emitted;
  bool destinationUsed = false;
};

} // namespace ingot

#include "lib/Plan/KernelInterface.h.inc"

namespace ingot {

/// Role of any operation: its interface's, `Pointwise` for elementwise upstream operations, none otherwise.
std::optional<KernelRole> kernelRoleOf(mlir::Operation *op);
/// Grid of a pointwise root: along panels where a contraction is computed inside, else about 4096 elements per task.
Tiling pointwiseTiling(mlir::Value value, KernelBuilder &builder);
/// Grid of a value with a contraction behind it that takes `depth` multiply-adds per element: dimension `dim` is cut at
/// multiples of `unit`, long dimensions before it into blocks of rows that share what they load.
/// The first `batch` dimensions are of batches: up to two of them are cut to single ones.
Tiling contractionTiling(KernelBuilder &builder, mlir::RankedTensorType type, int64_t dim, int64_t unit, int64_t depth,
                         int64_t batch = 0);
/// Whether a contraction may be computed inside `operand`'s owner's task.
bool fusesProducer(mlir::OpOperand &operand);

void registerContractionKernels(mlir::DialectRegistry &registry);
void registerAttentionKernels(mlir::DialectRegistry &registry);
void registerPointwiseKernels(mlir::DialectRegistry &registry);
void registerRowKernels(mlir::DialectRegistry &registry);
void registerShapeKernels(mlir::DialectRegistry &registry);
void registerSamplingKernels(mlir::DialectRegistry &registry);
void registerLossKernels(mlir::DialectRegistry &registry);
void registerAttentionGradKernels(mlir::DialectRegistry &registry);
void registerScatterKernels(mlir::DialectRegistry &registry);

} // namespace ingot
