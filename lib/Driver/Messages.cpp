#include "lib/Driver/Messages.h"

#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace ingot;

namespace {

/// What a location says to a person: where in which file, and which node.
struct Place {
  std::string file, node;
};

Place placeOf(Location loc) {
  Place place;
  loc->walk([&](Location part) {
    if (auto file = dyn_cast<FileLineColLoc>(part); file && place.file.empty()) {
      place.file = file.getFilename().str();
      // Files without lines (ONNX) stand for themselves.
      if (file.getLine())
        place.file += ":" + std::to_string(file.getLine()) + ":" + std::to_string(file.getColumn());
    } else if (auto name = dyn_cast<NameLoc>(part)) {
      // Importers name a file without lines by its path; nodes lie in it.
      bool isFile = isa<UnknownLoc>(name.getChildLoc()) && name.getName().getValue().ends_with(".onnx");
      std::string &slot = isFile ? place.file : place.node;
      if (slot.empty())
        slot = name.getName().str();
    }
    return WalkResult::advance();
  });
  return place;
}

StringRef severityName(DiagnosticSeverity severity) {
  switch (severity) {
  case DiagnosticSeverity::Error:
    return "error";
  case DiagnosticSeverity::Warning:
    return "warning";
  case DiagnosticSeverity::Note:
    return "note";
  case DiagnosticSeverity::Remark:
    return "remark";
  }
  llvm_unreachable("unknown severity");
}

void print(Diagnostic &diagnostic) {
  Place place = placeOf(diagnostic.getLocation());
  if (!place.file.empty())
    llvm::errs() << place.file << ": ";
  llvm::errs() << severityName(diagnostic.getSeverity()) << ": ";
  if (!place.node.empty())
    llvm::errs() << "node '" << place.node << "': ";
  llvm::errs() << diagnostic << '\n';
  for (Diagnostic &note : diagnostic.getNotes())
    print(note);
}

} // namespace

MessagePrinter::MessagePrinter(MLIRContext *context) : ScopedDiagnosticHandler(context) {
  setHandler([](Diagnostic &diagnostic) {
    print(diagnostic);
    return success();
  });
}
