#include "ingot/Interpreter/Interpreter.h"

#include "ingot/Interpreter/Constants.h"
#include "ingot/Support/Panels.h"
#include "lib/Interpreter/Executors.h"

#include <cmath>

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

Interpreter::Interpreter(ModuleOp module, Options options, ParamProvider params)
    : module(module), options(options), provider(std::move(params)), random(options.seed) {}

Array ingot::interpreter::convertTo(const Array &array, Element element, Mode mode) {
  if (array.element() == element)
    return array;
  if (!isFloat(element))
    return Array::ofInts(element, array.shape(), array.ints());
  Array converted = Array::ofFloats(element, array.shape(), array.floats());
  roundElements(converted, mode);
  return converted;
}

int64_t ingot::interpreter::countNaNs(const Array &array) {
  if (!isFloat(array.element()))
    return 0;
  return llvm::count_if(array.floats(), [](double value) { return std::isnan(value); });
}

static std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, extent] : llvm::enumerate(shape))
    text += (i ? ", " : "") + std::to_string(extent);
  return text + "]";
}

/// Checks that a value from outside fits a type and converts it.
static FailureOr<Array> fit(Operation *user, const Twine &what, const Array &array, ArrayRef<int64_t> shape, Type type,
                            Mode mode) {
  auto element = elementOf(type);
  if (!element)
    return emitError(user->getLoc()) << what << " of element type " << type << " cannot be interpreted";
  if (isFloat(array.element()) != isFloat(*element))
    return emitError(user->getLoc()) << "expects " << what << " of element type " << toString(*element) << ", but got "
                                     << toString(array.element());
  if (array.shape() != shape)
    return emitError(user->getLoc()) << "expects " << what << " of shape " << shapeText(shape) << ", but got "
                                     << shapeText(array.shape());
  if (!isFloat(*element) && array.element() != *element)
    for (int64_t value : array.ints())
      if (wrapTo(*element, value) != value)
        return emitError(user->getLoc()) << "expects " << what << " of element type " << toString(*element)
                                         << ", but got " << value;
  return convertTo(array, *element, mode);
}

/// The value in panels, as the parameter's declared type says.
static Array pack(const Array &logical, PanelsAttr panels) {
  std::vector<int64_t> shape(logical.shape().begin(), logical.shape().end());
  size_t axis = panels.getAxis();
  Array from = logical.dense(),
        to = Array::uninitialized(logical.element(), panelShape(shape, axis, panels.getWidth()));
  packPanels(from.data(), to.data(), shape, axis, panels.getWidth(), sizeof(Cell));
  return to;
}

/// The row-major value of what is stored in panels.
static Array unpack(const Array &stored, PanelsAttr panels, ArrayRef<int64_t> logical) {
  Array from = stored.dense(), to = Array::uninitialized(stored.element(), logical);
  unpackPanels(from.data(), to.data(), std::vector<int64_t>(logical.begin(), logical.end()), panels.getAxis(),
               panels.getWidth(), sizeof(Cell));
  return to;
}

static PanelsAttr panelsOf(ShapedType type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? dyn_cast_or_null<PanelsAttr>(tensor.getEncoding()) : PanelsAttr();
}

FailureOr<Array> Interpreter::param(Operation *user, StringRef name, ShapedType type) {
  auto declaration = module.lookupSymbol<ParamOp>(name);
  auto declared = declaration ? cast<ShapedType>(declaration.getType()) : type;
  if (!params.contains(name)) {
    std::optional<Array> value;
    if (declaration && declaration.getValueAttr())
      value = arrayOf(declaration.getValueAttr());
    else if (provider)
      value = provider(name);
    if (!value)
      return emitError(user->getLoc()) << "has no value for parameter '" << name << "'";
    // Artifacts keep parameters as they are stored.
    PanelsAttr panels = panelsOf(declared);
    if (panels && value->shape() == ArrayRef<int64_t>(panels.storedShape(declared.getShape())))
      value = unpack(*value, panels, declared.getShape());
    auto fitted =
        fit(user, "parameter '" + name + "'", *value, declared.getShape(), declared.getElementType(), options.mode);
    if (failed(fitted))
      return failure();
    params[name] = *fitted;
  }
  // Without a declaration the first use has settled what the parameter is.
  const Array &logical = params[name];
  if (elementOf(type.getElementType()) != logical.element())
    return emitError(user->getLoc()) << "expects parameter '" << name << "' of element type " << type.getElementType()
                                     << ", but it is " << toString(logical.element());
  if (type.getShape() == logical.shape())
    return logical;
  PanelsAttr panels = panelsOf(declared);
  if (!panels || ArrayRef<int64_t>(panels.storedShape(declared.getShape())) != type.getShape())
    return emitError(user->getLoc()) << "expects parameter '" << name << "' of shape " << shapeText(type.getShape())
                                     << ", but it is declared as " << declared;
  std::string key = (name + "\n" + shapeText(type.getShape())).str();
  if (!params.contains(key))
    params[key] = pack(params[name], panels);
  return params[key];
}

FailureOr<Array> Interpreter::initialState(Operation *user, StringRef name, ShapedType type) {
  auto it = states.find(name);
  if (it != states.end())
    return fit(user, "state '" + name + "'", it->second, type.getShape(), type.getElementType(), options.mode);
  auto element = elementOf(type.getElementType());
  if (!element)
    return emitError(user->getLoc()) << "state of type " << type << " cannot be interpreted";
  auto declaration = module.lookupSymbol<StateOp>(name);
  if (declaration && declaration.getFromAttr())
    return param(user, *declaration.getFrom(), type);
  double init = declaration ? declaration.getInit().convertToDouble() : 0.0;
  Cell cell;
  if (isFloat(*element))
    cell.f = options.mode == Mode::Typed ? roundTo(*element, init) : init;
  else
    cell.i = static_cast<int64_t>(init);
  return Array::filled(*element, type.getShape(), cell);
}

FailureOr<Array> Interpreter::input(Operation *user, StringRef name, ShapedType type, const Arrays &inputs) {
  auto it = inputs.find(name);
  if (it == inputs.end())
    return emitError(user->getLoc()) << "expects an input '" << name << "'";
  return fit(user, "input '" + name + "'", it->second, type.getShape(), type.getElementType(), options.mode);
}

Arrays Interpreter::saveStates() const { return states; }

std::optional<Array> Interpreter::state(StringRef name) const {
  auto it = states.find(name);
  return it == states.end() ? std::nullopt : std::optional(it->second);
}

FailureOr<Signature> Interpreter::signatureOf(StringRef entry) {
  Operation *op = module.lookupSymbol(entry);
  if (auto func = dyn_cast_or_null<func::FuncOp>(op))
    return ingot::interpreter::signatureOf(func);
  if (auto program = dyn_cast_or_null<task::ProgramOp>(op))
    return ingot::interpreter::signatureOf(program);
  return emitError(module.getLoc()) << "has no entry '" << entry << "'";
}

FailureOr<Arrays> Interpreter::run(StringRef entry, const Arrays &inputs) {
  auto signature = signatureOf(entry);
  if (failed(signature))
    return failure();
  Operation *op = module.lookupSymbol(entry);
  for (StringRef name : inputs.keys())
    if (llvm::none_of(signature->inputs, [&](const Port &port) { return port.name == name; }))
      return emitError(op->getLoc()) << "has no input '" << name << "'";
  Arrays before = saveStates();
  auto outputs = isa<func::FuncOp>(op) ? runFunction(*this, cast<func::FuncOp>(op), inputs)
                                       : runProgram(*this, cast<task::ProgramOp>(op), inputs);
  if (failed(outputs))
    restoreStates(std::move(before));
  return outputs;
}
