// The supported operators of the default domain.
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
};

constexpr int kFirstOpset = 13, kLastOpset = 25;
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

/// All rows, sorted by name.
std::vector<const OpEntry *> allOps();

/// The row for an operator, or null.
const OpEntry *findOp(llvm::StringRef domain, llvm::StringRef name, int64_t opset);

} // namespace ingot::onnx_import
