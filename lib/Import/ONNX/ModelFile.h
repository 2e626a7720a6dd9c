// An ONNX file in memory: the message, its initialisers as checked views, its inputs.
#pragma once

#include "OnnxProto.h"
#include "ingot/Import/ONNX.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringMap.h"

namespace ingot::onnx_import {

/// No tensor of a program may have more elements. Keeps products of extents far from overflow.
constexpr int64_t kMaxElements = int64_t(1) << 40;

/// Product of `shape` if every extent is non-negative and the product is at most kMaxElements.
std::optional<int64_t> elementCount(llvm::ArrayRef<int64_t> shape);

/// MLIR's type for a TensorProto.DataType, or null if it is not supported yet.
mlir::Type elementType(int dataType, mlir::MLIRContext *context);

/// The name of a TensorProto.DataType as ONNX writes it, or its number.
std::string dataTypeName(int dataType);

/// `name` fit for a message: control characters escaped, cut at 120 bytes.
std::string printable(llvm::StringRef name);

/// Optimizers and gradients.
constexpr llvm::StringLiteral kTrainingDomain = "ai.onnx.preview.training";

/// A constant tensor of the file.
struct Initializer {
  std::string name;
  int dataType = 0;
  std::vector<int64_t> shape;
  /// Type and elements; the type is null if the element type is not supported yet, the owner is null if the ModelFile
  /// owns the bytes (it cannot own itself).
  ParamData data;
};

struct ModelFile : std::enable_shared_from_this<ModelFile> {
  std::string name;      // for diagnostics
  std::string directory; // of external data; empty if there is none
  mlir::MLIRContext *context = nullptr;
  onnx::ModelProto proto;
  int64_t opset = 0;         // of the default domain; 0 if the file imports none
  int64_t trainingOpset = 0; // of kTrainingDomain
  std::map<std::string, std::string> metadata;
  std::vector<OnnxInput> inputs;
  llvm::StringMap<Initializer> initializers;
  /// Mapped external files by location: a cache, filled while tensors are read.
  mutable llvm::StringMap<std::shared_ptr<const llvm::MemoryBuffer>> externalFiles;

  mlir::Location loc() const;
  mlir::InFlightDiagnostic error() const { return mlir::emitError(loc()); }
};

/// Views the elements of `tensor` without copying where the encoding allows it, after checking type, shape and length.
/// `file` owns the message. `what` names the tensor in diagnostics. Failure after a diagnostic.
mlir::FailureOr<Initializer> readTensor(const ModelFile &file, const onnx::TensorProto &tensor,
                                        const std::string &what);

/// The bytes of a tensor's external data: a regular file below the model's directory, links followed.
mlir::FailureOr<llvm::ArrayRef<char>> readExternal(const ModelFile &file, const onnx::TensorProto &tensor,
                                                   const std::string &what, int64_t bytes);

} // namespace ingot::onnx_import
