// ingot-differentiate: from an entry that returns a loss to one that returns gradients as well; see Passes.td.
#include "dialects/Ingot/Train.h"
#include "ingot/Train/Passes.h"
#include "lib/Train/ReverseMode.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

namespace ingot {
#define GEN_PASS_DEF_DIFFERENTIATE
#include "lib/Train/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

bool isFloat(Value value) { return isa<FloatType>(getElementTypeOrSelf(value.getType())); }

/// Adds gradients to a function of one block that returns a loss.
class Differentiation {
public:
  explicit Differentiation(func::FuncOp func)
      : func(func), block(func.getBody().front()), builder(block.getTerminator()),
        reverse(builder, parametersOf(func)) {}

  LogicalResult run() {
    Operation *terminator = block.getTerminator();
    if (failed(reverse.run(terminator->getOperand(0), terminator->getLoc())))
      return failure();
    returnGradients();
    for (auto stop : llvm::make_early_inc_range(block.getOps<StopGradientOp>())) {
      stop.replaceAllUsesWith(stop.getInput());
      stop.erase();
    }
    return success();
  }

private:
  static SmallVector<Value> parametersOf(func::FuncOp func) {
    SmallVector<Value> parameters;
    for (BlockArgument argument : func.getArguments())
      if (func.getArgAttr(argument.getArgNumber(), IngotDialect::kParam) && isFloat(argument))
        parameters.push_back(argument);
    return parameters;
  }

  /// Returns one gradient per parameter: of all arguments that are bound to it.
  void returnGradients() {
    Operation *terminator = block.getTerminator();
    llvm::MapVector<Attribute, SmallVector<BlockArgument, 1>> parameters;
    for (BlockArgument argument : block.getArguments())
      if (Attribute param = func.getArgAttr(argument.getArgNumber(), IngotDialect::kParam); param && isFloat(argument))
        parameters[param].push_back(argument);
    SmallVector<DictionaryAttr> attributes;
    func.getAllResultAttrs(attributes);
    attributes.resize(func.getNumResults(), builder.getDictionaryAttr({}));
    SmallVector<Value> results(terminator->getOperands());
    builder.setInsertionPoint(terminator);
    for (auto &[param, arguments] : parameters) {
      Value sum;
      for (BlockArgument argument : arguments)
        if (Value gradient = reverse.getGradient(argument))
          sum = sum ? arith::AddFOp::create(builder, func.getLoc(), sum, gradient).getResult() : gradient;
      results.push_back(sum ? sum : reverse.constant(func.getLoc(), arguments.front().getType(), 0.0));
      StringRef name = cast<FlatSymbolRefAttr>(param).getValue();
      attributes.push_back(builder.getDictionaryAttr(
          {builder.getNamedAttr(IngotDialect::kGradient, param),
           builder.getNamedAttr(IngotDialect::kOutput, builder.getStringAttr(name + ".grad"))}));
    }
    terminator->setOperands(results);
    func.setType(builder.getFunctionType(func.getArgumentTypes(), ValueRange(results).getTypes()));
    func.setAllResultAttrs(attributes);
  }

  func::FuncOp func;
  Block &block;
  OpBuilder builder;
  ReverseMode reverse;
};

struct DifferentiatePass : ingot::impl::DifferentiateBase<DifferentiatePass> {
  using DifferentiateBase::DifferentiateBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    auto loss = symbols.lookup<func::FuncOp>(entry);
    if (failed(check(symbols, loss)))
      return signalPassFailure();
    func::FuncOp gradients = loss.clone();
    gradients.setSymName(kName);
    symbols.insert(gradients, std::next(loss->getIterator()));
    if (failed(Differentiation(gradients).run()))
      return signalPassFailure();
  }

private:
  static constexpr StringLiteral kName = "gradients";

  LogicalResult check(SymbolTable &symbols, func::FuncOp loss) {
    if (!loss || loss.isDeclaration() || !loss.isPublic())
      return getOperation().emitError() << "expects an entry '" << entry << "' that returns a loss, but there is none";
    if (Operation *other = symbols.lookup(kName))
      return other->emitOpError() << "has the name of the entry that is to be made";
    if (!loss.getBody().hasOneBlock())
      return loss.emitOpError() << "expects one block, but has several";
    if (loss.getNumResults() != 1)
      return loss.emitOpError() << "expects one result, the loss, but has " << loss.getNumResults();
    auto type = dyn_cast<RankedTensorType>(loss.getResultTypes().front());
    if (!type || type.getRank() != 0 || !isa<FloatType>(type.getElementType()))
      return loss.emitOpError() << "expects a loss that is a scalar float, but got " << loss.getResultTypes().front();
    return success();
  }
};

} // namespace

void ingot::registerTrainPasses() { registerIngotTrainPasses(); }
