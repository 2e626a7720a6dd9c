// The state of one import, and the view of one node that its handler works with.
#pragma once

#include "Literal.h"
#include "ModelFile.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringSet.h"

namespace ingot::onnx_import {

using mlir::FailureOr;
using mlir::LogicalResult;
using mlir::RankedTensorType;
using mlir::Value;

/// A value of the graph. Where its elements are known there is a literal, and the IR value appears on first use.
struct Tensor {
  RankedTensorType type;
  Value value;
  std::shared_ptr<const Literal> literal;
  /// A parameter that becomes an argument on first use.
  const Initializer *parameter = nullptr;

  llvm::ArrayRef<int64_t> shape() const { return type.getShape(); }
  int64_t rank() const { return type.getRank(); }
  mlir::Type element() const { return type.getElementType(); }
  bool isFloat() const { return llvm::isa<mlir::FloatType>(element()); }
  bool isBool() const { return element().isInteger(1); }
};

/// Dimensions that neither the file nor an option gives an extent: collected, to be reported together.
class OpenDims {
public:
  void add(std::string what, std::string where);
  LogicalResult check(const ModelFile &file) const;

private:
  std::vector<std::pair<std::string, std::vector<std::string>>> missing; // in the order of the inputs
};

class Importer {
public:
  Importer(const ModelFile &file, mlir::ModuleOp module, const OnnxImportOptions &options, ParamStore &params);

  LogicalResult run();

  const ModelFile &file() const { return model; }

  /// The IR value of `tensor`: a constant, a parameter's argument, or what a handler made.
  Value materialize(Tensor &tensor, mlir::Location loc);

  /// Whether a result of `elements` may be computed now. Counts against a budget for the whole import, so that no model
  /// makes the importer compute for long; what is not folded becomes operations.
  bool mayFold(int64_t elements);

  /// The tensor of that name; null if nothing has defined it so far.
  Tensor *find(llvm::StringRef name);

  /// Whether `tensor`, which a node defines, shares its IR value with a tensor of another name.
  bool sharesValue(const Tensor &tensor) const;

  bool hasGradients() const { return static_cast<bool>(options.gradients); }
  /// The gradients of `output` with respect to `inputs`; see OnnxImportOptions. Failure after an error.
  FailureOr<llvm::SmallVector<Value>> gradients(mlir::Location loc, Value output, llvm::ArrayRef<Value> inputs,
                                                llvm::ArrayRef<Value> held);

  /// Keeps the data of a Constant node that is too large for the text of the program: it becomes a parameter.
  const Initializer *keepConstant(Initializer initializer);

private:
  friend class Node;

  LogicalResult checkOperators();
  LogicalResult checkOrder();
  LogicalResult bindInputs();
  LogicalResult importNodes();
  LogicalResult importOutputs();
  LogicalResult importOutput(const onnx::ValueInfoProto &info, llvm::SmallVectorImpl<Value> &values);
  void finishFunction(llvm::ArrayRef<Value> results);
  LogicalResult commitParams();

  FailureOr<llvm::SmallVector<int64_t>> inputShape(const OnnxInput &input, OpenDims &open);
  LogicalResult checkOptions();
  Tensor tensorOf(const Initializer &initializer);

  const ModelFile &model;
  mlir::ModuleOp module;
  const OnnxImportOptions &options;
  ParamStore &params;
  mlir::OpBuilder builder;
  mlir::func::FuncOp func;
  mlir::Block *block = nullptr;
  llvm::StringMap<Tensor> tensors;
  llvm::StringMap<Value> parameterArguments;
  llvm::SmallVector<std::pair<std::string, const Initializer *>> usedParameters; // in order of arguments
  std::vector<std::unique_ptr<Initializer>> constants;
  int64_t foldBudget = int64_t(1) << 25;
};

/// One node during its import. Getters check what they are asked for; their errors make the import of the node fail
/// even if the handler goes on with the default they return.
class Node {
public:
  Node(Importer &importer, const onnx::NodeProto &proto, mlir::Location loc);

  mlir::ImplicitLocOpBuilder b;

  int64_t opset() const { return importer.model.opset; }
  const onnx::NodeProto &message() const { return proto; }

  /// Starts an error about this node: "MatMul expects ...".
  mlir::InFlightDiagnostic error();

  unsigned numInputs() const { return proto.input_size(); }
  bool hasInput(unsigned i) const { return i < numInputs() && !proto.input(i).empty(); }
  /// Input i, which must be there.
  Tensor &input(unsigned i);
  /// The IR value of input i.
  Value value(unsigned i) { return value(input(i)); }
  Value value(Tensor &tensor) { return importer.materialize(tensor, b.getLoc()); }
  /// The integers of input i, which must be known at import time; null after an error.
  const Literal *integers(unsigned i, llvm::StringRef what);

  unsigned numOutputs() const { return proto.output_size(); }
  bool hasOutput(unsigned i) const { return i < numOutputs() && !proto.output(i).empty(); }
  LogicalResult setResult(unsigned i, Tensor tensor);
  LogicalResult setResult(Value value) {
    return setResult(0, {llvm::cast<RankedTensorType>(value.getType()), value, nullptr});
  }
  LogicalResult setResult(RankedTensorType type, Literal literal);

  /// Attributes; a name that no getter asked for is an error after the import of the node.
  bool hasAttr(llvm::StringRef name) const { return find(name) != nullptr; }
  int64_t intAttr(llvm::StringRef name, int64_t otherwise);
  double floatAttr(llvm::StringRef name, double otherwise);
  std::string stringAttr(llvm::StringRef name, llvm::StringRef otherwise);
  std::optional<llvm::SmallVector<int64_t>> intsAttr(llvm::StringRef name);
  /// Empty if there is no such attribute.
  std::vector<std::string> stringsAttr(llvm::StringRef name);
  const onnx::TensorProto *tensorAttr(llvm::StringRef name);
  /// Marks an attribute as read that changes nothing for us.
  void ignoreAttr(llvm::StringRef name) { read.insert(name); }
  LogicalResult checkAttributes();

  /// `axis` in [0, rank), counted from the end if negative; failure after an error.
  FailureOr<int64_t> axis(int64_t axis, int64_t rank);
  /// Sorted unique axes; failure after an error.
  FailureOr<llvm::SmallVector<int64_t>> axes(llvm::ArrayRef<int64_t> axes, int64_t rank);

  bool mayFold(llvm::ArrayRef<int64_t> shape);
  Importer &owner() { return importer; }
  bool failedBefore() const { return failed; }

private:
  const onnx::AttributeProto *find(llvm::StringRef name) const;
  const onnx::AttributeProto *find(llvm::StringRef name, onnx::AttributeProto::AttributeType type);

  Importer &importer;
  const onnx::NodeProto &proto;
  llvm::StringSet<> read;
  bool failed = false;
};

} // namespace ingot::onnx_import
