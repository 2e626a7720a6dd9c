// ingot-kv-in-place: past and present of an imported decoder become one state.
#include "KvCache.h"

#include "dialects/Ingot/Ingot.h"
#include "ingot/Model/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

namespace ingot {
#define GEN_PASS_DEF_KVINPLACE
#include "lib/Model/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

namespace {

/// Rewrites one entry whose interface and uses have been checked.
class EntryRewriter {
public:
  EntryRewriter(CachedDecoder &decoder, StateOp state) : decoder(decoder), func(decoder.func), state(state) {}

  void run() {
    addArguments();
    replaceInputs();
    // The state goes through the layers in program order.
    Value cache = kv;
    for (CacheLayer &layer : decoder.layers)
      cache = rewriteLayer(layer, cache);
    finishSignature(cache);
  }

private:
  BlockArgument addArgument(Type type, StringRef attribute, Attribute value, StringRef role) {
    OpBuilder b(func.getContext());
    SmallVector<NamedAttribute> attributes = {b.getNamedAttr(attribute, value)};
    if (!role.empty())
      attributes.push_back(b.getNamedAttr(IngotDialect::kRole, b.getStringAttr(role)));
    unsigned index = numAdded++;
    (void)func.insertArgument(index, type, b.getDictionaryAttr(attributes), func.getLoc());
    return func.getArgument(index);
  }

  void addArguments() {
    OpBuilder b(func.getContext());
    auto slots = RankedTensorType::get({decoder.batch}, b.getI32Type());
    auto rows = RankedTensorType::get({decoder.batch, decoder.rows}, b.getI32Type());
    auto input = [&](StringRef name, Type type) {
      return addArgument(type, IngotDialect::kInput, b.getStringAttr(name), name);
    };
    tokens = input("tokens", rows);
    start = input("start", slots);
    count = input("count", slots);
    kv = addArgument(state.getType(), IngotDialect::kState, FlatSymbolRefAttr::get(state), "");
  }

  /// `value` (i32) in the element type of `argument`, in place of it.
  void replaceArgument(OpBuilder &b, BlockArgument argument, Value value) {
    if (value.getType() != argument.getType())
      value = arith::ExtSIOp::create(b, argument.getLoc(), argument.getType(), value);
    argument.replaceAllUsesWith(value);
  }

  void replaceInputs() {
    OpBuilder b = OpBuilder::atBlockBegin(&func.getBody().front());
    replaceArgument(b, decoder.tokens, tokens);
    auto type = cast<RankedTensorType>(tokens.getType());
    Value positions = PositionsOp::create(b, func.getLoc(), type, start);
    if (decoder.positions)
      replaceArgument(b, decoder.positions, positions);
    for (OpOperand *use : decoder.constantPositions)
      use->set(positions);
    if (decoder.attentionMask) {
      auto maskType = cast<RankedTensorType>(decoder.attentionMask.getType());
      auto one = b.getOneAttr(maskType.getElementType());
      Value ones = arith::ConstantOp::create(b, func.getLoc(), DenseElementsAttr::get(maskType, one));
      decoder.attentionMask.replaceAllUsesWith(ones);
    }
  }

  /// The new rows of a concatenation as [batch, rows, kv_heads, d].
  Value newRows(OpBuilder &b, tensor::ConcatOp concat) {
    return transposeTo(b, concat.getLoc(), concat.getInputs()[1], {0, 2, 1, 3});
  }

  Value page(OpBuilder &b, Location loc, Value cache, int64_t layer, int64_t which) {
    auto type = cast<RankedTensorType>(cache.getType());
    SmallVector<OpFoldResult> offsets(6, b.getIndexAttr(0)), strides(6, b.getIndexAttr(1)), sizes;
    offsets[0] = b.getIndexAttr(layer);
    offsets[1] = b.getIndexAttr(which);
    for (int64_t extent : type.getShape())
      sizes.push_back(b.getIndexAttr(extent));
    sizes[0] = sizes[1] = b.getIndexAttr(1);
    auto pageType = RankedTensorType::get(type.getShape().drop_front(2), type.getElementType());
    return tensor::ExtractSliceOp::create(b, loc, pageType, cache, offsets, sizes, strides);
  }

  Value rewriteLayer(CacheLayer &layer, Value cache) {
    OpBuilder b(layer.last());
    Location loc = layer.last()->getLoc();
    Value next = KvAppendOp::create(b, loc, cache.getType(), newRows(b, layer.key), newRows(b, layer.value), cache,
                                    b.getI64IntegerAttr(layer.number), start, count);
    for (const CachedAttention &use : layer.attentions) {
      AttentionOp op = use.op;
      b.setInsertionPoint(op);
      Value keys = page(b, op.getLoc(), next, layer.number, 0), values = page(b, op.getLoc(), next, layer.number, 1);
      auto replacement = AttentionOp::create(
          b, op.getLoc(), op.getOut().getType(), op.getLse() ? op.getLse().getType() : Type(), op.getQuery(), keys,
          values, start, count, Value(), use.causal ? b.getUnitAttr() : UnitAttr(), op.getScaleAttr());
      op->replaceAllUsesWith(replacement->getResults());
      op->erase();
    }
    return next;
  }

  /// Past and present leave the signature, the state joins it.
  void finishSignature(Value cache) {
    auto terminator = cast<func::ReturnOp>(func.getBody().front().getTerminator());
    llvm::BitVector results(func.getNumResults()), arguments(func.getNumArguments());
    for (CacheLayer &layer : decoder.layers) {
      results.set(layer.presentKey);
      results.set(layer.presentValue);
      arguments.set(layer.pastKey.getArgNumber());
      arguments.set(layer.pastValue.getArgNumber());
    }
    for (BlockArgument argument : {decoder.tokens, decoder.positions, decoder.attentionMask})
      if (argument)
        arguments.set(argument.getArgNumber());
    OpBuilder b(func.getContext());
    func.setResultAttr(decoder.logits, IngotDialect::kRole, b.getStringAttr("logits"));
    terminator->eraseOperands(results);
    (void)func.eraseResults(results);
    terminator->insertOperands(terminator->getNumOperands(), cache);
    auto stateAttribute = b.getNamedAttr(IngotDialect::kState, FlatSymbolRefAttr::get(state));
    (void)func.insertResult(func.getNumResults(), cache.getType(), b.getDictionaryAttr(stateAttribute));
    for (CacheLayer &layer : decoder.layers) {
      layer.key.erase();
      layer.value.erase();
    }
    (void)func.eraseArguments(arguments);
  }

  CachedDecoder &decoder;
  func::FuncOp func;
  StateOp state;
  unsigned numAdded = 0;
  BlockArgument tokens, start, count, kv;
};

struct KvInPlacePass : ingot::impl::KvInPlaceBase<KvInPlacePass> {
  using KvInPlaceBase::KvInPlaceBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    KvInPlaceBase::getDependentDialects(registry);
    registerFoldingDependencies(registry);
  }

  void runOnOperation() override {
    for (auto func : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (!hasPastInputs(func))
        continue;
      auto decoder = findCachedDecoder(func, finiteMasks);
      if (failed(decoder))
        return signalPassFailure();
      StateOp state = findState(*decoder);
      if (!state)
        return signalPassFailure();
      EntryRewriter(*decoder, state).run();
    }
  }

  /// The state of all entries; null after an error.
  StateOp findState(CachedDecoder &decoder) {
    auto page = cast<RankedTensorType>(decoder.layers.front().key.getType());
    SmallVector<int64_t> shape = {static_cast<int64_t>(decoder.layers.size()), 2};
    llvm::append_range(shape, page.getShape());
    auto type = RankedTensorType::get(shape, page.getElementType());
    if (Operation *found = SymbolTable::lookupSymbolIn(getOperation(), stateName)) {
      auto state = dyn_cast<StateOp>(found);
      if (state && state.getTensorType() == type)
        return state;
      auto diag = decoder.func.emitError() << "expects '@" << stateName << "' to be a state of type " << type
                                           << " that all entries share, but got ";
      state ? diag << state.getTensorType() : diag << "'" << found->getName() << "'";
      return {};
    }
    OpBuilder b(decoder.func);
    auto state = StateOp::create(b, decoder.func.getLoc(), stateName, APFloat(0.0), type, FlatSymbolRefAttr());
    state->setAttr(IngotDialect::kFrom, b.getArrayAttr(originsOf(decoder)));
    return state;
  }

  /// Names of the inputs and outputs that the state stands for, so that tools can show them.
  static SmallVector<Attribute> originsOf(CachedDecoder &decoder) {
    SmallVector<Attribute> names;
    for (CacheLayer &layer : decoder.layers) {
      for (BlockArgument past : {layer.pastKey, layer.pastValue})
        names.push_back(decoder.func.getArgAttr(past.getArgNumber(), IngotDialect::kInput));
      for (unsigned present : {layer.presentKey, layer.presentValue})
        names.push_back(decoder.func.getResultAttr(present, IngotDialect::kOutput));
    }
    return names;
  }
};

} // namespace
