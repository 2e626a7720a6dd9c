#include "dialects/Task/Task.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ingot;

#include "dialects/Task/TaskDialect.cpp.inc"
#include "dialects/Task/TaskEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Task/TaskAttrs.cpp.inc"

void task::TaskDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Task/TaskOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Task/TaskAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Attributes in generic form; launches print them as the contract has them (TaskSyntax.h)
//===----------------------------------------------------------------------===//

static ParseResult parseIntegerList(AsmParser &parser, SmallVectorImpl<int64_t> &values) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                        [&] { return parser.parseInteger(values.emplace_back()); });
}

static void printIntegerList(AsmPrinter &printer, ArrayRef<int64_t> values) {
  printer << '[';
  llvm::interleaveComma(values, printer);
  printer << ']';
}

/// `<@buffer, affine_map, [sizes]>`, then `, stream` for streamed reads.
Attribute task::AccessAttr::parse(AsmParser &parser, Type) {
  FlatSymbolRefAttr buffer;
  AffineMapAttr offsets;
  SmallVector<int64_t> sizes;
  if (parser.parseLess() || parser.parseAttribute(buffer) || parser.parseComma() || parser.parseAttribute(offsets) ||
      parser.parseComma() || parseIntegerList(parser, sizes))
    return {};
  bool stream = succeeded(parser.parseOptionalComma());
  if ((stream && parser.parseKeyword("stream")) || parser.parseGreater())
    return {};
  return get(parser.getContext(), buffer, offsets.getValue(), sizes, stream);
}

void task::AccessAttr::print(AsmPrinter &printer) const {
  printer << '<' << getBuffer() << ", " << AffineMapAttr::get(getOffsets()) << ", ";
  printIntegerList(printer, getSizes());
  printer << (getStream() ? ", stream>" : ">");
}

/// `<@buffer, [leading]>`, or `<[3]>` for an integer.
Attribute task::ArgumentAttr::parse(AsmParser &parser, Type) {
  FlatSymbolRefAttr buffer;
  SmallVector<int64_t> leading;
  if (parser.parseLess())
    return {};
  if (OptionalParseResult symbol = parser.parseOptionalAttribute(buffer); symbol.has_value())
    if (failed(*symbol) || parser.parseComma())
      return {};
  if (parseIntegerList(parser, leading) || parser.parseGreater())
    return {};
  if (!buffer && leading.size() != 1) {
    parser.emitError(parser.getNameLoc()) << "expects one integer without a buffer, but got " << leading.size();
    return {};
  }
  return get(parser.getContext(), buffer, leading);
}

void task::ArgumentAttr::print(AsmPrinter &printer) const {
  printer << '<';
  if (getBuffer())
    printer << getBuffer() << ", ";
  printIntegerList(printer, getLeading());
  printer << '>';
}
