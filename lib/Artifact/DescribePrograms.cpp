#include "lib/Artifact/DescribePrograms.h"

#include "ingot/Plan/Passes.h"
#include "ingot/Target/CPU/Target.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace ingot;

FailureOr<program::Program> ingot::linkedProgram(task::ProgramOp op) {
  FailureOr<program::Program> program = exportProgram(op);
  if (succeeded(program))
    for (program::Body &body : program->bodies)
      body.symbol = cpu::exportedName(op.getSymName(), body.symbol);
  return program;
}

/// The buffer behind an operand of a tile op in a body, as `launch` binds it; null for private memory.
static task::BufferOp bufferBehind(Value operand, task::LaunchOp launch, task::ProgramOp program) {
  while (auto view = operand.getDefiningOp<ViewLikeOpInterface>())
    operand = view.getViewSource();
  auto argument = dyn_cast<BlockArgument>(operand);
  if (!argument)
    return {};
  auto bound = cast<task::ArgumentAttr>(launch.getArguments()[argument.getArgNumber() - launch.getGrid().size()]);
  return program.lookupSymbol<task::BufferOp>(bound.getBuffer());
}

/// Calls `visit(launch, op)` for each op of type `Op` in the body of each launch.
template <typename Op>
static void forEachTileOp(task::ProgramOp program, function_ref<void(task::LaunchOp, Op)> visit) {
  for (auto launch : program.getOps<task::LaunchOp>())
    program.lookupSymbol<task::BodyOp>(launch.getBodyAttr()).walk([&](Op op) { visit(launch, op); });
}

static program::DType dtypeIn(const program::Program &program, StringRef symbol) {
  for (const program::Buffer &buffer : program.buffers)
    if (buffer.symbol == symbol)
      return buffer.dtype;
  llvm_unreachable("a buffer of the same program");
}

runtime::ManifestEntry ingot::describeEntry(task::ProgramOp op) {
  FailureOr<program::Program> program = exportProgram(op);
  assert(succeeded(program) && "a planned program exports");
  llvm::DenseMap<task::BufferOp, int64_t> rows;
  forEachTileOp<tile::GatherOp>(op, [&](task::LaunchOp launch, tile::GatherOp gather) {
    auto table = cast<MemRefType>(gather.getTable().getType());
    int64_t count = table.getDimSize(0) * (gather.getPanels() ? table.getShape().back() : 1);
    if (task::BufferOp buffer = bufferBehind(gather.getIndices(), launch, op)) {
      auto [it, inserted] = rows.try_emplace(buffer, count);
      it->second = std::min(it->second, count);
    }
  });
  runtime::ManifestEntry entry;
  entry.name = op.getSymName().str();
  for (auto buffer : op.getOps<task::BufferOp>()) {
    bool input = buffer.getKind() == task::BufferKind::Input;
    if (!input && buffer.getKind() != task::BufferKind::Output)
      continue;
    runtime::ManifestTensor tensor;
    tensor.name = buffer.getName()->str();
    tensor.dtype = dtypeIn(*program, buffer.getSymName());
    ArrayRef<int64_t> shape = buffer.getMemRefType().getShape();
    tensor.shape.assign(shape.begin(), shape.end());
    if (auto role = buffer->getAttrOfType<StringAttr>(IngotDialect::kRole))
      tensor.role = role.getValue().str();
    if (auto it = rows.find(buffer); it != rows.end() && input)
      tensor.range = {0, it->second - 1};
    (input ? entry.inputs : entry.outputs).push_back(std::move(tensor));
  }
  return entry;
}

std::vector<runtime::ManifestState> ingot::describeStates(ModuleOp module) {
  std::vector<runtime::ManifestState> states;
  llvm::StringMap<program::DType> dtypes;
  llvm::StringMap<const char *> roles;
  for (auto op : module.getOps<task::ProgramOp>()) {
    FailureOr<program::Program> program = exportProgram(op);
    assert(succeeded(program) && "a planned program exports");
    for (auto buffer : op.getOps<task::BufferOp>())
      if (buffer.getKind() == task::BufferKind::State)
        dtypes[*buffer.getName()] = dtypeIn(*program, buffer.getSymName());
    forEachTileOp<tile::ScatterOp>(op, [&](task::LaunchOp launch, tile::ScatterOp scatter) {
      task::BufferOp buffer = bufferBehind(scatter.getOut(), launch, op);
      if (buffer && buffer.getKind() == task::BufferKind::State)
        roles[*buffer.getName()] = runtime::kRoleKv;
    });
    forEachTileOp<tile::CountTokensOp>(op, [&](task::LaunchOp launch, tile::CountTokensOp count) {
      task::BufferOp buffer = bufferBehind(count.getOut(), launch, op);
      if (buffer && buffer.getKind() == task::BufferKind::State)
        roles[*buffer.getName()] = runtime::kRoleCounts;
    });
  }
  for (auto op : module.getOps<StateOp>()) {
    auto it = dtypes.find(op.getSymName());
    if (it == dtypes.end())
      continue; // no entry uses it
    runtime::ManifestState state;
    state.name = op.getSymName().str();
    state.dtype = it->second;
    ArrayRef<int64_t> shape = op.getTensorType().getShape();
    state.shape.assign(shape.begin(), shape.end());
    state.init = op.getInit().convertToDouble();
    if (op.getFromAttr())
      state.param = op.getFrom()->str();
    if (const char *role = roles.lookup(op.getSymName()))
      state.role = role;
    if (auto from = op->getAttrOfType<ArrayAttr>(IngotDialect::kFrom))
      for (auto name : from.getAsRange<StringAttr>())
        state.from.push_back(name.getValue().str());
    states.push_back(std::move(state));
  }
  return states;
}

uint64_t ingot::countFlops(const program::Program &program) {
  uint64_t flops = 0;
  for (const program::Launch &launch : program.launches)
    flops += launch.flops * launch.numTasks();
  return flops;
}
