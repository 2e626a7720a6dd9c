// Turns tensor operations into grids of tasks; see Passes.td.
#include "ingot/Plan/Passes.h"

#include "dialects/Ingot/Train.h"
#include "lib/Plan/KernelPlan.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace ingot {
#define GEN_PASS_DEF_FORMKERNELS
#include "lib/Plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Operations that a kernel's name spells out; of more, the number stands for those in the middle.
constexpr size_t kMostNamed = 8, kFirstNamed = 4;

/// Name of a kernel: the operations in it that matter, root last.
std::string kernelName(Operation *root, const llvm::DenseSet<Operation *> &inlined) {
  SmallVector<StringRef> names;
  llvm::DenseSet<Operation *> seen;
  auto visit = [&](auto &&self, Operation *op) -> void {
    if (!seen.insert(op).second)
      return;
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && inlined.contains(producer))
        self(self, producer);
    if (op == root || kernelRoleOf(op) != KernelRole::View)
      names.push_back(op->getName().stripDialect());
  };
  visit(visit, root);
  if (names.size() <= kMostNamed)
    return llvm::join(names, "_");
  std::string first = llvm::join(ArrayRef(names).take_front(kFirstNamed), "_");
  return first + "_" + std::to_string(names.size() - kFirstNamed - 1) + "_more_" + names.back().str();
}

/// Replaces the body of an entry by kernels.
class KernelFormer {
public:
  explicit KernelFormer(func::FuncOp func)
      : func(func), order(orderKernels(func)), plan(order.plan), builder(func.getContext()) {
    for (BlockArgument argument : func.getArguments()) {
      auto type = cast<RankedTensorType>(argument.getType());
      auto layout = dyn_cast_or_null<PanelsAttr>(type.getEncoding());
      if (!layout)
        continue;
      panels[argument] = layout;
      logicalTypes.emplace_back(argument, type);
    }
  }

  void run() {
    Block &block = func.getBody().front();
    SmallVector<Operation *> old;
    for (Operation &op : block.without_terminator())
      old.push_back(&op);
    addStoredArguments();
    builder.setInsertionPoint(block.getTerminator());
    for (Operation *root : order.roots)
      formKernel(root);
    for (OpOperand &operand : block.getTerminator()->getOpOperands())
      operand.set(outer.lookupOrDefault(operand.get()));
    for (Operation *op : llvm::reverse(old))
      op->erase();
    dropLogicalArguments();
  }

private:
  /// Beside each argument with a layout, one of the shape in which its value is stored takes its place.
  void addStoredArguments() {
    for (auto [argument, type] : logicalTypes) {
      auto stored = RankedTensorType::get(panels[argument].storedShape(type.getShape()), type.getElementType());
      outer.map(argument, func.getBody().insertArgument(argument.getArgNumber() + 1, stored, argument.getLoc()));
    }
  }

  /// Once the old operations are gone, so are the arguments that only they used.
  void dropLogicalArguments() {
    for (auto [argument, type] : logicalTypes)
      func.getBody().eraseArgument(argument.getArgNumber());
    func.setType(FunctionType::get(func.getContext(), func.getBody().getArgumentTypes(), func.getResultTypes()));
  }

  /// One launch per result that is used; what they share is computed by one before.
  void formKernel(Operation *op) {
    std::string name = kernelName(op, plan.getInlined());
    auto kernelOp = dyn_cast<KernelOpInterface>(op);
    Value parts;
    for (OpResult result : op->getResults()) {
      if (result.use_empty())
        continue;
      KernelBuilder kernel(builder, result, outer, plan.getInlined(), panels);
      std::optional<PartialKernel> partial;
      if (kernelOp && !parts && (partial = kernelOp.getPartialKernel(kernel))) {
        Value empty =
            tensor::EmptyOp::create(builder, op->getLoc(), partial->type.getShape(), partial->type.getElementType());
        parts = formLaunch(kernel, name + "_parts", partial->tiling, empty, [&](Value destination) {
          return kernelOp.emitPart(kernel, partial->tiling.tile, destination);
        });
      }
      kernel.setParts(parts);
      formRoot(kernel, op, name);
    }
  }

  void formRoot(KernelBuilder &kernel, Operation *op, const std::string &name) {
    Tiling tiling = tilingOf(op, kernel);
    BlockArgument updated = order.updates.lookup(op);
    Value destination = updated ? outer.lookupOrDefault(updated) : destinationOf(kernel.getRoot());
    auto emit = [&](Value slice) { return kernel.computeRoot(tiling.tile, slice); };
    outer.map(kernel.getRoot(), formLaunch(kernel, name, tiling, destination, emit, updated));
    if (updated)
      outer.map(updated, destination);
  }

  /// A grid of tasks, each of which computes its tile of `destination` with `emit`; returns the whole. The old value of
  /// the state `updated`, if any, is read where the new one is written.
  Value formLaunch(KernelBuilder &kernel, const std::string &name, const Tiling &tiling, Value destination,
                   function_ref<Value(Value)> emit, BlockArgument updated = {}) {
    Location loc = kernel.getRoot().getLoc();
    SmallVector<OpFoldResult> bounds = getAsIndexOpFoldResult(builder.getContext(), tiling.grid);
    auto forall = scf::ForallOp::create(builder, loc, bounds, destination, std::nullopt);
    forall->setAttr("ingot.kernel", builder.getStringAttr(name));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(forall.getBody());
    kernel.enterBody(loc, forall.getInductionVars());
    Value out = forall.getRegionOutArgs().front();
    if (updated)
      outer.map(updated, out);
    Value result = emit(kernel.slice(out, tiling.tile));
    insertTile(kernel, forall, tiling.tile, result, out);
    return forall.getResult(0);
  }

  static Tiling tilingOf(Operation *op, KernelBuilder &kernel) {
    if (auto kernelOp = dyn_cast<KernelOpInterface>(op))
      return kernelOp.getTiling(kernel);
    return pointwiseTiling(op->getResult(0), kernel);
  }

  /// What appends to a state writes into its operand; everything else into new memory.
  Value destinationOf(Value value) {
    if (auto append = value.getDefiningOp<KvAppendOp>())
      return outer.lookupOrDefault(append.getCache());
    if (auto count = value.getDefiningOp<CountTokensOp>())
      return outer.lookupOrDefault(count.getCounts());
    auto type = cast<RankedTensorType>(value.getType());
    return tensor::EmptyOp::create(builder, value.getLoc(), type.getShape(), type.getElementType());
  }

  void insertTile(KernelBuilder &kernel, scf::ForallOp forall, const Tile &tile, Value result, Value out) {
    // `slice` materialised the offsets for reading the destination; the insertion names the same box.
    auto extract = kernel.slice(out, tile).getDefiningOp<tensor::ExtractSliceOp>();
    SmallVector<OpFoldResult> offsets, sizes, strides;
    if (extract) {
      offsets = extract.getMixedOffsets();
      sizes = extract.getMixedSizes();
      strides = extract.getMixedStrides();
    } else {
      for (int64_t size : tile.sizes) {
        offsets.push_back(builder.getIndexAttr(0));
        sizes.push_back(builder.getIndexAttr(size));
        strides.push_back(builder.getIndexAttr(1));
      }
    }
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(forall.getTerminator().getBody());
    tensor::ParallelInsertSliceOp::create(builder, forall.getLoc(), result, out, offsets, sizes, strides);
    if (extract)
      extract.erase();
  }

  func::FuncOp func;
  KernelOrder order;
  const KernelPlan &plan;
  OpBuilder builder;
  IRMapping outer;
  llvm::DenseMap<Value, PanelsAttr> panels;
  SmallVector<std::pair<BlockArgument, RankedTensorType>> logicalTypes;
};

struct FormKernels : ingot::impl::FormKernelsBase<FormKernels> {
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isDeclaration())
        continue;
      // It means something to derivatives alone.
      func.walk([](StopGradientOp stop) {
        stop.replaceAllUsesWith(stop.getInput());
        stop.erase();
      });
      if (failed(check(func)))
        return signalPassFailure();
      KernelFormer(func).run();
    }
  }

  /// Every operation must know how to be part of a kernel; all that do not are reported at once.
  static LogicalResult check(func::FuncOp func) {
    LogicalResult result = success();
    if (!func.getBody().hasOneBlock())
      return func.emitOpError() << "expects straight-line code, but got several blocks";
    for (Operation &op : func.getBody().front().without_terminator()) {
      if (!kernelRoleOf(&op))
        result = op.emitOpError() << "is not supported in kernels yet";
      else
        for (Type type :
             llvm::concat<Type>(SmallVector<Type>(op.getOperandTypes()), SmallVector<Type>(op.getResultTypes())))
          if (auto tensor = dyn_cast<RankedTensorType>(type); !tensor || !tensor.hasStaticShape())
            result = op.emitOpError() << "expects tensors of static shape in kernels, but got " << type;
          else if (tensor.getNumElements() == 0)
            result = emitError(op.getLoc()) << "tensors without elements are not supported yet, but got " << type;
    }
    // Inputs that nothing computes with.
    for (Type type : llvm::concat<const Type>(func.getArgumentTypes(), func.getResultTypes()))
      if (auto tensor = dyn_cast<RankedTensorType>(type);
          succeeded(result) && tensor && tensor.hasStaticShape() && tensor.getNumElements() == 0)
        result = emitError(func.getLoc()) << "tensors without elements are not supported yet, but got " << type;
    return result;
  }
};

} // namespace
