// How the command line prints diagnostics.
#pragma once

#include "mlir/IR/Diagnostics.h"

namespace ingot {

/// While alive, prints diagnostics of `context` to stderr: "model.onnx: error: node 'x': ...", "text.mlir:3:1: error:
/// ...", or "error: ..." where no place is known.
class MessagePrinter : public mlir::ScopedDiagnosticHandler {
public:
  explicit MessagePrinter(mlir::MLIRContext *context);
};

} // namespace ingot
