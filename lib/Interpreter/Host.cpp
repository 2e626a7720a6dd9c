#include "ingot/Interpreter/Host.h"

#include "dialects/Registration.h"
#include "ingot/Interpreter/Interpreter.h"
#include "ingot/Interpreter/Models.h"
#include "ingot/Plan/Passes.h"
#include "ingot/Support/Place.h"
#include "lib/Interpreter/Executors.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

static std::optional<Element> elementNamed(StringRef name) {
  for (unsigned i = 0; i <= static_cast<unsigned>(Element::f64); ++i)
    if (auto element = static_cast<Element>(i); name == toString(element) && element != Element::index)
      return element;
  return std::nullopt;
}

/// Nothing, and why in `error`, if the bytes do not fit dtype and shape.
static std::optional<Array> toArray(const std::string &name, const HostTensor &tensor, std::string &error) {
  auto element = elementNamed(tensor.dtype);
  if (!element) {
    error = "'" + name + "': dtype " + tensor.dtype + " is not supported yet";
    return std::nullopt;
  }
  // Division instead of multiplication: extents may be anything.
  uint64_t elements = tensor.bytes.size() / byteSize(*element), expected = 1;
  bool fits = tensor.bytes.size() % byteSize(*element) == 0;
  for (int64_t extent : tensor.shape) {
    fits &= extent >= 0 && (extent == 0 || expected <= elements / extent);
    expected = fits ? expected * static_cast<uint64_t>(extent) : 0;
  }
  if (!fits || expected != elements) {
    error = "'" + name + "': expects as many bytes as its shape says, but got " + std::to_string(tensor.bytes.size());
    return std::nullopt;
  }
  return Array::ofBytes(*element, tensor.shape, tensor.bytes.data());
}

struct HostInterpreter::State {
  explicit State(const DialectRegistry &registry) : context(registry) { context.printOpOnDiagnostic(false); }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  HostOptions options;
  std::unique_ptr<Interpreter> interpreter;
};

/// Collects diagnostics as "file:line:column: message" lines while it lives.
static ScopedDiagnosticHandler collect(MLIRContext &context, std::string &messages) {
  return ScopedDiagnosticHandler(&context, [&](Diagnostic &diagnostic) {
    llvm::raw_string_ostream os(messages);
    auto print = [&](Diagnostic &part) {
      if (auto file = dyn_cast<FileLineColLoc>(part.getLocation()))
        os << file.getFilename().getValue() << ':' << file.getLine() << ':' << file.getColumn() << ": ";
      os << part << '\n';
    };
    print(diagnostic);
    llvm::for_each(diagnostic.getNotes(), print);
  });
}

HostInterpreter::HostInterpreter(std::unique_ptr<State> state) : state(std::move(state)) {}
HostInterpreter::~HostInterpreter() = default;

std::unique_ptr<HostInterpreter> HostInterpreter::create(const std::string &text, const std::string &name,
                                                         HostOptions options, std::string &error) {
  DialectRegistry registry;
  registerDialects(registry);
  registerInterpreterModels(registry);
  auto state = std::make_unique<State>(registry);
  state->options = std::move(options);
  auto handler = collect(state->context, error);
  state->module = parseSourceString<ModuleOp>(text, ParserConfig(&state->context), name);
  if (!state->module)
    return nullptr;
  State *raw = state.get();
  ParamProvider params = [raw](StringRef param) -> std::optional<Array> {
    auto tensor = raw->options.params ? raw->options.params(param.str()) : std::nullopt;
    if (!tensor)
      return std::nullopt;
    std::string reason;
    auto array = toArray(param.str(), *tensor, reason);
    if (!array)
      emitError(raw->module->getLoc()) << "parameter " << reason;
    return array;
  };
  Options inner{state->options.typed ? Mode::Typed : Mode::Exact, state->options.seed};
  state->interpreter = std::make_unique<Interpreter>(*state->module, inner, std::move(params));
  return std::unique_ptr<HostInterpreter>(new HostInterpreter(std::move(state)));
}

std::optional<HostTensors> HostInterpreter::run(const std::string &entry, const HostTensors &inputs,
                                                std::string &error) {
  Arrays arrays;
  for (const auto &[name, tensor] : inputs) {
    auto array = toArray(name, tensor, error);
    if (!array)
      return std::nullopt;
    arrays[name] = std::move(*array);
  }
  auto handler = collect(state->context, error);
  auto outputs = state->interpreter->run(entry, arrays);
  if (failed(outputs))
    return std::nullopt;
  HostTensors tensors;
  for (const auto &output : *outputs) {
    const Array &array = output.second;
    tensors[output.getKey().str()] = {toString(array.element()), array.shape().vec(), array.bytes()};
  }
  return tensors;
}

/// The launches of a program, in order.
static SmallVector<task::LaunchOp> launchesOf(ModuleOp module, const std::string &entry) {
  auto program = dyn_cast_or_null<task::ProgramOp>(module.lookupSymbol(entry));
  return program ? llvm::to_vector(program.getOps<task::LaunchOp>()) : SmallVector<task::LaunchOp>();
}

std::vector<HostLaunch> HostInterpreter::launches(const std::string &entry) const {
  std::vector<HostLaunch> launches;
  for (task::LaunchOp op : launchesOf(*state->module, entry)) {
    Place place = placeOf(op.getLoc());
    HostLaunch launch = {op.getSymName().str(), place.file, place.node, {}, {}};
    auto body = cast<task::BodyOp>(SymbolTable::lookupNearestSymbolFrom(op, op.getBodyAttr()));
    body.walk([&](Operation *inner) {
      if (inner->getName().getDialectNamespace() == "tile" && !inner->hasTrait<OpTrait::IsTerminator>())
        launch.ops.push_back(inner->getName().getStringRef().str());
    });
    for (auto argument : op.getArguments().getAsRange<task::ArgumentAttr>())
      if (!argument.isInteger() && !llvm::is_contained(launch.buffers, argument.getBuffer().getValue()))
        launch.buffers.push_back(argument.getBuffer().getValue().str());
    launches.push_back(std::move(launch));
  }
  return launches;
}

std::optional<program::Program> HostInterpreter::program(const std::string &entry, std::string &error) const {
  auto op = dyn_cast_or_null<task::ProgramOp>(state->module->lookupSymbol(entry));
  if (!op) {
    error = "there is no task program '" + entry + "'";
    return std::nullopt;
  }
  auto handler = collect(state->context, error);
  FailureOr<program::Program> exported = exportProgram(op);
  return succeeded(exported) ? std::optional(std::move(*exported)) : std::nullopt;
}

static HostTensor widen(const Array &array) {
  HostTensor tensor{isFloat(array.element()) ? "f64" : "i64", array.shape().vec(), {}};
  auto append = [&](const auto &values) {
    auto *begin = reinterpret_cast<const char *>(values.data());
    tensor.bytes.assign(begin, begin + values.size() * 8);
  };
  if (isFloat(array.element()))
    append(array.floats());
  else
    append(array.ints());
  return tensor;
}

std::optional<HostTensors> HostInterpreter::runLaunch(const std::string &entry, size_t launch,
                                                      const HostTensors &memory, std::string &error) {
  SmallVector<task::LaunchOp> launches = launchesOf(*state->module, entry);
  if (launch >= launches.size()) {
    error = "'" + entry + "' has no launch " + std::to_string(launch);
    return std::nullopt;
  }
  Arrays arrays;
  for (const auto &[name, tensor] : memory) {
    auto array = toArray(name, tensor, error);
    if (!array)
      return std::nullopt;
    arrays[name] = std::move(*array);
  }
  auto handler = collect(state->context, error);
  auto written = interpreter::runLaunch(*state->interpreter, launches[launch], arrays);
  if (failed(written))
    return std::nullopt;
  HostTensors tensors;
  for (const auto &buffer : *written)
    tensors[buffer.getKey().str()] = widen(buffer.second);
  return tensors;
}

void HostInterpreter::reset() { state->interpreter->reset(); }

int ingot::interpreter::interpretMain(const std::string &text, const std::string &name, const std::string &entry,
                                      HostOptions options, const HostTensors &inputs, HostTensors &outputs) {
  std::string error;
  auto interpreter = HostInterpreter::create(text, name, std::move(options), error);
  auto result = interpreter ? interpreter->run(entry, inputs, error) : std::nullopt;
  if (!result) {
    llvm::errs() << error;
    return 1;
  }
  outputs = std::move(*result);
  return 0;
}
