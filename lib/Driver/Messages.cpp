#include "lib/Driver/Messages.h"

#include "ingot/Support/Place.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace ingot;

namespace {

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

MessagePrinter::MessagePrinter(MLIRContext *context, std::function<void()> before) : ScopedDiagnosticHandler(context) {
  setHandler([before = std::move(before)](Diagnostic &diagnostic) {
    if (before)
      before();
    print(diagnostic);
    return success();
  });
}
