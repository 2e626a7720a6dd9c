// Turns tensor operations into grids of tasks; see Passes.td.
#include "ingot/Plan/Passes.h"

#include "lib/Plan/KernelBuilder.h"
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

/// Elements from which it pays to compute an operand of contractions once, in memory, and not again in each of their
/// tasks: repeating that costs more than a launch, an event and a way through the cache.
constexpr int64_t kMostRepeated = 65536;

/// Decides which operations get a kernel of their own (roots) and which are computed inside the kernels that use them.
class KernelPlan {
public:
  explicit KernelPlan(func::FuncOp func) {
    Block &block = func.getBody().front();
    for (Operation &op : block.without_terminator())
      decideLocally(&op);
    for (Operation &op : llvm::reverse(block.without_terminator()))
      separateShared(&op);
    for (Operation &op : block.without_terminator())
      if (!roots.contains(&op))
        inlined.insert(&op);
  }

  bool isRoot(Operation *op) const { return roots.contains(op); }
  const llvm::DenseSet<Operation *> &getInlined() const { return inlined; }

private:
  /// Whether something needs `value` in memory, seen through views: a return, or an operation that would repeat the
  /// contraction behind it in each of its tasks.
  static bool neededInMemory(Value value) {
    return llvm::any_of(value.getUses(), [](OpOperand &use) {
      Operation *user = use.getOwner();
      if (user->hasTrait<OpTrait::IsTerminator>() || !fusesProducer(use))
        return true;
      return kernelRoleOf(user) == KernelRole::View && neededInMemory(user->getResult(0));
    });
  }

  /// How many tasks of contractions would compute `value` on their way to an operand, seen through views.
  static int64_t numReaders(Value value) {
    int64_t count = 0;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (user->hasTrait<OpTrait::IsTerminator>())
        continue;
      std::optional<KernelRole> role = kernelRoleOf(user);
      if (role == KernelRole::View)
        count += numReaders(user->getResult(0));
      else if (role == KernelRole::Anchor)
        count += cast<KernelOpInterface>(user).getNumReaders(use);
    }
    return count;
  }

  /// Whether contractions read `op` so often that it is computed once.
  static bool isRepeated(Operation *op) {
    KernelRole role = *kernelRoleOf(op);
    if (role != KernelRole::Pointwise && role != KernelRole::Row)
      return false;
    int64_t elements = KernelBuilder::typeOf(op->getResult(0)).getNumElements();
    return (numReaders(op->getResult(0)) - 1) * elements >= kMostRepeated;
  }

  static bool isReturned(Operation *op) {
    return llvm::any_of(op->getUsers(), [](Operation *user) { return user->hasTrait<OpTrait::IsTerminator>(); });
  }

  /// Whether the last of its rows is asked for, seen through views: many tasks compute rows, one chooses among them.
  static bool isChosenFrom(Operation *op) {
    return llvm::any_of(op->getUsers(), [](Operation *user) {
      return isa<LastRowOp>(user) || (kernelRoleOf(user) == KernelRole::View && isChosenFrom(user));
    });
  }

  void decideLocally(Operation *op) {
    KernelRole role = *kernelRoleOf(op);
    if (role == KernelRole::Root || isReturned(op) || (role != KernelRole::View && isChosenFrom(op))) {
      roots.insert(op);
      return;
    }
    bool contains = role == KernelRole::Anchor;
    if (role == KernelRole::Pointwise || role == KernelRole::View)
      contains |=
          llvm::any_of(op->getOperands(), [&](Value operand) { return heavy.contains(operand.getDefiningOp()); });
    // A view is never computed: what is behind it is needed instead.
    if (contains && role != KernelRole::View && neededInMemory(op->getResult(0)))
      roots.insert(op);
    else if (contains)
      heavy.insert(op);
    else if (isRepeated(op))
      roots.insert(op);
  }

  /// An operation with a contraction behind it that several kernels use becomes a root: it must not be repeated.
  void separateShared(Operation *op) {
    llvm::SmallSetVector<Operation *, 2> &users = usedBy[op];
    if (roots.contains(op)) {
      users.insert(op);
      return;
    }
    llvm::SmallSetVector<Operation *, 2> reached;
    for (Operation *user : op->getUsers())
      for (Operation *root : usedBy[user])
        reached.insert(root);
    if (reached.size() > 1 && heavy.contains(op) && kernelRoleOf(op) != KernelRole::View) {
      roots.insert(op);
      reached.clear();
      reached.insert(op);
    }
    usedBy[op] = reached;
  }

  llvm::DenseSet<Operation *> roots, inlined, heavy;
  llvm::DenseMap<Operation *, llvm::SmallSetVector<Operation *, 2>> usedBy;
};

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
  return llvm::join(names, "_");
}

/// Gives each output memory of its own: one that is an argument, or was returned before, becomes a copy (a broadcast to
/// its own shape).
void copySharedOutputs(func::FuncOp func) {
  Operation *terminator = func.getBody().front().getTerminator();
  OpBuilder builder(terminator);
  llvm::DenseSet<Value> seen;
  for (OpOperand &operand : terminator->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    bool state = static_cast<bool>(func.getResultAttr(operand.getOperandNumber(), IngotDialect::kState));
    if (!type || state || (seen.insert(operand.get()).second && operand.get().getDefiningOp()))
      continue;
    auto dims = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    operand.set(BroadcastOp::create(builder, terminator->getLoc(), type, operand.get(), dims));
  }
}

/// Replaces the body of an entry by kernels.
class KernelFormer {
public:
  explicit KernelFormer(func::FuncOp func) : func(func), plan(func), builder(func.getContext()) {
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
    for (Operation *op : old)
      if (plan.isRoot(op))
        formKernel(op);
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

  void formKernel(Operation *op) {
    builder.setInsertionPoint(op);
    Value value = op->getResult(0);
    KernelBuilder kernel(builder, value, outer, plan.getInlined(), panels);
    std::string name = kernelName(op, plan.getInlined());
    auto kernelOp = dyn_cast<KernelOpInterface>(op);
    if (std::optional<PartialKernel> partial = kernelOp ? kernelOp.getPartialKernel(kernel) : std::nullopt) {
      Value empty =
          tensor::EmptyOp::create(builder, op->getLoc(), partial->type.getShape(), partial->type.getElementType());
      kernel.setParts(formLaunch(kernel, name + "_parts", partial->tiling, empty, [&](Value destination) {
        return kernelOp.emitPart(kernel, partial->tiling.tile, destination);
      }));
    }
    Tiling tiling = tilingOf(op, kernel);
    outer.map(value, formLaunch(kernel, name, tiling, destinationOf(op),
                                [&](Value destination) { return kernel.computeRoot(tiling.tile, destination); }));
  }

  /// A grid of tasks, each of which computes its tile of `destination` with `emit`; returns the whole.
  Value formLaunch(KernelBuilder &kernel, const std::string &name, const Tiling &tiling, Value destination,
                   function_ref<Value(Value)> emit) {
    Location loc = kernel.getRoot().getLoc();
    SmallVector<OpFoldResult> bounds = getAsIndexOpFoldResult(builder.getContext(), tiling.grid);
    auto forall = scf::ForallOp::create(builder, loc, bounds, destination, std::nullopt);
    forall->setAttr("ingot.kernel", builder.getStringAttr(name));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(forall.getBody());
    kernel.enterBody(loc, forall.getInductionVars());
    Value out = forall.getRegionOutArgs().front();
    Value result = emit(kernel.slice(out, tiling.tile));
    insertTile(kernel, forall, tiling.tile, result, out);
    return forall.getResult(0);
  }

  static Tiling tilingOf(Operation *op, KernelBuilder &kernel) {
    if (auto kernelOp = dyn_cast<KernelOpInterface>(op))
      return kernelOp.getTiling(kernel);
    return pointwiseTiling(op->getResult(0), kernel);
  }

  /// An update of state writes into its operand; everything else into new memory.
  Value destinationOf(Operation *op) {
    if (auto append = dyn_cast<KvAppendOp>(op))
      return outer.lookupOrDefault(append.getCache());
    if (auto count = dyn_cast<CountTokensOp>(op))
      return outer.lookupOrDefault(count.getCounts());
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    return tensor::EmptyOp::create(builder, op->getLoc(), type.getShape(), type.getElementType());
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
  KernelPlan plan;
  OpBuilder builder;
  IRMapping outer;
  llvm::DenseMap<Value, PanelsAttr> panels;
  SmallVector<std::pair<BlockArgument, RankedTensorType>> logicalTypes;
};

struct FormKernels : ingot::impl::FormKernelsBase<FormKernels> {
  using FormKernelsBase::FormKernelsBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isDeclaration() || failed(check(func)))
        return func.isDeclaration() ? void() : signalPassFailure();
      copySharedOutputs(func);
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
      else if (op.getNumResults() != 1)
        result = op.emitOpError() << "with " << op.getNumResults() << " results is not supported in kernels yet";
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
