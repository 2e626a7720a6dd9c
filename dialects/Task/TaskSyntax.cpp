#include "dialects/Task/TaskSyntax.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::task;

using Delimiter = AsmParser::Delimiter;

/// Names of the task indices in regions, as the contract has them.
static constexpr StringLiteral kIndexNames[] = {"i", "j", "k"};

//===----------------------------------------------------------------------===//
// Affine expressions over i, j, k
//===----------------------------------------------------------------------===//

static ParseResult parseExpressions(OpAsmParser &parser, unsigned gridRank, AffineMap &map) {
  SmallVector<std::pair<StringRef, AffineExpr>> names;
  for (unsigned dim = 0; dim < gridRank; ++dim)
    names.emplace_back(kIndexNames[dim], parser.getBuilder().getAffineDimExpr(dim));
  SmallVector<AffineExpr> results;
  auto one = [&] { return parser.parseAffineExpr(names, results.emplace_back()); };
  if (parser.parseCommaSeparatedList(Delimiter::Square, one))
    return failure();
  map = AffineMap::get(gridRank, 0, results, parser.getContext());
  return success();
}

static StringRef spelling(AffineExprKind kind) {
  switch (kind) {
  case AffineExprKind::Add:
    return " + ";
  case AffineExprKind::Mul:
    return " * ";
  case AffineExprKind::Mod:
    return " mod ";
  case AffineExprKind::FloorDiv:
    return " floordiv ";
  case AffineExprKind::CeilDiv:
    return " ceildiv ";
  default:
    llvm_unreachable("not a binary expression");
  }
}

/// Prints sums bare and everything below them in parentheses where needed.
static void printExpression(raw_ostream &os, AffineExpr expr, bool nested) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    os << kIndexNames[dim.getPosition()];
    return;
  }
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    os << constant.getValue();
    return;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  bool sum = binary.getKind() == AffineExprKind::Add;
  if (nested)
    os << '(';
  printExpression(os, binary.getLHS(), !sum && isa<AffineBinaryOpExpr>(binary.getLHS()));
  os << spelling(binary.getKind());
  printExpression(os, binary.getRHS(),
                  isa<AffineBinaryOpExpr>(binary.getRHS()) &&
                      !(sum && binary.getRHS().getKind() != AffineExprKind::Add));
  if (nested)
    os << ')';
}

static void printExpressions(OpAsmPrinter &printer, AffineMap map) {
  printer << '[';
  llvm::interleaveComma(map.getResults(), printer,
                        [&](AffineExpr expr) { printExpression(printer.getStream(), expr, false); });
  printer << ']';
}

ParseResult task::parseIntegers(OpAsmParser &parser, SmallVectorImpl<int64_t> &values) {
  return parser.parseCommaSeparatedList(Delimiter::Square, [&] { return parser.parseInteger(values.emplace_back()); });
}

void task::printIntegers(OpAsmPrinter &printer, ArrayRef<int64_t> values) {
  printer << '[';
  llvm::interleaveComma(values, printer);
  printer << ']';
}

//===----------------------------------------------------------------------===//
// Accesses and events
//===----------------------------------------------------------------------===//

static ParseResult parseSymbol(OpAsmParser &parser, FlatSymbolRefAttr &symbol) {
  StringAttr name;
  if (parser.parseSymbolName(name))
    return failure();
  symbol = FlatSymbolRefAttr::get(name);
  return success();
}

ParseResult task::parseAccessList(OpAsmParser &parser, ArrayAttr &accesses, unsigned gridRank) {
  SmallVector<Attribute> list;
  auto one = [&]() -> ParseResult {
    FlatSymbolRefAttr buffer;
    AffineMap offsets;
    SmallVector<int64_t> sizes;
    if (parseSymbol(parser, buffer) || parseExpressions(parser, gridRank, offsets) || parseIntegers(parser, sizes))
      return failure();
    bool stream = succeeded(parser.parseOptionalKeyword("stream"));
    list.push_back(AccessAttr::get(parser.getContext(), buffer, offsets, sizes, stream));
    return success();
  };
  if (parser.parseCommaSeparatedList(Delimiter::Square, one))
    return failure();
  accesses = parser.getBuilder().getArrayAttr(list);
  return success();
}

void task::printAccessList(OpAsmPrinter &printer, ArrayAttr accesses) {
  printer << '[';
  llvm::interleaveComma(accesses.getAsRange<AccessAttr>(), printer, [&](AccessAttr access) {
    printer.printSymbolName(access.getBuffer().getValue());
    printExpressions(printer, access.getOffsets());
    printer << ' ';
    printIntegers(printer, access.getSizes());
    if (access.getStream())
      printer << " stream";
  });
  printer << ']';
}

ParseResult task::parseEventRefList(OpAsmParser &parser, ArrayAttr &events, unsigned gridRank) {
  SmallVector<Attribute> list;
  auto one = [&]() -> ParseResult {
    FlatSymbolRefAttr event;
    AffineMap index = AffineMap::get(gridRank, 0, parser.getContext());
    if (parseSymbol(parser, event))
      return failure();
    if (succeeded(parser.parseOptionalLSquare())) {
      SmallVector<std::pair<StringRef, AffineExpr>> names;
      for (unsigned dim = 0; dim < gridRank; ++dim)
        names.emplace_back(kIndexNames[dim], parser.getBuilder().getAffineDimExpr(dim));
      AffineExpr expr;
      if (parser.parseAffineExpr(names, expr) || parser.parseRSquare())
        return failure();
      index = AffineMap::get(gridRank, 0, expr);
    }
    list.push_back(EventRefAttr::get(parser.getContext(), event, index));
    return success();
  };
  if (parser.parseCommaSeparatedList(Delimiter::Square, one))
    return failure();
  events = parser.getBuilder().getArrayAttr(list);
  return success();
}

void task::printEventRefList(OpAsmPrinter &printer, ArrayAttr events) {
  printer << '[';
  llvm::interleaveComma(events.getAsRange<EventRefAttr>(), printer, [&](EventRefAttr ref) {
    printer.printSymbolName(ref.getEvent().getValue());
    if (ref.getIndex().getNumResults())
      printExpressions(printer, ref.getIndex());
  });
  printer << ']';
}

//===----------------------------------------------------------------------===//
// Arguments and queues
//===----------------------------------------------------------------------===//

ParseResult task::parseArgumentList(OpAsmParser &parser, ArrayAttr &arguments) {
  SmallVector<Attribute> list;
  auto one = [&]() -> ParseResult {
    StringAttr name;
    SmallVector<int64_t> leading;
    if (failed(parser.parseOptionalSymbolName(name))) {
      if (parser.parseInteger(leading.emplace_back()) || parser.parseColon() || parser.parseKeyword("index"))
        return failure();
      list.push_back(ArgumentAttr::get(parser.getContext(), FlatSymbolRefAttr(), leading));
      return success();
    }
    auto integer = [&] { return parser.parseInteger(leading.emplace_back()); };
    if (parser.parseCommaSeparatedList(Delimiter::OptionalSquare, integer))
      return failure();
    list.push_back(ArgumentAttr::get(parser.getContext(), FlatSymbolRefAttr::get(name), leading));
    return success();
  };
  if (parser.parseCommaSeparatedList(Delimiter::Paren, one))
    return failure();
  arguments = parser.getBuilder().getArrayAttr(list);
  return success();
}

void task::printArgumentList(OpAsmPrinter &printer, ArrayAttr arguments) {
  printer << '(';
  llvm::interleaveComma(arguments.getAsRange<ArgumentAttr>(), printer, [&](ArgumentAttr argument) {
    if (argument.isInteger()) {
      printer << argument.getLeading().front() << " : index";
      return;
    }
    printer.printSymbolName(argument.getBuffer().getValue());
    if (!argument.getLeading().empty())
      printIntegers(printer, argument.getLeading());
  });
  printer << ')';
}

ParseResult task::parseQueue(OpAsmParser &parser, ArrayAttr &ranges) {
  SmallVector<Attribute> list;
  auto one = [&]() -> ParseResult {
    FlatSymbolRefAttr launch;
    int64_t begin, end;
    if (parseSymbol(parser, launch) || parser.parseLSquare() || parser.parseInteger(begin))
      return failure();
    end = begin + 1;
    if (succeeded(parser.parseOptionalKeyword("to")) && parser.parseInteger(end))
      return failure();
    list.push_back(RangeAttr::get(parser.getContext(), launch, begin, end));
    return parser.parseRSquare();
  };
  if (parser.parseCommaSeparatedList(Delimiter::Square, one))
    return failure();
  ranges = parser.getBuilder().getArrayAttr(list);
  return success();
}

void task::printQueue(OpAsmPrinter &printer, ArrayAttr ranges) {
  printer << '[';
  llvm::interleaveComma(ranges.getAsRange<RangeAttr>(), printer, [&](RangeAttr range) {
    printer.printSymbolName(range.getLaunch().getValue());
    printer << '[' << range.getBegin();
    if (range.getEnd() != range.getBegin() + 1)
      printer << " to " << range.getEnd();
    printer << ']';
  });
  printer << ']';
}
