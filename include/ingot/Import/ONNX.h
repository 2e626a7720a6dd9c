// ONNX models in: a file becomes entries of a module in the `ingot` dialect.
#pragma once

#include "ingot/Import/ParamStore.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ingot {

namespace onnx_import {
struct ModelFile;
}

/// One dimension of a model input: a fixed extent, a name to be bound, or neither.
struct OnnxDim {
  int64_t extent = -1; // >= 0 if fixed
  std::string name;    // non-empty if symbolic
};

/// A model input that the caller provides at run time.
struct OnnxInput {
  std::string name;
  /// Null if the element type is not supported yet.
  mlir::Type elementType;
  std::vector<OnnxDim> dims;
  /// False if the file gives no shape, not even a rank.
  bool hasShape = true;
};

/// A model with the interface of a decoder: inputs input_ids [B, C], optionally position_ids [B, C], and for layers
/// 0..n past_key_values.N.{key,value} [B, KV, past, D]; outputs logits and present.N.{key,value}.
struct OnnxDecoder {
  int64_t layers = 0;
  OnnxDim batch, sequence, past;
  /// Names of the key and value inputs, key and value of layer 0 first.
  std::vector<std::string> pastInputs;
};

/// Builds the gradients of a value with respect to others while some are held; see `buildGradients` in
/// ingot/Train/Gradients.h, which is one.
using OnnxGradients = std::function<mlir::FailureOr<llvm::SmallVector<mlir::Value>>(
    mlir::OpBuilder &builder, mlir::Location loc, mlir::Value output, llvm::ArrayRef<mlir::Value> inputs,
    llvm::ArrayRef<mlir::Value> held)>;

/// Extents for the dimensions that the file leaves open, and what the importer is to use.
struct OnnxImportOptions {
  /// Symbol of the imported function.
  std::string entry = "main";
  /// Extents by dimension name (`--dim NAME=N`).
  std::map<std::string, int64_t> dims;
  /// Whole shapes by input name (`--input-shape NAME=1x128`).
  std::map<std::string, std::vector<int64_t>> inputShapes;
  /// For operator Gradient, which is an error without. The context needs the interfaces that it uses.
  OnnxGradients gradients;
};

/// Reads `NAME=N` into `options.dims`. Returns an error message, empty if all is well; a repeated name is an error.
std::string parseDimOption(llvm::StringRef text, OnnxImportOptions &options);

/// Reads `NAME=1x128` into `options.inputShapes`; `NAME=` is the shape of a scalar. As above.
std::string parseInputShapeOption(llvm::StringRef text, OnnxImportOptions &options);

/// Writes the supported operators with their opset ranges as a Markdown table.
void printOnnxOperators(llvm::raw_ostream &os);

/// A parsed ONNX file. Its parameters are checked and viewed in place; it must outlive nothing: a ParamStore filled
/// from it shares the ownership.
class OnnxModel {
public:
  /// Maps and parses `path` and the external data that it names. Null after an error diagnostic on `context`.
  static std::unique_ptr<OnnxModel> load(llvm::StringRef path, mlir::MLIRContext *context);

  /// Parses `bytes`; external data are looked for in `directory`. `name` stands for the file in diagnostics.
  static std::unique_ptr<OnnxModel> parse(llvm::ArrayRef<char> bytes, llvm::StringRef name, llvm::StringRef directory,
                                          mlir::MLIRContext *context);

  ~OnnxModel();

  /// metadata_props of the file.
  const std::map<std::string, std::string> &metadata() const;

  /// The inputs, without those that an initialiser fills.
  llvm::ArrayRef<OnnxInput> inputs() const;

  /// How the model is a decoder, or nothing if it is none.
  std::optional<OnnxDecoder> decoder() const;

  const onnx_import::ModelFile &file() const { return *contents; }

private:
  explicit OnnxModel(std::shared_ptr<const onnx_import::ModelFile> contents);
  std::shared_ptr<const onnx_import::ModelFile> contents;
};

/// Adds `model` to `module` as the public function `options.entry` with static shapes. The graph's inputs are its first
/// arguments (`ingot.input`), then the parameters it reads (`ingot.param`, declared in the module, elements in
/// `params`); results carry `ingot.output`. Integer shape arithmetic is folded away. Importing the same model again
/// under another entry name shares the parameters.
///
/// Errors, each a diagnostic, after which module and params are as before: operators, types or opsets that are not
/// supported (all operators in one diagnostic), open dimensions without extent (all in one diagnostic), and everything
/// that makes the file inconsistent.
mlir::LogicalResult importOnnx(const OnnxModel &model, mlir::ModuleOp module, const OnnxImportOptions &options,
                               ParamStore &params);

} // namespace ingot
