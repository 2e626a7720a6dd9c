// ingot-add-sampling: decoder entries choose the next token themselves.
#include "dialects/Ingot/Ingot.h"
#include "ingot/Model/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringSet.h"

namespace ingot {
#define GEN_PASS_DEF_ADDSAMPLING
#include "lib/Model/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// What a decoder entry has, by role.
struct Decoder {
  func::FuncOp func;
  BlockArgument tokens, start, count;
  unsigned logits = 0;
  RankedTensorType logitsType;
};

BlockArgument argumentOfRole(func::FuncOp func, StringRef role) {
  for (BlockArgument argument : func.getArguments())
    if (auto attribute = func.getArgAttrOfType<StringAttr>(argument.getArgNumber(), IngotDialect::kRole))
      if (attribute.getValue() == role)
        return argument;
  return {};
}

std::optional<unsigned> resultOfRole(func::FuncOp func, StringRef role) {
  for (unsigned i = 0; i < func.getNumResults(); ++i)
    if (auto attribute = func.getResultAttrOfType<StringAttr>(i, IngotDialect::kRole))
      if (attribute.getValue() == role)
        return i;
  return std::nullopt;
}

/// The parts of a decoder entry that does not sample yet; none for other entries.
std::optional<Decoder> findDecoder(func::FuncOp func) {
  Decoder decoder = {
      func, argumentOfRole(func, "tokens"), argumentOfRole(func, "start"), argumentOfRole(func, "count"), 0, {}};
  std::optional<unsigned> logits = resultOfRole(func, "logits");
  if (!decoder.tokens || !decoder.start || !decoder.count || !logits || resultOfRole(func, "next"))
    return std::nullopt;
  decoder.logits = *logits;
  decoder.logitsType = dyn_cast<RankedTensorType>(func.getResultTypes()[*logits]);
  auto isI32 = [](BlockArgument argument) { return getElementTypeOrSelf(argument.getType()).isInteger(32); };
  if (!decoder.logitsType || decoder.logitsType.getRank() != 3 ||
      !isa<FloatType>(decoder.logitsType.getElementType()) || !isI32(decoder.tokens) || !isI32(decoder.start) ||
      !isI32(decoder.count))
    return std::nullopt;
  return decoder;
}

/// Adds the operations, inputs, the state and the output of sampling to one entry.
class EntryRewriter {
public:
  EntryRewriter(Decoder decoder, StateOp state)
      : decoder(std::move(decoder)), func(this->decoder.func), b(func.getContext()), state(state) {
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      if (auto name = func.getArgAttrOfType<StringAttr>(i, IngotDialect::kInput))
        names.insert(name.getValue());
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (auto name = func.getResultAttrOfType<StringAttr>(i, IngotDialect::kOutput))
        names.insert(name.getValue());
  }

  void run() {
    auto terminator = cast<func::ReturnOp>(func.getBody().front().getTerminator());
    b.setInsertionPoint(terminator);
    Location loc = terminator.getLoc();
    Value sampled = addInput("sampled", b.getI32Type());
    Value temperature = addInput("temperature", b.getF32Type());
    Value topK = addInput("top_k", b.getI32Type()), topP = addInput("top_p", b.getF32Type());
    Value presence = addInput("presence_penalty", b.getF32Type());
    Value frequency = addInput("frequency_penalty", b.getF32Type());
    Value repetition = addInput("repetition_penalty", b.getF32Type());
    Value seed = addInput("seed", b.getI64Type());
    auto symbol = b.getNamedAttr(IngotDialect::kState, FlatSymbolRefAttr::get(state));
    Value before = addArgument(state.getTensorType(), {symbol});
    Value counts =
        CountTokensOp::create(b, loc, before.getType(), decoder.tokens, before, decoder.start, decoder.count, sampled);
    Value next = SampleOp::create(b, loc, terminator.getOperand(decoder.logits), decoder.start, decoder.count, counts,
                                  temperature, topK, topP, presence, frequency, repetition, seed);
    addResult(terminator, next,
              {b.getNamedAttr(IngotDialect::kOutput, b.getStringAttr(unusedName("next"))),
               b.getNamedAttr(IngotDialect::kRole, b.getStringAttr("next"))});
    addResult(terminator, counts, {symbol});
  }

private:
  std::string unusedName(StringRef name) {
    std::string result = name.str();
    while (!names.insert(result).second)
      result += "_";
    return result;
  }

  /// Behind those that are there, so that callers who do not sample can leave the last inputs out.
  Value addArgument(Type type, ArrayRef<NamedAttribute> attributes) {
    unsigned index = func.getNumArguments();
    (void)func.insertArgument(index, type, b.getDictionaryAttr(attributes), func.getLoc());
    return func.getArgument(index);
  }

  Value addInput(StringRef role, Type element) {
    auto type = RankedTensorType::get({decoder.logitsType.getDimSize(0)}, element);
    return addArgument(type, {b.getNamedAttr(IngotDialect::kInput, b.getStringAttr(unusedName(role))),
                              b.getNamedAttr(IngotDialect::kRole, b.getStringAttr(role))});
  }

  void addResult(func::ReturnOp terminator, Value value, ArrayRef<NamedAttribute> attributes) {
    terminator->insertOperands(terminator->getNumOperands(), value);
    (void)func.insertResult(func.getNumResults(), value.getType(), b.getDictionaryAttr(attributes));
  }

  Decoder decoder;
  func::FuncOp func;
  OpBuilder b;
  StateOp state;
  llvm::StringSet<> names;
};

struct AddSamplingPass : ingot::impl::AddSamplingBase<AddSamplingPass> {
  using AddSamplingBase::AddSamplingBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      std::optional<Decoder> decoder;
      if (func.isPublic() && !func.isDeclaration())
        decoder = findDecoder(func);
      if (!decoder)
        continue;
      StateOp state = stateFor(*decoder);
      if (!state)
        return signalPassFailure();
      EntryRewriter(*decoder, state).run();
    }
  }

  /// The counts that all entries share; null after an error.
  StateOp stateFor(Decoder decoder) {
    OpBuilder b(decoder.func);
    auto type =
        RankedTensorType::get({decoder.logitsType.getDimSize(0), 2, decoder.logitsType.getDimSize(2)}, b.getI32Type());
    Operation *found = SymbolTable::lookupSymbolIn(getOperation(), stateName);
    if (!found)
      return StateOp::create(b, decoder.func.getLoc(), stateName, APFloat(0.0), type, FlatSymbolRefAttr());
    auto state = dyn_cast<StateOp>(found);
    if (state && state.getTensorType() == type)
      return state;
    decoder.func->emitError() << "expects '@" << stateName << "' to be a state of type " << type
                              << " that all decoder entries share";
    return {};
  }
};

} // namespace
