// Computing operations on constants at compile time, by the interpreter's definition of each operation.
#pragma once

#include "ingot/Interpreter/Array.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/DenseMap.h"

namespace ingot::model {

/// What passes that fold need: the interpreter's models of operations.
void registerFoldingDependencies(mlir::DialectRegistry &registry);

/// Adds a pattern that computes operations on constants whose result has at most `maxBytes` bytes.
void populateConstantFolding(mlir::RewritePatternSet &patterns, int64_t maxBytes);

/// Values that are taken as known.
using KnownValues = llvm::DenseMap<mlir::Value, interpreter::Array>;

/// The elements of `value` if they follow from constants and from `known` values; nothing otherwise.
std::optional<interpreter::Array> evaluate(mlir::Value value, const KnownValues &known);

} // namespace ingot::model
