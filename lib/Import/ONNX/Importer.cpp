#include "Importer.h"
#include "OpTable.h"

#include "dialects/Ingot/Ingot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

/// The largest literals: of integers and masks in general, and of float tensors that a Constant node carries (larger
/// ones are weights, and weights are parameters).
static constexpr int64_t kMaxLiteral = int64_t(1) << 22;

Importer::Importer(const ModelFile &file, ModuleOp module, const OnnxImportOptions &options, ParamStore &params)
    : model(file), module(module), options(options), params(params), builder(module.getContext()) {}

/// How diagnostics call a node.
static std::string nodeName(const onnx::NodeProto &node, int index) {
  return node.name().empty() ? "node " + std::to_string(index) : printable(node.name());
}

static Location nodeLoc(MLIRContext *context, const onnx::NodeProto &node, int index) {
  return NameLoc::get(StringAttr::get(context, nodeName(node, index)));
}

//===----------------------------------------------------------------------===//
// Checks before anything is built
//===----------------------------------------------------------------------===//

LogicalResult Importer::checkOperators() {
  std::map<std::string, SmallVector<std::string>> missing; // operator -> nodes
  for (auto [index, node] : llvm::enumerate(model.proto.graph().node())) {
    if (findOp(model, node))
      continue;
    std::string op = node.domain().empty() ? node.op_type() : node.domain() + "." + node.op_type();
    missing[printable(op)].push_back("'" + nodeName(node, index) + "'");
  }
  if (missing.empty())
    return success();
  auto diag = model.error() << "operators that are not supported yet in opset " << model.opset << ":";
  for (auto &[op, nodes] : missing) {
    constexpr size_t kShown = 8;
    diag << "\n  " << op << " (" << nodes.size() << "): ";
    llvm::interleaveComma(ArrayRef(nodes).take_front(kShown), diag);
    if (nodes.size() > kShown)
      diag << ", ...";
  }
  return diag;
}

LogicalResult Importer::checkOrder() {
  const onnx::GraphProto &graph = model.proto.graph();
  MLIRContext *context = module.getContext();
  llvm::StringMap<int> definedBy; // by what no node defines: -1
  for (const auto &entry : model.initializers)
    definedBy[entry.getKey()] = -1;
  for (const OnnxInput &input : model.inputs)
    definedBy[input.name] = -1;
  for (auto [index, node] : llvm::enumerate(graph.node()))
    for (const std::string &output : node.output())
      if (!output.empty() && !definedBy.try_emplace(output, index).second)
        return emitError(nodeLoc(context, node, index))
               << "defines '" << printable(output) << "', which is defined already";
  for (auto [index, node] : llvm::enumerate(graph.node())) {
    for (const std::string &input : node.input()) {
      auto it = definedBy.find(input);
      if (input.empty() || (it != definedBy.end() && it->second < static_cast<int>(index)))
        continue;
      auto diag = emitError(nodeLoc(context, node, index)) << "uses '" << printable(input) << "', which ";
      if (it == definedBy.end())
        return diag << "nothing defines";
      return diag << "is defined only by " << "'" << nodeName(graph.node(it->second), it->second) << "'"
                  << ": the graph has a cycle or is not sorted";
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

bool Importer::mayFold(int64_t elements) {
  if (elements > kMaxLiteral || elements > foldBudget)
    return false;
  foldBudget -= elements;
  return true;
}

const Initializer *Importer::keepConstant(Initializer initializer) {
  constants.push_back(std::make_unique<Initializer>(std::move(initializer)));
  return constants.back().get();
}

Tensor Importer::tensorOf(const Initializer &initializer) {
  Tensor tensor{initializer.data.type, {}, nullptr};
  int64_t count = *elementCount(initializer.shape);
  if (count <= (tensor.isFloat() ? 1 : kMaxLiteral))
    tensor.literal = std::make_shared<const Literal>(Literal::ofBytes(tensor.element(), initializer.data.bytes));
  else
    tensor.parameter = &initializer;
  return tensor;
}

Tensor *Importer::find(StringRef name) {
  if (auto it = tensors.find(name); it != tensors.end())
    return &it->second;
  auto it = model.initializers.find(name);
  if (it == model.initializers.end() || !it->second.data.type)
    return nullptr;
  return &(tensors[name] = tensorOf(it->second));
}

Value Importer::materialize(Tensor &tensor, Location loc) {
  if (tensor.value)
    return tensor.value;
  if (tensor.literal)
    return tensor.value = arith::ConstantOp::create(builder, loc, tensor.literal->toAttribute(tensor.type));
  const Initializer &initializer = *tensor.parameter;
  Value &argument = parameterArguments[initializer.name];
  if (!argument) {
    argument =
        block->addArgument(initializer.data.type, NameLoc::get(builder.getStringAttr(printable(initializer.name))));
    usedParameters.emplace_back(initializer.name, &initializer);
  }
  return tensor.value = argument;
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

static LogicalResult checkArity(Node &node, const OpEntry &op) {
  for (unsigned i = 0; i < op.minInputs; ++i)
    if (!node.hasInput(i))
      return node.error() << "expects at least " << op.minInputs << " inputs, but got "
                          << (i < node.numInputs() ? "an empty one" : std::to_string(node.numInputs()));
  if (node.numInputs() > op.maxInputs)
    return node.error() << "expects at most " << op.maxInputs << " inputs, but got " << node.numInputs();
  if (node.numOutputs() == 0)
    return node.error() << "expects an output, but has none";
  for (unsigned i = op.maxOutputs; i < node.numOutputs(); ++i)
    if (node.hasOutput(i))
      return node.error() << "with its optional output " << i << " is not supported yet";
  return success();
}

LogicalResult Importer::importNodes() {
  for (auto [index, proto] : llvm::enumerate(model.proto.graph().node())) {
    Node node(*this, proto, nodeLoc(module.getContext(), proto, index));
    const OpEntry &op = *findOp(model, proto);
    if (failed(checkArity(node, op)))
      return failure();
    for (const std::string &input : proto.input())
      if (!input.empty() && !find(input))
        return node.error() << "reads initialiser '" << printable(input) << "', whose element type "
                            << dataTypeName(model.initializers.find(input)->second.dataType) << " is not supported yet";
    if (failed(op.handler(node)) || failed(node.checkAttributes()))
      return failure();
    for (unsigned i = 0; i < node.numOutputs(); ++i)
      if (node.hasOutput(i) && !tensors.contains(proto.output(i)))
        return node.error() << "with its optional output " << i << " is not supported yet";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Function
//===----------------------------------------------------------------------===//

LogicalResult Importer::importOutput(const onnx::ValueInfoProto &info, SmallVectorImpl<Value> &values) {
  std::string name = printable(info.name());
  if (info.name().empty())
    return model.error() << "has an output without a name";
  Tensor *tensor = find(info.name());
  if (!tensor)
    return model.error() << "has an output '" << name << "' that nothing defines";
  if (info.type().has_tensor_type()) {
    const auto &type = info.type().tensor_type();
    Type element = elementType(type.elem_type(), module.getContext());
    if (type.elem_type() != 0 && element != tensor->element())
      return model.error() << "declares output '" << name << "' with element type " << dataTypeName(type.elem_type())
                           << ", but it is " << tensor->type;
    if (type.has_shape() && type.shape().dim_size() != tensor->rank())
      return model.error() << "declares output '" << name << "' with rank " << type.shape().dim_size() << ", but it is "
                           << tensor->type;
    for (int i = 0; i < type.shape().dim_size(); ++i)
      if (const auto &dim = type.shape().dim(i); dim.has_dim_value() && dim.dim_value() != tensor->shape()[i])
        return model.error() << "declares output '" << name << "' with extent " << dim.dim_value() << " in dimension "
                             << i << ", but it is " << tensor->type;
  } else if (info.type().value_case() != onnx::TypeProto::VALUE_NOT_SET) {
    return model.error() << "declares output '" << name << "' as something other than a tensor";
  }
  values.push_back(materialize(*tensor, model.loc()));
  return success();
}

LogicalResult Importer::importOutputs() {
  const onnx::GraphProto &graph = model.proto.graph();
  if (graph.output_size() == 0)
    return model.error() << "has no outputs";
  SmallVector<Value> results;
  llvm::StringSet<> seen;
  for (const onnx::ValueInfoProto &info : graph.output()) {
    if (!seen.insert(info.name()).second)
      return model.error() << "has two outputs named '" << printable(info.name()) << "'";
    if (failed(importOutput(info, results)))
      return failure();
  }
  func::ReturnOp::create(builder, model.loc(), results);
  finishFunction(results);
  return success();
}

void Importer::finishFunction(ArrayRef<Value> results) {
  func.setType(builder.getFunctionType(block->getArgumentTypes(), TypeRange(results)));
  for (auto [i, input] : llvm::enumerate(model.inputs))
    func.setArgAttr(i, IngotDialect::kInput, builder.getStringAttr(input.name));
  for (auto [i, parameter] : llvm::enumerate(usedParameters))
    func.setArgAttr(model.inputs.size() + i, IngotDialect::kParam,
                    FlatSymbolRefAttr::get(builder.getContext(), parameter.first));
  for (auto [i, output] : llvm::enumerate(model.proto.graph().output()))
    func.setResultAttr(i, IngotDialect::kOutput, builder.getStringAttr(output.name()));
}

/// Declares the parameters that the function reads, and hands over their elements. Checks all before it changes
/// anything.
LogicalResult Importer::commitParams() {
  for (auto &[name, initializer] : usedParameters) {
    const ParamData &data = initializer->data;
    Operation *symbol = module.lookupSymbol(name);
    auto declared = dyn_cast_or_null<ParamOp>(symbol);
    if (symbol && (!declared || declared.getTensorType() != data.type))
      return model.error() << "has a parameter '" << printable(name)
                           << "', but the module uses that name for something else";
    const ParamData *known = params.find(name);
    if (known && known->bytes.data() != data.bytes.data() && known->bytes != data.bytes)
      return model.error() << "has other elements for parameter '" << printable(name)
                           << "' than the module has already";
  }
  auto isParam = [](Operation &op) { return isa<ParamOp>(op); };
  builder.setInsertionPoint(module.getBody(), llvm::find_if_not(*module.getBody(), isParam));
  for (auto &[name, initializer] : usedParameters) {
    ParamData data = initializer->data;
    if (!data.owner)
      data.owner = model.shared_from_this();
    if (!module.lookupSymbol(name))
      ParamOp::create(builder, NameLoc::get(builder.getStringAttr(printable(name))), builder.getStringAttr(name),
                      ElementsAttr(), TypeAttr::get(data.type));
    params.insert(name, std::move(data));
  }
  return success();
}

LogicalResult Importer::run() {
  module.getContext()
      ->loadDialect<IngotDialect, arith::ArithDialect, func::FuncDialect, math::MathDialect, tensor::TensorDialect>();
  if (module.lookupSymbol(options.entry))
    return model.error() << "cannot become entry '" << options.entry << "': the module has that symbol already";
  if (failed(checkOperators()) || failed(checkOrder()) || failed(checkOptions()))
    return failure();
  builder.setInsertionPointToEnd(module.getBody());
  func = func::FuncOp::create(builder, model.loc(), options.entry, builder.getFunctionType({}, {}));
  llvm::scope_exit discard([&] { func.erase(); });
  block = func.addEntryBlock();
  builder.setInsertionPointToStart(block);
  if (failed(bindInputs()) || failed(importNodes()) || failed(importOutputs()) || failed(commitParams()))
    return failure();
  // A result that does not verify is a mistake of ours, but better a diagnostic than wrong code.
  if (failed(verify(module)))
    return model.error() << "was imported into a module that does not verify: please report this as a bug";
  discard.release();
  return success();
}

LogicalResult ingot::importOnnx(const OnnxModel &model, ModuleOp module, const OnnxImportOptions &options,
                                ParamStore &params) {
  return Importer(model.file(), module, options, params).run();
}
