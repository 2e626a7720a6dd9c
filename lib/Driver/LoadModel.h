// Reads a model file into a module and its parameters.
#pragma once

#include "ingot/Driver/Compile.h"
#include "ingot/Import/ParamStore.h"
#include "mlir/IR/BuiltinOps.h"

namespace ingot {

struct LoadedModel {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ParamStore params;
  std::string name;
  std::map<std::string, std::string> metadata; // of the ONNX file
  std::map<std::string, std::vector<std::pair<std::string, int64_t>>> specialisations;
};

/// A decoder in ONNX becomes the entries `decode` (C = 1) and `prefill` (C = options.prefill) with all positions up to
/// max_seq; any other ONNX model the entry `main`. Text is parsed, with parameters from options.params.
mlir::FailureOr<LoadedModel> loadModel(const CompileOptions &options, mlir::MLIRContext *context);

} // namespace ingot
