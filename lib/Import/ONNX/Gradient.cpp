// Gradient of ai.onnx.preview.training: differentiation itself is the caller's (OnnxImportOptions::gradients).
#include "Build.h"
#include "OpTable.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

bool Importer::sharesValue(const Tensor &tensor) const {
  return llvm::any_of(tensors, [&](const auto &entry) {
    return &entry.second != &tensor && entry.second.value && entry.second.value == tensor.value;
  });
}

FailureOr<SmallVector<Value>> Importer::gradients(Location loc, Value output, ArrayRef<Value> inputs,
                                                  ArrayRef<Value> held) {
  SmallVector<Tensor *> known;
  SmallVector<Value> values;
  for (auto &entry : tensors) {
    if (!entry.second.value)
      continue;
    known.push_back(&entry.second);
    values.push_back(entry.second.value);
  }
  // Differentiation may put other operations in the place of some. The operands of this one follow.
  auto keeper = UnrealizedConversionCastOp::create(builder, loc, TypeRange(), values);
  auto results = options.gradients(builder, loc, output, inputs, held);
  for (auto [tensor, value] : llvm::zip_equal(known, keeper.getInputs()))
    tensor->value = value;
  keeper.erase();
  return results;
}

namespace {

/// The values that `names` stand for, which are inputs `first` and after of the node: float tensors whose elements are
/// not known, each a value of its own.
FailureOr<SmallVector<Value>> readVariables(Node &node, ArrayRef<std::string> names, unsigned first) {
  SmallVector<Value> values;
  for (auto [i, name] : llvm::enumerate(names)) {
    if (!node.hasInput(first + i) || node.message().input(first + i) != name)
      return node.error() << "at another value of '" << printable(name) << "' than the graph's is not supported yet",
             failure();
    Tensor &tensor = node.input(first + i);
    if (!tensor.isFloat())
      return node.error() << "expects floats to differentiate by, but got '" << printable(name) << "' of "
                          << tensor.type,
             failure();
    if (tensor.literal)
      return node.error() << "by '" << printable(name) << "', whose elements are known, is not supported yet",
             failure();
    Value value = node.value(tensor);
    // Identity and such give a second name to a value, and uses of one name then count for the other.
    if (!isa<BlockArgument>(value) && node.owner().sharesValue(tensor))
      return node.error() << "by '" << printable(name) << "', which has another name as well, is not supported yet",
             failure();
    values.push_back(value);
  }
  return values;
}

LogicalResult importGradient(Node &node) {
  std::vector<std::string> xs = node.stringsAttr("xs"), zs = node.stringsAttr("zs");
  std::string y = node.stringAttr("y", "");
  if (!node.owner().hasGradients())
    return node.error() << "is not supported by this caller of the importer";
  if (xs.empty() || y.empty())
    return node.error() << "expects attributes 'xs' and 'y'";
  if (node.numInputs() != xs.size() + zs.size() || node.numOutputs() > xs.size())
    return node.error() << "expects an input for each of xs and zs and at most as many outputs as xs, but has "
                        << node.numInputs() << " inputs and " << node.numOutputs() << " outputs";
  llvm::StringSet<> names;
  for (const auto *list : {&xs, &zs})
    for (const std::string &name : *list)
      if (!names.insert(name).second)
        return node.error() << "expects different tensors in xs and zs, but got '" << printable(name) << "' twice";
  Tensor *output = node.owner().find(y);
  if (!output)
    return node.error() << "expects y to be defined before, but '" << printable(y) << "' is not";
  if (!output->isFloat() || *elementCount(output->shape()) != 1)
    return node.error() << "expects y to be one float, but got " << output->type;
  auto inputs = readVariables(node, xs, 0), held = readVariables(node, zs, xs.size());
  if (failed(inputs) || failed(held))
    return failure();
  auto gradients = node.owner().gradients(node.b.getLoc(), node.value(*output), *inputs, *held);
  if (failed(gradients))
    return failure();
  for (unsigned i = 0; i < node.numOutputs(); ++i)
    if (Value value = (*gradients)[i]; failed(node.setResult(i, {typeOf(value), value, nullptr})))
      return failure();
  return success();
}

constexpr OpEntry kOps[] = {{"Gradient", 1, 1, 1, kAnyNumber, kAnyNumber, importGradient, kTrainingDomain}};

} // namespace

ArrayRef<OpEntry> ingot::onnx_import::gradientOps() { return kOps; }
