#include "dialects/Task/Task.h"

#include "dialects/Ingot/PlainNumbers.h"
#include "dialects/Task/TaskSyntax.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::task;

#define GET_OP_CLASSES
#include "dialects/Task/TaskOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Buffer, event
//===----------------------------------------------------------------------===//

int64_t BufferOp::getBytes() {
  MemRefType type = getMemRefType();
  return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

LogicalResult BufferOp::verify() {
  MemRefType type = getMemRefType();
  if (!type.hasStaticShape() || !type.getLayout().isIdentity())
    return emitOpError() << "expects a static shape with identity layout, but got " << type;
  bool scratch = getKind() == BufferKind::Scratch;
  if (scratch == getName().has_value())
    return emitOpError() << "expects a name "
                         << (scratch ? "only for buffers that are not scratch" : "for a buffer that is not scratch");
  if (getOffset() && !scratch)
    return emitOpError() << "expects an offset only for scratch buffers, but got " << *getOffset();
  if (getOffset() && (*getOffset() < 0 || *getOffset() % 64 != 0))
    return emitOpError() << "expects a non-negative offset that is a multiple of 64, but got " << *getOffset();
  return success();
}

ParseResult EventOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  int64_t count = 1, signals;
  if (parser.parseSymbolName(properties.sym_name))
    return failure();
  if (succeeded(parser.parseOptionalLSquare()) && (parser.parseInteger(count) || parser.parseRSquare()))
    return failure();
  if (parser.parseKeyword("signals") || parser.parseInteger(signals) || parser.parseOptionalAttrDict(result.attributes))
    return failure();
  properties.count = parser.getBuilder().getI64IntegerAttr(count);
  properties.signals = parser.getBuilder().getI64IntegerAttr(signals);
  return success();
}

void EventOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  if (getCount() != 1)
    printer << " [" << getCount() << ']';
  printer << " signals " << getSignals();
  printer.printOptionalAttrDict((*this)->getAttrs(), {"sym_name", "count", "signals"});
}

LogicalResult EventOp::verify() {
  if (getCount() < 1 || getSignals() < 1)
    return emitOpError() << "expects at least one counter and one signal, but got " << getCount() << " and "
                         << getSignals();
  if (getSignals() > INT32_MAX)
    return emitOpError() << "expects at most 2^31 - 1 signals, but got " << getSignals();
  return success();
}

//===----------------------------------------------------------------------===//
// Body
//===----------------------------------------------------------------------===//

unsigned BodyOp::getNumIndices() {
  // Integer arguments have type index too; a launch tells them apart by its grid rank, a body by their order: the
  // indices come first, then memrefs, then integers.
  unsigned count = 0;
  for (Type type : getBody().front().getArgumentTypes()) {
    if (!type.isIndex())
      break;
    ++count;
  }
  return count;
}

ParseResult BodyOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  SmallVector<OpAsmParser::Argument> arguments;
  int64_t privateBytes = 0;
  if (parser.parseSymbolName(properties.sym_name) ||
      parser.parseArgumentList(arguments, AsmParser::Delimiter::Paren, /*allowType=*/true))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("private")) && parser.parseInteger(privateBytes))
    return failure();
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes) || parser.parseRegion(*result.addRegion(), arguments))
    return failure();
  properties.private_bytes = parser.getBuilder().getI64IntegerAttr(privateBytes);
  if (result.regions.front()->empty())
    result.regions.front()->emplaceBlock();
  return success();
}

void BodyOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << '(';
  llvm::interleaveComma(getBody().getArguments(), printer,
                        [&](BlockArgument argument) { printer.printRegionArgument(argument); });
  printer << ')';
  if (getPrivateBytes() != 0)
    printer << " private " << getPrivateBytes();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"sym_name", "private_bytes"});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult BodyOp::verify() {
  if (getPrivateBytes() < 0)
    return emitOpError() << "expects a non-negative private size, but got " << getPrivateBytes();
  bool memrefs = false, integers = false;
  for (Type type : getBody().front().getArgumentTypes()) {
    if (!type.isIndex() && !isa<MemRefType>(type))
      return emitOpError() << "expects arguments of type index or memref, but got " << type;
    if (isa<MemRefType>(type) && integers)
      return emitOpError() << "expects indices, then memrefs, then integers, but got a memref after an integer";
    memrefs |= isa<MemRefType>(type);
    integers |= memrefs && type.isIndex();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

/// Parses `keyword [...]` if the keyword comes next, else leaves an empty list.
template <typename Parse>
static ParseResult parseOptionalList(OpAsmParser &parser, StringRef keyword, ArrayAttr &list, Parse parse) {
  if (succeeded(parser.parseOptionalKeyword(keyword)))
    return parse(list);
  list = parser.getBuilder().getArrayAttr({});
  return success();
}

ParseResult LaunchOp::parse(OpAsmParser &parser, OperationState &result) {
  auto &properties = result.getOrAddProperties<Properties>();
  SmallVector<int64_t> grid;
  StringAttr body;
  SMLoc gridLoc;
  if (parser.parseSymbolName(properties.sym_name) || parser.parseKeyword("body") || parser.parseSymbolName(body) ||
      parser.parseKeyword("grid") || parser.getCurrentLocation(&gridLoc) || parseIntegers(parser, grid) ||
      parser.parseKeyword("args") || parseArgumentList(parser, properties.arguments))
    return failure();
  if (grid.empty() || grid.size() > 3)
    return parser.emitError(gridLoc) << "expects a grid of rank 1 to 3, but got " << grid.size();
  auto events = [&](ArrayAttr &list) { return parseEventRefList(parser, list, grid.size()); };
  auto accesses = [&](ArrayAttr &list) { return parseAccessList(parser, list, grid.size()); };
  if (parseOptionalList(parser, "waits", properties.waits, events) ||
      parseOptionalList(parser, "signals", properties.signals, events) ||
      parseOptionalList(parser, "reads", properties.reads, accesses) ||
      parseOptionalList(parser, "writes", properties.writes, accesses))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("must_write")) && accesses(properties.must_write))
    return failure();
  int64_t flops = 0, bytes = 0;
  if (succeeded(parser.parseOptionalKeyword("cost")) && (parser.parseInteger(flops) || parser.parseKeyword("flops") ||
                                                         parser.parseInteger(bytes) || parser.parseKeyword("bytes")))
    return failure();
  properties.body = FlatSymbolRefAttr::get(body);
  properties.grid = parser.getBuilder().getDenseI64ArrayAttr(grid);
  properties.flops = parser.getBuilder().getI64IntegerAttr(flops);
  properties.bytes = parser.getBuilder().getI64IntegerAttr(bytes);
  return parser.parseOptionalAttrDict(result.attributes);
}

void LaunchOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << " body ";
  printer.printSymbolName(getBody());
  printer << " grid ";
  printIntegers(printer, getGrid());
  printer << " args";
  printArgumentList(printer, getArguments());
  for (auto [keyword, list] : {std::pair("waits", getWaits()), std::pair("signals", getSignals())})
    if (!list.empty()) {
      printer << ' ' << keyword << ' ';
      printEventRefList(printer, list);
    }
  auto printAccesses = [&](StringRef keyword, ArrayAttr list) {
    printer.printNewline();
    printer << "    " << keyword << ' ';
    printAccessList(printer, list);
  };
  if (!getReads().empty())
    printAccesses("reads", getReads());
  if (!getWrites().empty())
    printAccesses("writes", getWrites());
  if (getMustWrite())
    printAccesses("must_write", *getMustWrite());
  if (getFlops() != 0 || getBytes() != 0)
    printer << " cost " << getFlops() << " flops " << getBytes() << " bytes";
  printer.printOptionalAttrDict((*this)->getAttrs(), {"sym_name", "body", "grid", "arguments", "waits", "signals",
                                                      "reads", "writes", "must_write", "flops", "bytes"});
}

LogicalResult LaunchOp::verify() {
  if (getGrid().empty() || getGrid().size() > 3)
    return emitOpError() << "expects a grid of rank 1 to 3, but got " << getGrid().size();
  for (int64_t extent : getGrid())
    if (extent < 1)
      return emitOpError() << "expects grid extents >= 1, but got " << extent;
  return success();
}

/// Checks that each box has the rank of its buffer. Bounds are the program verifier's business: it sees every task.
static LogicalResult verifyAccesses(LaunchOp op, ArrayAttr accesses, SymbolTableCollection &tables) {
  for (auto access : accesses.getAsRange<AccessAttr>()) {
    auto buffer = tables.lookupNearestSymbolFrom<BufferOp>(op, access.getBuffer());
    if (!buffer)
      return op.emitOpError() << "accesses " << access.getBuffer() << ", which is not a buffer of the program";
    size_t rank = buffer.getMemRefType().getRank();
    if (access.getOffsets().getNumResults() != rank || access.getSizes().size() != rank)
      return op.emitOpError() << "expects a box of rank " << rank << " for " << access.getBuffer() << ", but got "
                              << access.getOffsets().getNumResults() << " offsets and " << access.getSizes().size()
                              << " sizes";
  }
  return success();
}

static LogicalResult verifyEvents(LaunchOp op, ArrayAttr events, SymbolTableCollection &tables) {
  for (auto ref : events.getAsRange<EventRefAttr>()) {
    auto event = tables.lookupNearestSymbolFrom<EventOp>(op, ref.getEvent());
    if (!event)
      return op.emitOpError() << "names " << ref.getEvent() << ", which is not an event of the program";
    if ((event.getCount() != 1) != (ref.getIndex().getNumResults() == 1))
      return op.emitOpError() << "expects an index for " << ref.getEvent()
                              << " exactly if it has several counters, but it has " << event.getCount();
  }
  return success();
}

/// Type that `argument` has inside the body; null after reporting an error.
static Type argumentType(LaunchOp op, ArgumentAttr argument, SymbolTableCollection &tables) {
  if (argument.isInteger())
    return IndexType::get(op.getContext());
  auto buffer = tables.lookupNearestSymbolFrom<BufferOp>(op, argument.getBuffer());
  if (!buffer) {
    op.emitOpError() << "passes " << argument.getBuffer() << ", which is not a buffer of the program";
    return {};
  }
  MemRefType type = buffer.getMemRefType();
  if (static_cast<int64_t>(argument.getLeading().size()) > type.getRank()) {
    op.emitOpError() << "expects at most " << type.getRank() << " leading indices for " << argument.getBuffer()
                     << ", but got " << argument.getLeading().size();
    return {};
  }
  for (auto [index, extent] : llvm::zip(argument.getLeading(), type.getShape()))
    if (index < 0 || index >= extent) {
      op.emitOpError() << "expects a leading index of " << argument.getBuffer() << " in [0, " << extent << "), but got "
                       << index;
      return {};
    }
  return MemRefType::get(type.getShape().drop_front(argument.getLeading().size()), type.getElementType());
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &tables) {
  auto body = tables.lookupNearestSymbolFrom<BodyOp>(*this, getBodyAttr());
  if (!body)
    return emitOpError() << "runs " << getBodyAttr() << ", which is not a body of the program";
  SmallVector<Type> types(getGrid().size(), IndexType::get(getContext()));
  for (auto argument : getArguments().getAsRange<ArgumentAttr>()) {
    types.push_back(argumentType(*this, argument, tables));
    if (!types.back())
      return failure();
  }
  if (TypeRange(types) != TypeRange(body.getBody().front().getArgumentTypes()))
    return emitOpError() << "expects arguments of types " << body.getBody().front().getArgumentTypes() << ", but got "
                         << types;
  for (ArrayAttr accesses : {getReads(), getWrites(), getMustWrite().value_or(ArrayAttr())})
    if (accesses && failed(verifyAccesses(*this, accesses, tables)))
      return failure();
  return failure(failed(verifyEvents(*this, getWaits(), tables)) || failed(verifyEvents(*this, getSignals(), tables)));
}

//===----------------------------------------------------------------------===//
// Schedule
//===----------------------------------------------------------------------===//

ParseResult ScheduleOp::parse(OpAsmParser &parser, OperationState &result) {
  int64_t workers;
  SmallVector<Attribute> queues;
  SMLoc loc;
  if (parser.parseKeyword("workers") || parser.getCurrentLocation(&loc) || parser.parseInteger(workers) ||
      parser.parseLBrace())
    return failure();
  while (succeeded(parser.parseOptionalKeyword("queue"))) {
    int64_t number;
    ArrayAttr ranges;
    if (parser.parseInteger(number) || parseQueue(parser, ranges))
      return failure();
    if (number != static_cast<int64_t>(queues.size()))
      return parser.emitError(loc) << "expects queues in order, but got " << number << " after " << queues.size()
                                   << " queues";
    queues.push_back(ranges);
  }
  if (workers != static_cast<int64_t>(queues.size()))
    return parser.emitError(loc) << "expects one queue per worker, but got " << queues.size() << " for " << workers;
  result.getOrAddProperties<Properties>().queues = parser.getBuilder().getArrayAttr(queues);
  return failure(parser.parseRBrace() || parser.parseOptionalAttrDict(result.attributes));
}

void ScheduleOp::print(OpAsmPrinter &printer) {
  printer << " workers " << getQueues().size() << " {";
  for (auto [number, queue] : llvm::enumerate(getQueues().getAsRange<ArrayAttr>())) {
    printer.printNewline();
    printer << "    queue " << number << ' ';
    printQueue(printer, queue);
  }
  printer.printNewline();
  printer << "  }";
  printer.printOptionalAttrDict((*this)->getAttrs(), {"queues"});
}

LogicalResult ScheduleOp::verifySymbolUses(SymbolTableCollection &tables) {
  for (auto queue : getQueues().getAsRange<ArrayAttr>())
    for (auto range : queue.getAsRange<RangeAttr>()) {
      auto launch = tables.lookupNearestSymbolFrom<LaunchOp>(*this, range.getLaunch());
      if (!launch)
        return emitOpError() << "names " << range.getLaunch() << ", which is not a launch of the program";
      if (range.getBegin() < 0 || range.getBegin() >= range.getEnd() || range.getEnd() > launch.getNumTasks())
        return emitOpError() << "expects a range of tasks in [0, " << launch.getNumTasks() << ") of "
                             << range.getLaunch() << ", but got " << range.getBegin() << " to " << range.getEnd();
    }
  return success();
}
