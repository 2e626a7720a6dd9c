#include "OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

std::vector<const OpEntry *> ingot::onnx_import::allOps() {
  std::vector<const OpEntry *> rows;
  for (ArrayRef<OpEntry> family : {elementwiseOps(), unaryOps(), compareOps(), constantOps(), shapeOps(), indexOps(),
                                   matmulOps(), reduceOps(), normOps(), attentionOps(), rotaryOps()})
    for (const OpEntry &row : family)
      rows.push_back(&row);
  llvm::sort(rows, [](const OpEntry *a, const OpEntry *b) { return a->name < b->name; });
  return rows;
}

const OpEntry *ingot::onnx_import::findOp(StringRef domain, StringRef name, int64_t opset) {
  static const std::vector<const OpEntry *> rows = allOps();
  if (!domain.empty() && domain != "ai.onnx")
    return nullptr;
  auto it = llvm::lower_bound(rows, name, [](const OpEntry *row, StringRef key) { return row->name < key; });
  for (; it != rows.end() && (*it)->name == name; ++it)
    if ((*it)->firstOpset <= opset && opset <= (*it)->lastOpset)
      return *it;
  return nullptr;
}

void ingot::printOnnxOperators(raw_ostream &os) {
  os << "| Operator | Opsets | Inputs | Outputs |\n|---|---|---|---|\n";
  for (const OpEntry *row : allOps()) {
    os << "| " << row->name << " | " << row->firstOpset << "-" << row->lastOpset << " | ";
    auto range = [&](unsigned least, unsigned most) {
      os << least;
      if (most == kAnyNumber)
        os << " or more";
      else if (most != least)
        os << "-" << most;
    };
    range(row->minInputs, row->maxInputs);
    os << " | ";
    range(1, row->maxOutputs);
    os << " |\n";
  }
}
