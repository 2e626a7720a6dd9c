// Turns bufferized entries into task programs; see Passes.td.
#include "ingot/Plan/Passes.h"

#include "lib/Plan/TaskAccesses.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace ingot {
#define GEN_PASS_DEF_EXTRACTTASKS
#include "lib/Plan/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// Builds the body of one launch and finds what the launch passes to it.
class BodyMaker {
public:
  BodyMaker(OpBuilder &builder, scf::ForallOp forall) : builder(builder), forall(forall) {}

  task::BodyOp make(const llvm::DenseMap<Value, task::BufferOp> &buffers) {
    body = task::BodyOp::create(builder, forall.getLoc(), "body", 0);
    Block &block = body.getBody().emplaceBlock();
    IRMapping mapping;
    for (Value index : forall.getInductionVars())
      mapping.map(index, block.addArgument(builder.getIndexType(), index.getLoc()));
    OpBuilder inside = OpBuilder::atBlockEnd(&block);
    forall.getBody()->walk([&](Operation *op) { bindOperands(op, inside, block, mapping); });
    for (Operation &op : forall.getBody()->without_terminator())
      inside.clone(op, mapping);
    hoistTemporaries(block);
    passLayers(block, buffers);
    return body;
  }

  /// Memrefs in the order of the body's memref arguments.
  ArrayRef<Value> getMemrefs() const { return memrefs; }
  ArrayRef<int64_t> getIntegers() const { return integers; }

private:
  /// Outer memrefs become arguments, outer constants are repeated inside.
  void bindOperands(Operation *op, OpBuilder &inside, Block &block, IRMapping &mapping) {
    for (Value operand : op->getOperands()) {
      if (mapping.contains(operand) || forall.getRegion().isAncestor(operand.getParentRegion()))
        continue;
      if (Operation *producer = operand.getDefiningOp(); producer && producer->hasTrait<OpTrait::ConstantLike>()) {
        mapping.map(operand, inside.clone(*producer)->getResult(0));
        continue;
      }
      mapping.map(operand, block.addArgument(operand.getType(), operand.getLoc()));
      memrefs.push_back(operand);
    }
  }

  void hoistTemporaries(Block &block) {
    int64_t bytes = 0;
    SmallVector<memref::AllocaOp> temporaries;
    body.walk([&](memref::AllocaOp alloca) { temporaries.push_back(alloca); });
    for (memref::AllocaOp alloca : llvm::reverse(temporaries)) {
      MemRefType type = alloca.getType();
      bytes += llvm::alignTo(type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8), 64);
      alloca->moveBefore(&block, block.begin());
    }
    body.setPrivateBytes(bytes);
  }

  /// The layer of a state is an integer argument, so that the body does not depend on it.
  void passLayers(Block &block, const llvm::DenseMap<Value, task::BufferOp> &buffers) {
    unsigned firstMemref = forall.getRank(), firstInteger = block.getNumArguments();
    SmallVector<memref::SubViewOp> views;
    body.walk([&](memref::SubViewOp view) {
      auto source = dyn_cast<BlockArgument>(view.getSource());
      if (!source || view.getSourceType().getRank() < 2 || view.isDynamicOffset(0) || view.isDynamicSize(0) ||
          view.getStaticSize(0) != 1 || view.getSourceType().getDimSize(0) == 1)
        return;
      if (buffers.lookup(memrefs[source.getArgNumber() - firstMemref]).getKind() == task::BufferKind::State)
        views.push_back(view);
    });
    for (memref::SubViewOp view : views) {
      int64_t layer = view.getStaticOffset(0);
      auto known = llvm::find(integers, layer);
      unsigned number = known - integers.begin();
      if (known == integers.end()) {
        integers.push_back(layer);
        block.addArgument(builder.getIndexType(), view.getLoc());
      }
      offsetBy(view, block.getArgument(firstInteger + number));
    }
  }

  /// Makes the leading offset of `view` dynamic; its type and those of views of it follow.
  static void offsetBy(memref::SubViewOp view, Value layer) {
    OpBuilder builder(view);
    SmallVector<OpFoldResult> offsets = view.getMixedOffsets();
    offsets.front() = layer;
    auto type = memref::SubViewOp::inferRankReducedResultType(view.getType().getShape(), view.getSourceType(), offsets,
                                                              view.getMixedSizes(), view.getMixedStrides());
    auto replacement = memref::SubViewOp::create(builder, view.getLoc(), type, view.getSource(), offsets,
                                                 view.getMixedSizes(), view.getMixedStrides());
    view.replaceAllUsesWith(replacement.getResult());
    view.erase();
    refreshViews(replacement.getResult());
  }

  static void refreshViews(Value source) {
    for (Operation *user : llvm::make_early_inc_range(source.getUsers())) {
      auto type = cast<MemRefType>(source.getType());
      if (auto view = dyn_cast<memref::SubViewOp>(user))
        view.getResult().setType(memref::SubViewOp::inferRankReducedResultType(
            view.getType().getShape(), type, view.getMixedOffsets(), view.getMixedSizes(), view.getMixedStrides()));
      else if (auto collapse = dyn_cast<memref::CollapseShapeOp>(user))
        collapse.getResult().setType(
            memref::CollapseShapeOp::computeCollapsedType(type, collapse.getReassociationIndices()));
      else if (auto expand = dyn_cast<memref::ExpandShapeOp>(user))
        expand.getResult().setType(*memref::ExpandShapeOp::computeExpandedType(type, expand.getResultType().getShape(),
                                                                               expand.getReassociationIndices()));
      else
        continue;
      refreshViews(user->getResult(0));
    }
  }

  OpBuilder &builder;
  scf::ForallOp forall;
  task::BodyOp body;
  SmallVector<Value> memrefs;
  SmallVector<int64_t> integers;
};

/// Turns one entry into a task program.
class ProgramMaker {
public:
  ProgramMaker(func::FuncOp func, StringRef isaLevel) : func(func), isaLevel(isaLevel), builder(func.getContext()) {}

  FailureOr<task::ProgramOp> make() {
    if (failed(checkBufferized()))
      return failure();
    builder.setInsertionPoint(func);
    program = task::ProgramOp::create(builder, func.getLoc(), func.getSymName(),
                                      task::CpuTargetAttr::get(func.getContext(), isaLevel));
    builder.setInsertionPointToStart(&program.getBody().emplaceBlock());
    if (failed(makeBuffers()))
      return failure();
    SmallVector<scf::ForallOp> foralls(func.getOps<scf::ForallOp>());
    for (scf::ForallOp forall : foralls)
      makeLaunch(forall);
    dropUnusedBuffers();
    return program;
  }

private:
  /// Nothing but allocations and kernels may be left at function level, and nothing may be copied.
  LogicalResult checkBufferized() {
    LogicalResult result = success();
    func.walk([&](memref::CopyOp copy) {
      result = copy.emitOpError() << "copies " << copy.getSource().getType() << " in entry '" << func.getSymName()
                                  << "': expects every value to be updated in place";
    });
    for (Operation &op : func.getBody().front().without_terminator())
      if (!isa<scf::ForallOp, memref::AllocOp, memref::CopyOp>(op) && !op.hasTrait<OpTrait::ConstantLike>())
        result = op.emitOpError() << "is left between kernels of entry '" << func.getSymName() << "'";
    return result;
  }

  std::string uniqueName(StringRef base) {
    std::string name = base.str();
    for (unsigned i = 1; !names.insert(name).second; ++i)
      name = (base + "_" + Twine(i)).str();
    return name;
  }

  task::BufferOp makeBuffer(Value value, task::BufferKind kind, StringRef name, StringRef symbol, Attribute role = {}) {
    auto buffer = task::BufferOp::create(
        builder, value.getLoc(), builder.getStringAttr(uniqueName(symbol)), TypeAttr::get(value.getType()),
        task::BufferKindAttr::get(func.getContext(), kind),
        kind == task::BufferKind::Scratch ? StringAttr() : builder.getStringAttr(name), IntegerAttr());
    if (role)
      buffer->setAttr(IngotDialect::kRole, role);
    buffers[value] = buffer;
    return buffer;
  }

  LogicalResult makeBuffers() {
    for (BlockArgument argument : func.getArguments()) {
      unsigned i = argument.getArgNumber();
      if (auto param = func.getArgAttrOfType<FlatSymbolRefAttr>(i, IngotDialect::kParam))
        makeBuffer(argument, task::BufferKind::Param, param.getValue(), param.getValue());
      else if (auto state = func.getArgAttrOfType<FlatSymbolRefAttr>(i, IngotDialect::kState))
        makeBuffer(argument, task::BufferKind::State, state.getValue(), state.getValue());
      else if (auto input = func.getArgAttrOfType<StringAttr>(i, IngotDialect::kInput))
        makeBuffer(argument, task::BufferKind::Input, input.getValue(), input.getValue(),
                   func.getArgAttr(i, IngotDialect::kRole));
      else
        return func.emitOpError() << "expects argument " << i
                                  << " to be a parameter, a state or an input, but got no such attribute";
    }
    if (failed(makeOutputs()))
      return failure();
    for (auto alloc : func.getOps<memref::AllocOp>())
      if (!buffers.contains(alloc))
        makeBuffer(alloc, task::BufferKind::Scratch, "", ("t" + Twine(numScratch++)).str());
    return success();
  }

  LogicalResult makeOutputs() {
    auto ret = cast<func::ReturnOp>(func.getBody().front().getTerminator());
    for (auto [i, value] : llvm::enumerate(ret.getOperands())) {
      if (auto state = func.getResultAttrOfType<FlatSymbolRefAttr>(i, IngotDialect::kState)) {
        auto argument = dyn_cast<BlockArgument>(value);
        if (!argument || func.getArgAttr(argument.getArgNumber(), IngotDialect::kState) != state)
          return ret.emitOpError() << "expects the new value of state " << state
                                   << " to be its argument, updated in place, but got "
                                   << (value.getDefiningOp() ? "a value in other memory" : "another argument");
        continue;
      }
      auto output = func.getResultAttrOfType<StringAttr>(i, IngotDialect::kOutput);
      if (!output)
        return ret.emitOpError() << "expects result " << i << " to be a state or an output, but got no such attribute";
      if (!value.getDefiningOp<memref::AllocOp>() || buffers.contains(value))
        return ret.emitOpError() << "returning an argument, or one value as two outputs, is not supported yet";
      makeBuffer(value, task::BufferKind::Output, output.getValue(), output.getValue(),
                 func.getResultAttr(i, IngotDialect::kRole));
    }
    return success();
  }

  /// The body with the same text that exists already, or `body` under a name of its own.
  task::BodyOp deduplicate(task::BodyOp body, StringRef kernel) {
    std::string text;
    llvm::raw_string_ostream os(text);
    body->print(os, OpPrintingFlags().useLocalScope().skipRegions(false));
    auto [it, inserted] = bodies.try_emplace(text, body);
    if (!inserted) {
      body.erase();
      return it->second;
    }
    body.setSymName(uniqueName(kernel));
    return body;
  }

  void makeLaunch(scf::ForallOp forall) {
    auto kernelAttr = forall->getAttrOfType<StringAttr>("ingot.kernel");
    StringRef kernel = kernelAttr ? kernelAttr.getValue() : "kernel";
    BodyMaker maker(builder, forall);
    task::BodyOp body = maker.make(buffers);
    SmallVector<BodyAccess> accesses = accessesOf(body);
    int64_t flops = 0;
    body.walk([&](tile::TileOpInterface op) { flops += op.getFlops(); });
    body = deduplicate(body, kernel);

    SmallVector<int64_t> grid;
    for (OpFoldResult bound : forall.getMixedUpperBound())
      grid.push_back(*getConstantIntValue(bound));
    SmallVector<Attribute> arguments;
    for (Value memref : maker.getMemrefs())
      arguments.push_back(task::ArgumentAttr::get(func.getContext(), symbolOf(memref), {}));
    for (int64_t integer : maker.getIntegers())
      arguments.push_back(task::ArgumentAttr::get(func.getContext(), FlatSymbolRefAttr(), integer));
    createLaunch(forall, kernel, body, grid, arguments, maker, accesses, flops);
  }

  FlatSymbolRefAttr symbolOf(Value memref) { return FlatSymbolRefAttr::get(buffers.lookup(memref).getSymNameAttr()); }

  void createLaunch(scf::ForallOp forall, StringRef kernel, task::BodyOp body, ArrayRef<int64_t> grid,
                    ArrayRef<Attribute> arguments, const BodyMaker &maker, ArrayRef<BodyAccess> accesses,
                    int64_t flops) {
    SmallVector<Attribute> reads, writes, certain;
    int64_t bytes = 0;
    for (const BodyAccess &access : accesses) {
      Value memref = maker.getMemrefs()[access.argument - grid.size()];
      bool stream = access.streamed && buffers.lookup(memref).getKind() == task::BufferKind::Param;
      auto box = task::AccessAttr::get(func.getContext(), symbolOf(memref),
                                       bind(access.offsets, grid.size(), maker.getIntegers()), access.sizes, stream);
      bytes += access.moved * llvm::divideCeil(cast<MemRefType>(memref.getType()).getElementTypeBitWidth(), 8);
      (access.write ? writes : reads).push_back(box);
      if (access.certain)
        certain.push_back(box);
    }
    ArrayAttr none = builder.getArrayAttr({});
    task::LaunchOp::create(
        builder, forall.getLoc(), builder.getStringAttr(uniqueName(("k" + Twine(numLaunches++) + "." + kernel).str())),
        FlatSymbolRefAttr::get(body.getSymNameAttr()), builder.getDenseI64ArrayAttr(grid),
        builder.getArrayAttr(arguments), none, none, builder.getArrayAttr(reads), builder.getArrayAttr(writes),
        certain == writes ? ArrayAttr() : builder.getArrayAttr(certain), builder.getI64IntegerAttr(flops),
        builder.getI64IntegerAttr(bytes));
  }

  /// Offsets over the task indices alone: the integers of this launch are put in.
  AffineMap bind(AffineMap offsets, unsigned gridRank, ArrayRef<int64_t> integers) {
    SmallVector<AffineExpr> dims;
    for (unsigned dim = 0; dim < gridRank; ++dim)
      dims.push_back(builder.getAffineDimExpr(dim));
    for (int64_t integer : integers)
      dims.push_back(builder.getAffineConstantExpr(integer));
    return simplifyAffineMap(offsets.replaceDimsAndSymbols(dims, {}, gridRank, 0));
  }

  void dropUnusedBuffers() {
    llvm::DenseSet<StringAttr> used;
    for (auto launch : program.getOps<task::LaunchOp>())
      for (auto argument : launch.getArguments().getAsRange<task::ArgumentAttr>())
        if (!argument.isInteger())
          used.insert(argument.getBuffer().getAttr());
    for (auto buffer : llvm::make_early_inc_range(program.getOps<task::BufferOp>()))
      if (!used.contains(buffer.getSymNameAttr()) &&
          (buffer.getKind() == task::BufferKind::Param || buffer.getKind() == task::BufferKind::Scratch))
        buffer.erase();
  }

  func::FuncOp func;
  StringRef isaLevel;
  OpBuilder builder;
  task::ProgramOp program;
  llvm::DenseMap<Value, task::BufferOp> buffers;
  llvm::StringMap<task::BodyOp> bodies;
  llvm::StringSet<> names;
  unsigned numScratch = 0, numLaunches = 0;
};

struct ExtractTasks : ingot::impl::ExtractTasksBase<ExtractTasks> {
  using ExtractTasksBase::ExtractTasksBase;

  void runOnOperation() override {
    for (auto func : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (func.isPrivate())
        continue;
      ProgramMaker maker(func, isa);
      if (failed(maker.make()))
        return signalPassFailure();
      func.erase();
    }
  }
};

} // namespace
