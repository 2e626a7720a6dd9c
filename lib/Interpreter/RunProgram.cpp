// Entries that are task programs: buffers are bound by name, tasks run atomically in one legal order.
#include "lib/Interpreter/Executors.h"
#include "lib/Interpreter/TaskGuard.h"

#include <numeric>

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

namespace {

StringRef modelName(task::BufferOp buffer) { return buffer.getName().value_or(buffer.getSymName()); }

Element elementOfBuffer(task::BufferOp buffer) { return *elementOf(buffer.getMemRefType().getElementType()); }

class ProgramRun {
public:
  ProgramRun(Interpreter &interpreter, task::ProgramOp program)
      : interpreter(interpreter), program(program), frame(interpreter.getOptions().mode, interpreter.getRandom()) {}

  LogicalResult bind(const Arrays &inputs) {
    placeScratch();
    for (auto buffer : program.getOps<task::BufferOp>()) {
      auto value = valueOf(buffer, inputs);
      if (failed(value))
        return failure();
      buffers[buffer.getSymName()] = std::move(*value);
    }
    return success();
  }

  LogicalResult run() {
    TaskOrder order(program, interpreter.getRandom());
    if (failed(order.prepare()))
      return failure();
    while (!order.finished()) {
      auto task = order.next();
      if (failed(task) || failed(runTask(*task)) || failed(order.complete(*task)))
        return failure();
    }
    return success();
  }

  /// Outputs by name; the new states go to the interpreter.
  Arrays collect() {
    Arrays outputs;
    for (auto buffer : program.getOps<task::BufferOp>()) {
      const Array &value = buffers[buffer.getSymName()];
      if (buffer.getKind() == task::BufferKind::Output)
        outputs[modelName(buffer)] = value;
      else if (buffer.getKind() == task::BufferKind::State)
        interpreter.setState(modelName(buffer), value);
    }
    return outputs;
  }

  /// The buffers that the launch declares to write, after all its tasks.
  FailureOr<Arrays> runLaunch(task::LaunchOp launch, const Arrays &memory) {
    for (auto argument : launch.getArguments().getAsRange<task::ArgumentAttr>()) {
      if (argument.isInteger() || buffers.contains(argument.getBuffer().getValue()))
        continue;
      auto it = memory.find(argument.getBuffer().getValue());
      if (it == memory.end())
        return emitError(launch.getLoc()) << "expects buffer " << argument.getBuffer();
      buffers[it->first()] = it->second.clone();
    }
    for (int64_t i = 0, e = launch.getNumTasks(); i < e; ++i)
      if (failed(runTask({launch, i})))
        return failure();
    Arrays written;
    for (auto access : launch.getWrites().getAsRange<task::AccessAttr>())
      written[access.getBuffer().getValue()] = buffers[access.getBuffer().getValue()];
    return written;
  }

private:
  /// One arena for all placed scratch buffers, so that those that share bytes share cells: a cell is the largest power
  /// of two that divides all offsets and element sizes.
  void placeScratch() {
    uint64_t unit = 8, end = 0;
    for (auto buffer : program.getOps<task::BufferOp>())
      if (buffer.getOffset()) {
        unit = std::gcd(unit, std::gcd<uint64_t>(*buffer.getOffset(), byteSize(elementOfBuffer(buffer))));
        end = std::max<uint64_t>(end, *buffer.getOffset() + buffer.getBytes());
      }
    cellBytes = unit;
    arena = std::make_shared<std::vector<Cell>>((end + unit - 1) / unit, poison());
  }

  FailureOr<Array> valueOf(task::BufferOp buffer, const Arrays &inputs) {
    MemRefType type = buffer.getMemRefType();
    switch (buffer.getKind()) {
    case task::BufferKind::Param:
      return interpreter.param(buffer, modelName(buffer), type);
    case task::BufferKind::Input:
      return interpreter.input(buffer, modelName(buffer), type, inputs);
    case task::BufferKind::State: {
      // A copy: an aborted step leaves the state as it was.
      auto state = interpreter.initialState(buffer, modelName(buffer), type);
      return failed(state) ? state : FailureOr<Array>(state->clone());
    }
    case task::BufferKind::Output:
      return Array::uninitialized(elementOfBuffer(buffer), type.getShape());
    case task::BufferKind::Scratch:
      break;
    }
    Element element = elementOfBuffer(buffer);
    if (!buffer.getOffset())
      return Array::uninitialized(element, type.getShape());
    return Array::ofStorage(arena, *buffer.getOffset() / cellBytes, element, type.getShape(),
                            byteSize(element) / cellBytes);
  }

  LogicalResult runTask(TaskRef task) {
    if (!interpreter.getOptions().checkAccesses)
      return runBody(task, buffers);
    TaskGuard guard(task, buffers);
    return failure(failed(guard.prepare()) || failed(runBody(task, guard.copies())) || failed(guard.finish()));
  }

  LogicalResult runBody(TaskRef task, llvm::StringMap<Array> &memory) {
    auto body = cast<task::BodyOp>(SymbolTable::lookupSymbolIn(program, task.launch.getBodyAttr()));
    SmallVector<Datum> arguments;
    auto addIndex = [&](int64_t value) {
      Cell cell;
      cell.i = value;
      arguments.push_back(Scalar{Element::index, cell});
    };
    for (int64_t index : indicesOf(task))
      addIndex(index);
    for (auto argument : task.launch.getArguments().getAsRange<task::ArgumentAttr>()) {
      if (argument.isInteger())
        addIndex(argument.getLeading().front());
      else
        arguments.push_back(leading(memory[argument.getBuffer().getValue()], argument.getLeading()));
    }
    if (succeeded(frame.run(body.getBody().front(), arguments)))
      return success();
    return emitError(task.launch.getLoc()) << "failed in task " << nameOf(task);
  }

  /// The sub-buffer with its leading indices fixed.
  static Array leading(const Array &whole, ArrayRef<int64_t> indices) {
    if (indices.empty())
      return whole;
    SmallVector<int64_t> offsets(whole.rank(), 0), sizes(whole.shape()), ones(whole.rank(), 1);
    llvm::SmallBitVector dropped(whole.rank());
    for (auto [dim, index] : llvm::enumerate(indices)) {
      offsets[dim] = index;
      sizes[dim] = 1;
      dropped.set(dim);
    }
    return whole.slice(offsets, sizes, ones).dropDims(dropped);
  }

  Interpreter &interpreter;
  task::ProgramOp program;
  Frame frame;
  llvm::StringMap<Array> buffers;
  std::shared_ptr<std::vector<Cell>> arena;
  uint64_t cellBytes = 1;
};

} // namespace

Signature ingot::interpreter::signatureOf(task::ProgramOp program) {
  Signature signature;
  for (auto buffer : program.getOps<task::BufferOp>()) {
    bool input = buffer.getKind() == task::BufferKind::Input, output = buffer.getKind() == task::BufferKind::Output;
    Port port{modelName(buffer).str(), "", elementOfBuffer(buffer), Shape(buffer.getMemRefType().getShape())};
    if (input)
      signature.inputs.push_back(std::move(port));
    else if (output)
      signature.outputs.push_back(std::move(port));
  }
  return signature;
}

FailureOr<Arrays> ingot::interpreter::runLaunch(Interpreter &interpreter, task::LaunchOp launch, const Arrays &memory) {
  return ProgramRun(interpreter, launch->getParentOfType<task::ProgramOp>()).runLaunch(launch, memory);
}

FailureOr<Arrays> ingot::interpreter::runProgram(Interpreter &interpreter, task::ProgramOp program,
                                                 const Arrays &inputs) {
  ProgramRun run(interpreter, program);
  if (failed(run.bind(inputs)) || failed(run.run()))
    return failure();
  return run.collect();
}
