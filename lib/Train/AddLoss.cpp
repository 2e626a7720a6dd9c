// ingot-add-loss: from a decoder over whole sequences to the loss of its predictions; see Passes.td.
#include "dialects/Ingot/Ingot.h"
#include "dialects/Ingot/Train.h"
#include "ingot/Train/Passes.h"
#include "runtime/formats/Manifest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/BitVector.h"

namespace ingot {
#define GEN_PASS_DEF_ADDLOSS
#include "lib/Train/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

StringRef textOf(Attribute attribute) {
  auto string = dyn_cast_if_present<StringAttr>(attribute);
  return string ? string.getValue() : StringRef();
}

/// Rewrites one function whose logits are found.
class LossAdder {
public:
  LossAdder(func::FuncOp func, double zLoss) : func(func), builder(func.getContext()), zLoss(zLoss) {}

  LogicalResult run() {
    if (failed(findLogits()) || failed(findTokens()) || failed(replaceInputs()))
      return failure();
    addLoss();
    return success();
  }

private:
  InFlightDiagnostic error() { return func.emitError() << "'" << func.getSymName() << "' "; }

  func::ReturnOp terminator() { return cast<func::ReturnOp>(func.getBody().front().getTerminator()); }

  LogicalResult findLogits() {
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (textOf(func.getResultAttr(i, IngotDialect::kRole)) == runtime::kRoleLogits ||
          textOf(func.getResultAttr(i, IngotDialect::kOutput)) == "logits")
        logits = terminator().getOperand(i);
    auto type = logits ? dyn_cast<RankedTensorType>(logits.getType()) : RankedTensorType();
    if (!type || type.getRank() != 3 || !isa<FloatType>(type.getElementType()))
      return error() << "expects an output 'logits' of type [batch, rows, vocabulary], but got "
                     << (type ? "another type" : "none");
    return success();
  }

  LogicalResult findTokens() {
    for (BlockArgument argument : func.getArguments())
      if (textOf(func.getArgAttr(argument.getArgNumber(), IngotDialect::kRole)) == runtime::kRoleTokens ||
          textOf(func.getArgAttr(argument.getArgNumber(), IngotDialect::kInput)) == "input_ids")
        tokens = argument;
    auto type = tokens ? dyn_cast<RankedTensorType>(tokens.getType()) : RankedTensorType();
    ArrayRef<int64_t> rows = cast<RankedTensorType>(logits.getType()).getShape().drop_back();
    if (!type || !type.getElementType().isInteger() || type.getShape() != rows)
      return error() << "expects an integer input 'input_ids' with as many rows as 'logits', but got "
                     << (type ? "another type" : "none");
    return success();
  }

  /// Inputs of a decoder other than its tokens have one value when a sequence is read from its beginning.
  LogicalResult replaceInputs() {
    builder.setInsertionPointToStart(&func.getBody().front());
    for (BlockArgument argument : func.getArguments()) {
      StringRef name = textOf(func.getArgAttr(argument.getArgNumber(), IngotDialect::kInput));
      if (name.empty() || argument == tokens)
        continue;
      if (cast<ShapedType>(argument.getType()).getNumElements() == 0)
        leaveConcatenations(argument);
      FailureOr<Value> value = valueOf(name, argument);
      if (failed(value))
        return failure();
      argument.replaceAllUsesWith(*value);
      obsolete.push_back(argument.getArgNumber());
    }
    return success();
  }

  /// A concatenation with nothing is the rest of it.
  void leaveConcatenations(Value empty) {
    for (Operation *user : llvm::make_early_inc_range(empty.getUsers()))
      if (auto concat = dyn_cast<tensor::ConcatOp>(user); concat && concat.getInputs().size() == 2) {
        concat.getResult().replaceAllUsesWith(concat.getInputs()[concat.getInputs()[0] == empty ? 1 : 0]);
        concat.erase();
      }
  }

  FailureOr<Value> valueOf(StringRef name, BlockArgument argument) {
    auto type = cast<RankedTensorType>(argument.getType());
    if (name.starts_with("past_key_values.") && type.getNumElements() == 0)
      return constant(DenseElementsAttr::get(type, ArrayRef<Attribute>()));
    bool ofTokens = type.getElementType().isInteger() && type.getRank() == 2;
    if (name == "position_ids" && ofTokens)
      return constant(positions(type));
    if (name == "attention_mask" && ofTokens)
      return constant(DenseElementsAttr::get(type, cast<Attribute>(builder.getOneAttr(type.getElementType()))));
    return error() << "has an input '" << name << "' of type " << type
                   << ", and adding a loss to such a model is not supported yet";
  }

  Value constant(DenseElementsAttr value) { return arith::ConstantOp::create(builder, func.getLoc(), value); }

  /// 0, 1, ... along the last dimension.
  DenseElementsAttr positions(RankedTensorType type) {
    SmallVector<Attribute> values;
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      values.push_back(builder.getIntegerAttr(type.getElementType(), i % type.getShape().back()));
    return DenseElementsAttr::get(type, values);
  }

  BlockArgument addInput(StringRef role, Type element) {
    auto type = RankedTensorType::get(cast<RankedTensorType>(tokens.getType()).getShape(), element);
    Attribute name = builder.getStringAttr(role);
    NamedAttribute attributes[] = {builder.getNamedAttr(IngotDialect::kInput, name),
                                   builder.getNamedAttr(IngotDialect::kRole, name)};
    (void)func.insertArgument(numAdded, type, builder.getDictionaryAttr(attributes), func.getLoc());
    return func.getArgument(numAdded++);
  }

  /// The runtime's tokens are i32.
  void narrowTokens() {
    BlockArgument narrow = addInput(runtime::kRoleTokens, builder.getI32Type());
    builder.setInsertionPointToStart(&func.getBody().front());
    Value wide = narrow;
    if (tokens.getType() != narrow.getType())
      wide = arith::ExtSIOp::create(builder, func.getLoc(), tokens.getType(), narrow);
    tokens.replaceAllUsesWith(wide);
  }

  void addLoss() {
    narrowTokens();
    BlockArgument targets = addInput(runtime::kRoleTargets, builder.getI32Type());
    BlockArgument weights = addInput(runtime::kRoleWeights, builder.getF32Type());
    obsolete.push_back(tokens.getArgNumber() - numAdded);
    builder.setInsertionPoint(terminator());
    auto loss =
        CrossEntropyOp::create(builder, logits.getLoc(), logits, targets, weights, builder.getF64FloatAttr(zLoss));
    terminator()->setOperands(loss.getLoss());
    llvm::BitVector erased(func.getNumArguments());
    for (unsigned i : obsolete)
      erased.set(i + numAdded);
    (void)func.eraseArguments(erased);
    func.setType(builder.getFunctionType(func.getArgumentTypes(), loss.getLoss().getType()));
    Attribute name = builder.getStringAttr(runtime::kRoleLoss);
    DictionaryAttr attributes = builder.getDictionaryAttr(
        {builder.getNamedAttr(IngotDialect::kOutput, name), builder.getNamedAttr(IngotDialect::kRole, name)});
    func.setAllResultAttrs(ArrayRef(attributes));
  }

  func::FuncOp func;
  OpBuilder builder;
  double zLoss;
  Value logits;
  BlockArgument tokens;
  unsigned numAdded = 0;          // arguments in front
  SmallVector<unsigned> obsolete; // arguments, numbered as they were
};

bool returnsLoss(func::FuncOp func) {
  for (unsigned i = 0; i < func.getNumResults(); ++i)
    if (textOf(func.getResultAttr(i, IngotDialect::kRole)) == runtime::kRoleLoss)
      return true;
  return false;
}

struct AddLossPass : ingot::impl::AddLossBase<AddLossPass> {
  using AddLossBase::AddLossBase;

  void runOnOperation() override {
    auto func = SymbolTable(getOperation()).lookup<func::FuncOp>(entry);
    if (!func || func.isDeclaration() || !func.getBody().hasOneBlock()) {
      getOperation().emitError() << "expects an entry '" << entry << "' of one block, but there is none";
      return signalPassFailure();
    }
    if (!returnsLoss(func) && failed(LossAdder(func, zLoss).run()))
      signalPassFailure();
  }
};

} // namespace
