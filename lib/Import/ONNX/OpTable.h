// The supported operators.
#pragma once

#include "Importer.h"

namespace ingot::onnx_import {

using Handler = LogicalResult (*)(Node &);

/// One operator in a range of operator sets. The handler knows the differences between the versions in that range.
struct OpEntry {
  llvm::StringLiteral name;
  int firstOpset, lastOpset;
  unsigned minInputs, maxInputs; // the first minInputs must be present
  unsigned maxOutputs;           // later ones are not supported yet
  Handler handler;
  llvm::StringLiteral domain = ""; // the default one, or kTrainingDomain
};

constexpr int kFirstOpset = 12, kLastOpset = 25;
/// From opset 13 on, operators take as inputs what were attributes before, or have another default.
constexpr int kFirstWithInputs = 13;
constexpr unsigned kAnyNumber = ~0u;

/// Rows of one op family; the files of this folder define one function each.
llvm::ArrayRef<OpEntry> elementwiseOps();
llvm::ArrayRef<OpEntry> unaryOps();
llvm::ArrayRef<OpEntry> compareOps();
llvm::ArrayRef<OpEntry> constantOps();
llvm::ArrayRef<OpEntry> shapeOps();
llvm::ArrayRef<OpEntry> indexOps();
llvm::ArrayRef<OpEntry> matmulOps();
llvm::ArrayRef<OpEntry> reduceOps();
llvm::ArrayRef<OpEntry> normOps();
llvm::ArrayRef<OpEntry> attentionOps();
llvm::ArrayRef<OpEntry> rotaryOps();
llvm::ArrayRef<OpEntry> trainingOps();
llvm::ArrayRef<OpEntry> gradientOps();

/// All rows, sorted by name.
std::vector<const OpEntry *> allOps();

/// The row for the operator of `node` in the operator sets that `file` imports, or null.
const OpEntry *findOp(const ModelFile &file, const onnx::NodeProto &node);

} // namespace ingot::onnx_import
