// Entries that are functions: arguments and results are bound by their attributes.
#include "lib/Interpreter/Executors.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

namespace {

enum class Binding { Param, State, Input, Output };

struct BoundName {
  Binding binding;
  std::string name, role;
};

std::string symbolIn(DictionaryAttr attributes, StringRef key) {
  auto symbol = attributes ? attributes.getAs<FlatSymbolRefAttr>(key) : FlatSymbolRefAttr();
  return symbol ? symbol.getValue().str() : "";
}

std::string textIn(DictionaryAttr attributes, StringRef key) {
  auto text = attributes ? attributes.getAs<StringAttr>(key) : StringAttr();
  return text ? text.str() : "";
}

BoundName bindingOf(DictionaryAttr attributes, Binding otherwise, std::string otherName) {
  std::string role = textIn(attributes, IngotDialect::kRole);
  if (std::string name = symbolIn(attributes, IngotDialect::kParam); !name.empty())
    return {Binding::Param, name, role};
  if (std::string name = symbolIn(attributes, IngotDialect::kState); !name.empty())
    return {Binding::State, name, role};
  if (std::string name = textIn(attributes, IngotDialect::kInput); !name.empty())
    return {Binding::Input, name, role};
  if (std::string name = textIn(attributes, IngotDialect::kOutput); !name.empty())
    return {Binding::Output, name, role};
  return {otherwise, std::move(otherName), role};
}

BoundName argumentBinding(func::FuncOp func, unsigned index) {
  return bindingOf(func.getArgAttrDict(index), Binding::Input, "arg" + std::to_string(index));
}

BoundName resultBinding(func::FuncOp func, unsigned index) {
  return bindingOf(func.getResultAttrDict(index), Binding::Output, "result" + std::to_string(index));
}

/// Scalars take part as ports of rank 0.
Port portOf(const BoundName &bound, Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  auto element = elementOf(shaped ? shaped.getElementType() : type);
  return {bound.name, bound.role, element.value_or(Element::i64), shaped ? Shape(shaped.getShape()) : Shape()};
}

FailureOr<Datum> argumentValue(Interpreter &interpreter, func::FuncOp func, unsigned index, const Arrays &inputs) {
  Type type = func.getArgument(index).getType();
  BoundName bound = argumentBinding(func, index);
  auto shaped = dyn_cast<ShapedType>(type);
  if (shaped && !shaped.hasStaticShape())
    return emitError(func.getLoc()) << "with argument " << index << " of type " << type << " cannot be interpreted";
  auto toDatum = [](FailureOr<Array> array) { return failed(array) ? FailureOr<Datum>() : FailureOr<Datum>(*array); };
  if (!shaped) {
    auto array = interpreter.input(func, bound.name, RankedTensorType::get({}, type), inputs);
    return failed(array) ? FailureOr<Datum>() : FailureOr<Datum>(Scalar{array->element(), array->flat(0)});
  }
  switch (bound.binding) {
  case Binding::Param:
    return toDatum(interpreter.param(func, bound.name, shaped));
  case Binding::State: {
    auto array = interpreter.initialState(func, bound.name, shaped);
    // Memrefs are written in place; the state before the step must stay as it was.
    if (succeeded(array) && isa<MemRefType>(type))
      return Datum(array->clone());
    return toDatum(array);
  }
  case Binding::Input:
    return toDatum(interpreter.input(func, bound.name, shaped, inputs));
  case Binding::Output:
    return Datum(Array::uninitialized(*elementOf(shaped.getElementType()), shaped.getShape()));
  }
  llvm_unreachable("unknown binding");
}

/// Results, and memref arguments that the function has written.
Arrays collect(Interpreter &interpreter, func::FuncOp func, ArrayRef<Datum> arguments, ArrayRef<Datum> results) {
  Arrays outputs;
  auto keep = [&](const BoundName &bound, const Datum &datum) {
    Array array;
    if (auto *scalar = std::get_if<Scalar>(&datum))
      array = Array::filled(scalar->element, {}, scalar->cell);
    else
      array = std::get<Array>(datum);
    if (bound.binding == Binding::State)
      interpreter.setState(bound.name, array);
    else
      outputs[bound.name] = array;
  };
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    BoundName bound = argumentBinding(func, i);
    bool written = bound.binding == Binding::State || bound.binding == Binding::Output;
    if (written && isa<MemRefType>(func.getArgument(i).getType()))
      keep(bound, argument);
  }
  for (auto [i, result] : llvm::enumerate(results))
    keep(resultBinding(func, i), result);
  return outputs;
}

} // namespace

Signature ingot::interpreter::signatureOf(func::FuncOp func) {
  Signature signature;
  for (auto [i, type] : llvm::enumerate(func.getArgumentTypes())) {
    BoundName bound = argumentBinding(func, i);
    if (bound.binding == Binding::Input)
      signature.inputs.push_back(portOf(bound, type));
    else if (bound.binding == Binding::Output)
      signature.outputs.push_back(portOf(bound, type));
  }
  for (auto [i, type] : llvm::enumerate(func.getResultTypes())) {
    BoundName bound = resultBinding(func, i);
    if (bound.binding == Binding::Output)
      signature.outputs.push_back(portOf(bound, type));
  }
  return signature;
}

FailureOr<Arrays> ingot::interpreter::runFunction(Interpreter &interpreter, func::FuncOp func, const Arrays &inputs) {
  if (!func.getBody().hasOneBlock())
    return emitError(func.getLoc()) << "'" << func.getSymName() << "' has not one block and cannot be interpreted";
  SmallVector<Datum> arguments;
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    auto value = argumentValue(interpreter, func, i, inputs);
    if (failed(value))
      return failure();
    arguments.push_back(std::move(*value));
  }
  Frame frame(interpreter.getOptions().mode, interpreter.getRandom());
  auto results = frame.run(func.getBody().front(), arguments);
  if (failed(results))
    return failure();
  return collect(interpreter, func, arguments, *results);
}
