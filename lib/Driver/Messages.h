// How the command line prints diagnostics.
#pragma once

#include "mlir/IR/Diagnostics.h"

#include <functional>

namespace ingot {

/// While alive, prints diagnostics of `context` to stderr: "model.onnx: error: node 'x': ...", "text.mlir:3:1: error:
/// ...", or "error: ..." where no place is known.
class MessagePrinter : public mlir::ScopedDiagnosticHandler {
public:
  /// `before` is called before each, if there is one.
  explicit MessagePrinter(mlir::MLIRContext *context, std::function<void()> before = {});
};

} // namespace ingot
