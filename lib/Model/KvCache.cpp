#include "KvCache.h"

#include "mlir/Analysis/SliceAnalysis.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

namespace {

constexpr StringLiteral kPast = "past_key_values.", kPresent = "present.";

/// The layer and key or value of a name such as past_key_values.3.key.
struct CacheName {
  int64_t layer;
  bool isKey;
};

std::optional<CacheName> parseName(Attribute attribute, StringRef prefix) {
  auto string = dyn_cast_if_present<StringAttr>(attribute);
  StringRef name = string ? string.getValue() : StringRef();
  int64_t layer;
  if (!name.consume_front(prefix) || name.consumeInteger(10, layer) || (name != ".key" && name != ".value"))
    return std::nullopt;
  return CacheName{layer, name == ".key"};
}

StringRef textOf(Attribute attribute) {
  auto string = dyn_cast_if_present<StringAttr>(attribute);
  return string ? string.getValue() : StringRef();
}

class Finder {
public:
  Finder(func::FuncOp func, bool finiteMasks) : finiteMasks(finiteMasks) { decoder.func = func; }

  FailureOr<CachedDecoder> run() {
    if (failed(readSignature()) || failed(readUses()) || failed(checkAttentions()) || failed(checkPositions()))
      return failure();
    llvm::sort(decoder.layers, [](CacheLayer &a, CacheLayer &b) { return a.last()->isBeforeInBlock(b.last()); });
    return std::move(decoder);
  }

private:
  func::ReturnOp terminator() { return cast<func::ReturnOp>(decoder.func.getBody().front().getTerminator()); }
  InFlightDiagnostic error() { return decoder.func.emitError(); }

  /// The layer of that number, made when it is new.
  CacheLayer &layer(int64_t number) {
    for (CacheLayer &layer : decoder.layers)
      if (layer.number == number)
        return layer;
    decoder.layers.push_back({});
    decoder.layers.back().number = number;
    return decoder.layers.back();
  }

  //===--------------------------------------------------------------------===//
  // The signature
  //===--------------------------------------------------------------------===//

  LogicalResult readInput(unsigned i, StringRef name) {
    func::FuncOp func = decoder.func;
    BlockArgument argument = func.getArgument(i);
    if (auto past = parseName(func.getArgAttr(i, IngotDialect::kInput), kPast)) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!type || type.getRank() != 4 || !isa<FloatType>(type.getElementType()))
        return error() << "expects '" << name << "' to be of type [batch, kv_heads, past, d], but got "
                       << argument.getType();
      (past->isKey ? layer(past->layer).pastKey : layer(past->layer).pastValue) = argument;
      return success();
    }
    if (name.starts_with(kPast))
      return error() << "expects names of the form 'past_key_values.N.key' or '.value', but got '" << name << "'";
    if (name == "input_ids")
      decoder.tokens = argument;
    else if (name == "position_ids")
      decoder.positions = argument;
    else if (name == "attention_mask")
      decoder.attentionMask = argument;
    return success();
  }

  LogicalResult readSignature() {
    func::FuncOp func = decoder.func;
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      if (StringRef name = textOf(func.getArgAttr(i, IngotDialect::kInput)); !name.empty())
        if (failed(readInput(i, name)))
          return failure();
    std::map<std::pair<int64_t, bool>, unsigned> presents;
    std::optional<unsigned> logits;
    for (unsigned i = 0; i < func.getNumResults(); ++i) {
      Attribute name = func.getResultAttr(i, IngotDialect::kOutput);
      if (auto present = parseName(name, kPresent))
        presents[{present->layer, present->isKey}] = i;
      else if (textOf(name) == "logits")
        logits = i;
    }
    if (!logits)
      return error() << "expects a decoder with past inputs to have an output 'logits', but got none";
    decoder.logits = *logits;
    return readLayers(presents);
  }

  LogicalResult readLayers(const std::map<std::pair<int64_t, bool>, unsigned> &presents) {
    llvm::sort(decoder.layers, [](const CacheLayer &a, const CacheLayer &b) { return a.number < b.number; });
    for (auto [i, layer] : llvm::enumerate(decoder.layers)) {
      if (layer.number != static_cast<int64_t>(i))
        return error() << "expects past inputs of layers 0, 1, ..., but got none of layer " << i;
      for (bool isKey : {true, false}) {
        StringRef kind = isKey ? "key" : "value";
        if (!(isKey ? layer.pastKey : layer.pastValue))
          return error() << "expects an input 'past_key_values." << i << "." << kind << "', but got none";
        auto present = presents.find({layer.number, isKey});
        if (present == presents.end())
          return error() << "expects an output 'present." << i << "." << kind << "', but got none";
        (isKey ? layer.presentKey : layer.presentValue) = present->second;
      }
    }
    if (presents.size() != 2 * decoder.layers.size())
      return error() << "expects one 'present' output per 'past_key_values' input, but got " << presents.size()
                     << " and " << 2 * decoder.layers.size();
    return readShapes();
  }

  LogicalResult readShapes() {
    auto tokens = decoder.tokens ? dyn_cast<RankedTensorType>(decoder.tokens.getType()) : RankedTensorType();
    if (!tokens || tokens.getRank() != 2 || !tokens.getElementType().isIntOrIndex())
      return error() << "expects a decoder with past inputs to have an integer input 'input_ids' of rank 2, but got "
                     << (tokens ? "another type" : "none");
    auto past = cast<RankedTensorType>(decoder.layers.front().pastKey.getType());
    decoder.batch = tokens.getDimSize(0);
    decoder.rows = tokens.getDimSize(1);
    decoder.past = past.getDimSize(2);
    if (past.getDimSize(0) != decoder.batch)
      return error() << "expects caches for " << decoder.batch << " sequences, but got " << past;
    if (decoder.positions && cast<RankedTensorType>(decoder.positions.getType()).getShape() != tokens.getShape())
      return error() << "expects 'position_ids' of the shape of 'input_ids', but got " << decoder.positions.getType();
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Concatenations
  //===--------------------------------------------------------------------===//

  LogicalResult readConcat(CacheLayer &layer, BlockArgument past, bool isKey) {
    std::string name = (kPast + Twine(layer.number) + (isKey ? ".key" : ".value")).str();
    for (Operation *user : past.getUsers()) {
      auto concat = dyn_cast<tensor::ConcatOp>(user);
      if (!concat || concat.getDim() != 2 || concat.getInputs().size() != 2 || concat.getInputs()[0] != past ||
          !past.hasOneUse())
        return user->emitError()
               << "expects '" << name
               << "' to be used once, as the first part of a 'tensor.concat' along dimension 2, but got '"
               << user->getName() << "'";
      (isKey ? layer.key : layer.value) = concat;
    }
    tensor::ConcatOp concat = isKey ? layer.key : layer.value;
    if (!concat)
      return error() << "expects '" << name << "' to be used by a 'tensor.concat', but got no use";
    unsigned present = isKey ? layer.presentKey : layer.presentValue;
    if (terminator().getOperand(present) != concat.getResult())
      return error() << "expects '" << kPresent << layer.number << (isKey ? ".key" : ".value")
                     << "' to be the concatenation with '" << name << "', but got another value";
    auto type = cast<RankedTensorType>(concat.getType());
    if (type != decoder.layers.front().key.getType())
      return concat.emitError() << "expects one cache type for all layers, " << decoder.layers.front().key.getType()
                                << ", but got " << type;
    if (type.getDimSize(2) != decoder.past + decoder.rows)
      return concat.emitError() << "expects as many new rows as tokens, " << decoder.rows << ", but got "
                                << type.getDimSize(2) - decoder.past;
    return success();
  }

  LogicalResult readUses() {
    for (CacheLayer &layer : decoder.layers)
      if (failed(readConcat(layer, layer.pastKey, true)) || failed(readConcat(layer, layer.pastValue, false)))
        return failure();
    for (CacheLayer &layer : decoder.layers)
      if (failed(readAttentions(layer)))
        return failure();
    return success();
  }

  LogicalResult readAttentions(CacheLayer &layer) {
    for (tensor::ConcatOp concat : {layer.key, layer.value})
      for (OpOperand &use : concat->getUses()) {
        Operation *user = use.getOwner();
        auto attention = dyn_cast<AttentionOp>(user);
        if (user == terminator() &&
            use.getOperandNumber() == (concat == layer.key ? layer.presentKey : layer.presentValue))
          continue;
        if (!attention || attention.getKey() != layer.key.getResult() ||
            attention.getValue() != layer.value.getResult() || attention.getQuery() == concat.getResult() ||
            attention.getStart())
          return user->emitError() << "expects the cache of layer " << layer.number
                                   << " to be read only by 'ingot.attention' as its keys and values, but got '"
                                   << user->getName() << "'";
        if (concat == layer.key)
          layer.attentions.push_back({attention});
      }
    return success();
  }

  //===--------------------------------------------------------------------===//
  // Masks and positions
  //===--------------------------------------------------------------------===//

  /// What the contract makes of the inputs when the whole past is filled: positions past + c, and nothing padded.
  KnownValues knownInputs() {
    KnownValues known;
    if (decoder.positions) {
      auto type = cast<RankedTensorType>(decoder.positions.getType());
      std::vector<int64_t> positions;
      for (int64_t i = 0; i < decoder.batch * decoder.rows; ++i)
        positions.push_back(decoder.past + i % decoder.rows);
      known[decoder.positions] =
          interpreter::Array::ofInts(*interpreter::elementOf(type.getElementType()), type.getShape(), positions);
    }
    if (decoder.attentionMask) {
      auto type = cast<RankedTensorType>(decoder.attentionMask.getType());
      auto element = *interpreter::elementOf(type.getElementType());
      interpreter::Cell one;
      if (interpreter::isFloat(element))
        one.f = 1;
      else
        one.i = 1;
      known[decoder.attentionMask] = interpreter::Array::filled(element, type.getShape(), one);
    }
    return known;
  }

  LogicalResult checkAttentions() {
    KnownValues known = knownInputs();
    for (CacheLayer &layer : decoder.layers)
      for (CachedAttention &use : layer.attentions) {
        AttentionOp op = use.op;
        auto query = cast<RankedTensorType>(op.getQuery().getType());
        if (query.getDimSize(1) != decoder.rows)
          return op.emitError() << "expects attention over the cache with a row per token, " << decoder.rows
                                << ", but got " << query.getDimSize(1);
        use.causal = op.getCausal() || decoder.rows == 1;
        if (!op.getBias())
          continue;
        SmallVector<int64_t> space = {decoder.batch, query.getDimSize(2), decoder.rows, decoder.past + decoder.rows};
        Visibility visibility = classify({termOf(op.getBias())}, 2, 3, space, known, finiteMasks);
        if (visibility == Visibility::Other)
          return op.emitError() << "expects attention over the cache of layer " << layer.number
                                << " to have no bias but the causal mask, but got another one";
        use.causal |= visibility == Visibility::Causal;
      }
    return success();
  }

  bool dependsOnInputs(Value value) {
    SetVector<Operation *> slice;
    BackwardSliceOptions options;
    options.inclusive = true;
    (void)getBackwardSlice(value, &slice, options);
    auto reads = [&](Operation *op) { return llvm::is_contained(op->getOperands(), Value(decoder.positions)); };
    return decoder.positions && (value == decoder.positions || llvm::any_of(slice, reads));
  }

  /// Positions that are constants are counted from the fixed past that the import assumed: past + c becomes start + c.
  LogicalResult checkPositions() {
    WalkResult result = decoder.func.walk([&](RopeOp rope) -> WalkResult {
      auto constant = evaluate(rope.getPositions(), KnownValues());
      if (!constant || dependsOnInputs(rope.getCos()))
        return WalkResult::advance();
      for (auto [i, position] : llvm::enumerate(constant->ints()))
        if (position != decoder.past + static_cast<int64_t>(i) % decoder.rows) {
          rope.emitError()
              << "expects positions from 'position_ids', or the past's length and up, but got the constant "
              << position;
          return WalkResult::interrupt();
        }
      decoder.constantPositions.push_back(&rope.getPositionsMutable());
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  CachedDecoder decoder;
  bool finiteMasks;
};

} // namespace

bool model::hasPastInputs(func::FuncOp func) {
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    if (textOf(func.getArgAttr(i, IngotDialect::kInput)).starts_with(kPast))
      return true;
  return false;
}

FailureOr<CachedDecoder> model::findCachedDecoder(func::FuncOp func, bool finiteMasks) {
  return Finder(func, finiteMasks).run();
}
