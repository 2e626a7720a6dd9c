// From the `task` dialect to the program library: the same program without MLIR.
#include "ingot/Plan/Passes.h"
#include "lib/Plan/IndexExpressions.h"

using namespace mlir;
using namespace ingot;

namespace {

std::optional<program::DType> dtypeOf(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type))
    switch (integer.getWidth()) {
    case 1:
      return program::DType::i1;
    case 8:
      return program::DType::i8;
    case 32:
      return program::DType::i32;
    case 64:
      return program::DType::i64;
    default:
      return std::nullopt;
    }
  if (type.isF16())
    return program::DType::f16;
  if (type.isBF16())
    return program::DType::bf16;
  if (type.isF32())
    return program::DType::f32;
  if (type.isF64())
    return program::DType::f64;
  return std::nullopt;
}

program::BufferKind kindOf(task::BufferKind kind) {
  switch (kind) {
  case task::BufferKind::Param:
    return program::BufferKind::Param;
  case task::BufferKind::State:
    return program::BufferKind::State;
  case task::BufferKind::Input:
    return program::BufferKind::Input;
  case task::BufferKind::Output:
    return program::BufferKind::Output;
  case task::BufferKind::Scratch:
    return program::BufferKind::Scratch;
  }
  llvm_unreachable("unknown buffer kind");
}

class Exporter {
public:
  explicit Exporter(task::ProgramOp op) : op(op) {}

  FailureOr<program::Program> run() {
    result.name = op.getSymName().str();
    if (auto cpu = dyn_cast<task::CpuTargetAttr>(op.getTarget()))
      result.target = "cpu:" + cpu.getIsa().str();
    for (auto buffer : op.getOps<task::BufferOp>())
      if (!add(buffer))
        return failure();
    for (auto event : op.getOps<task::EventOp>()) {
      events[event.getSymNameAttr()] = result.events.size();
      result.events.push_back({event.getSymName().str(), static_cast<uint32_t>(event.getCount()),
                               static_cast<uint32_t>(event.getSignals())});
    }
    for (auto body : op.getOps<task::BodyOp>()) {
      bodies[body.getSymNameAttr()] = result.bodies.size();
      result.bodies.push_back({body.getSymName().str(), static_cast<uint64_t>(body.getPrivateBytes())});
    }
    for (auto launch : op.getOps<task::LaunchOp>())
      if (!add(launch))
        return failure();
    for (auto schedule : op.getOps<task::ScheduleOp>())
      add(schedule);
    return std::move(result);
  }

private:
  bool add(task::BufferOp op) {
    MemRefType type = op.getMemRefType();
    auto dtype = dtypeOf(type.getElementType());
    if (!dtype) {
      op.emitOpError() << "expects an element type that programs store, but got " << type.getElementType();
      return false;
    }
    program::Buffer buffer;
    buffer.symbol = op.getSymName().str();
    buffer.kind = kindOf(op.getKind());
    buffer.name = op.getName().value_or("").str();
    buffer.dtype = *dtype;
    buffer.shape.assign(type.getShape().begin(), type.getShape().end());
    if (buffer.kind == program::BufferKind::Scratch) {
      if (!op.getOffset()) {
        op.emitOpError() << "expects an offset in the arena: run ingot-place-buffers first";
        return false;
      }
      buffer.offset = *op.getOffset();
      result.arenaBytes = std::max<uint64_t>(result.arenaBytes, llvm::alignTo(buffer.offset + op.getBytes(), 64));
    }
    buffers[op.getSymNameAttr()] = result.buffers.size();
    result.buffers.push_back(std::move(buffer));
    return true;
  }

  bool convert(task::LaunchOp op, AffineExpr expr, program::Affine &affine) {
    if (std::optional<program::Affine> converted = toProgramAffine(expr)) {
      affine = *converted;
      return true;
    }
    op.emitError()
        << "parts of tensors at other indices than linear ones, or a linear one divided by a constant, are not "
           "supported yet, but got "
        << AffineMapAttr::get(AffineMap::get(op.getGrid().size(), 0, expr));
    return false;
  }

  bool convert(task::LaunchOp op, ArrayAttr list, std::vector<program::Access> &accesses) {
    for (auto attr : list.getAsRange<task::AccessAttr>()) {
      program::Access access;
      access.buffer = buffers.lookup(attr.getBuffer().getAttr());
      access.size.assign(attr.getSizes().begin(), attr.getSizes().end());
      access.stream = attr.getStream();
      for (AffineExpr expr : attr.getOffsets().getResults())
        if (!convert(op, expr, access.offset.emplace_back()))
          return false;
      accesses.push_back(std::move(access));
    }
    return true;
  }

  bool convert(task::LaunchOp op, ArrayAttr list, std::vector<program::EventRef> &refs) {
    for (auto attr : list.getAsRange<task::EventRefAttr>()) {
      program::EventRef ref;
      ref.event = events.lookup(attr.getEvent().getAttr());
      if (attr.getIndex().getNumResults() && !convert(op, attr.getIndex().getResult(0), ref.index))
        return false;
      refs.push_back(ref);
    }
    return true;
  }

  bool add(task::LaunchOp op) {
    program::Launch launch;
    launch.symbol = op.getSymName().str();
    launch.body = bodies.lookup(op.getBodyAttr().getAttr());
    launch.grid.assign(op.getGrid().begin(), op.getGrid().end());
    for (auto attr : op.getArguments().getAsRange<task::ArgumentAttr>()) {
      program::Argument argument;
      if (attr.isInteger()) {
        argument.kind = program::Argument::Kind::Integer;
        argument.value = attr.getLeading().front();
      } else {
        argument.buffer = buffers.lookup(attr.getBuffer().getAttr());
        argument.leading.assign(attr.getLeading().begin(), attr.getLeading().end());
      }
      launch.arguments.push_back(std::move(argument));
    }
    launch.flops = op.getFlops();
    launch.bytes = op.getBytes();
    bool ok = convert(op, op.getWaits(), launch.waits) && convert(op, op.getSignals(), launch.signals) &&
              convert(op, op.getReads(), launch.reads) && convert(op, op.getWrites(), launch.writes) &&
              convert(op, op.getCertainWrites(), launch.mustWrite);
    launches[op.getSymNameAttr()] = result.launches.size();
    result.launches.push_back(std::move(launch));
    return ok;
  }

  void add(task::ScheduleOp op) {
    for (auto queue : op.getQueues().getAsRange<ArrayAttr>()) {
      auto &ranges = result.schedule.queues.emplace_back();
      for (auto range : queue.getAsRange<task::RangeAttr>())
        ranges.push_back({launches.lookup(range.getLaunch().getAttr()), range.getBegin(), range.getEnd()});
    }
  }

  task::ProgramOp op;
  program::Program result;
  llvm::DenseMap<StringAttr, uint32_t> buffers, events, bodies, launches;
};

} // namespace

FailureOr<program::Program> ingot::exportProgram(task::ProgramOp op) { return Exporter(op).run(); }
