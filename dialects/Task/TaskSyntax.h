// Parsing and printing of the pieces of task programs: boxes, event references, arguments, queues.
#pragma once

#include "dialects/Task/Task.h"

namespace ingot::task {

mlir::ParseResult parseAccessList(mlir::OpAsmParser &parser, mlir::ArrayAttr &accesses, unsigned gridRank);
void printAccessList(mlir::OpAsmPrinter &printer, mlir::ArrayAttr accesses);

mlir::ParseResult parseEventRefList(mlir::OpAsmParser &parser, mlir::ArrayAttr &events, unsigned gridRank);
void printEventRefList(mlir::OpAsmPrinter &printer, mlir::ArrayAttr events);

mlir::ParseResult parseArgumentList(mlir::OpAsmParser &parser, mlir::ArrayAttr &arguments);
void printArgumentList(mlir::OpAsmPrinter &printer, mlir::ArrayAttr arguments);

mlir::ParseResult parseQueue(mlir::OpAsmParser &parser, mlir::ArrayAttr &ranges);
void printQueue(mlir::OpAsmPrinter &printer, mlir::ArrayAttr ranges);

/// `[1, 64, 16]`
mlir::ParseResult parseIntegers(mlir::OpAsmParser &parser, llvm::SmallVectorImpl<int64_t> &values);
void printIntegers(mlir::OpAsmPrinter &printer, llvm::ArrayRef<int64_t> values);

} // namespace ingot::task
