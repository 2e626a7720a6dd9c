// Where parameters of interpreted programs come from: files, or numbers drawn by seed.
#pragma once

#include "ingot/Interpreter/Interpreter.h"

namespace ingot::interpreter {

/// Parameters of a safetensors file, by name. On failure `error` says why.
std::optional<ParamProvider> safetensorsParams(llvm::StringRef path, std::string &error);

/// How random values are drawn. A value depends on the seed and its name only, not on the program.
struct RandomValues {
  uint64_t seed = 0;
  /// Integers lie in [intBegin, intEnd), floats in [-1, 1), rounded to their type.
  int64_t intBegin = 0, intEnd = 16;

  Array draw(llvm::StringRef name, Element element, llvm::ArrayRef<int64_t> shape) const;
};

/// Draws each parameter in the shape that the module declares (`ingot.param`, or else a `task.buffer`).
ParamProvider randomParams(mlir::ModuleOp module, RandomValues values);

/// Draws all inputs of a signature.
Arrays randomInputs(const Signature &signature, const RandomValues &values);

} // namespace ingot::interpreter
