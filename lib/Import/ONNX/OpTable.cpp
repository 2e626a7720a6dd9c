#include "OpTable.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::onnx_import;

std::vector<const OpEntry *> ingot::onnx_import::allOps() {
  std::vector<const OpEntry *> rows;
  for (ArrayRef<OpEntry> family :
       {elementwiseOps(), unaryOps(), compareOps(), constantOps(), shapeOps(), indexOps(), matmulOps(), reduceOps(),
        normOps(), attentionOps(), rotaryOps(), trainingOps(), gradientOps()})
    for (const OpEntry &row : family)
      rows.push_back(&row);
  llvm::sort(rows, [](const OpEntry *a, const OpEntry *b) { return a->name < b->name; });
  return rows;
}

const OpEntry *ingot::onnx_import::findOp(const ModelFile &file, const onnx::NodeProto &node) {
  static const std::vector<const OpEntry *> rows = allOps();
  StringRef name = node.op_type(), domain = node.domain() == "ai.onnx" ? "" : StringRef(node.domain());
  int64_t opset = domain == kTrainingDomain ? file.trainingOpset : file.opset;
  auto it = llvm::lower_bound(rows, name, [](const OpEntry *row, StringRef key) { return row->name < key; });
  for (; it != rows.end() && (*it)->name == name; ++it)
    if ((*it)->domain == domain && (*it)->firstOpset <= opset && opset <= (*it)->lastOpset)
      return *it;
  return nullptr;
}

void ingot::printOnnxOperators(raw_ostream &os) {
  os << "| Operator | Opsets | Inputs | Outputs |\n|---|---|---|---|\n";
  for (const OpEntry *row : allOps()) {
    os << "| " << row->domain << (row->domain.empty() ? "" : ".") << row->name << " | ";
    auto range = [&](unsigned least, unsigned most) {
      os << least;
      if (most == kAnyNumber)
        os << " or more";
      else if (most != least)
        os << "-" << most;
    };
    range(row->firstOpset, row->lastOpset);
    os << " | ";
    range(row->minInputs, row->maxInputs);
    os << " | ";
    range(1, row->maxOutputs);
    os << " |\n";
  }
}
