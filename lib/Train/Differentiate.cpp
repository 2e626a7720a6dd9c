// ingot-differentiate: from an entry that returns a loss to one that returns gradients as well; see Passes.td.
#include "dialects/Ingot/Train.h"
#include "ingot/Train/Passes.h"
#include "lib/Train/GradientBuilder.h"

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

/// Whether a gradient of this type can be written.
bool hasGradients(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? tensor.hasStaticShape() : type.isIntOrIndexOrFloat();
}

/// Adds gradients to a function of one block that returns a loss.
class Differentiation {
public:
  explicit Differentiation(func::FuncOp func)
      : func(func), block(func.getBody().front()), builder(block.getTerminator()) {}

  LogicalResult run() {
    findActive();
    Value loss = block.getTerminator()->getOperand(0);
    Location loc = block.getTerminator()->getLoc();
    if (active.contains(loss))
      gradients[loss] = constant(loc, loss.getType(), 1.0);
    SmallVector<Operation *> forward;
    for (Operation &op : block.without_terminator())
      forward.push_back(&op);
    for (Operation *op : llvm::reverse(forward))
      if (failed(differentiate(op)))
        return failure();
    returnGradients();
    for (auto stop : llvm::make_early_inc_range(block.getOps<StopGradientOp>())) {
      stop.replaceAllUsesWith(stop.getInput());
      stop.erase();
    }
    return success();
  }

private:
  /// Values of floats that depend on a parameter of floats, by ways that carry gradients.
  void findActive() {
    for (BlockArgument argument : block.getArguments())
      if (func.getArgAttr(argument.getArgNumber(), IngotDialect::kParam) && isFloat(argument))
        active.insert(argument);
    for (Operation &op : block.without_terminator()) {
      bool reached = false;
      op.walk([&](Operation *nested) {
        for (OpOperand &operand : nested->getOpOperands())
          reached |= active.contains(operand.get()) && carriesGradient(operand);
      });
      for (Value result : op.getResults())
        if (reached && isFloat(result))
          active.insert(result);
    }
  }

  /// What is not known to be differentiable is not known to be constant either.
  static bool carriesGradient(OpOperand &operand) {
    auto differentiable = dyn_cast<Differentiable>(operand.getOwner());
    return !differentiable || differentiable.carriesGradient(operand);
  }

  LogicalResult differentiate(Operation *op) {
    SmallVector<Value> upstream =
        llvm::map_to_vector(op->getResults(), [&](Value result) -> Value { return gradients.lookup(result); });
    if (llvm::none_of(upstream, [](Value gradient) { return static_cast<bool>(gradient); }))
      return success();
    auto differentiable = dyn_cast<Differentiable>(op);
    if (!differentiable)
      return op->emitOpError() << "is not differentiable, but the loss depends on parameters through it";
    for (Type type : llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes()))
      if (!hasGradients(type))
        return op->emitOpError() << "expects static tensors and scalars where the loss depends on parameters, but got "
                                 << type;
    builder.setInsertionPoint(block.getTerminator());
    GradientBuilder gradient(builder, op, upstream, active);
    if (failed(differentiable.buildGradients(gradient)))
      return failure();
    for (auto [i, contribution] : llvm::enumerate(gradient.getResults()))
      if (contribution)
        accumulate(op->getOperand(i), contribution, op->getLoc());
    if (gradient.isReplaced())
      op->erase();
    return success();
  }

  void accumulate(Value value, Value contribution, Location loc) {
    Value &sum = gradients[value];
    sum = sum ? arith::AddFOp::create(builder, loc, sum, contribution).getResult() : contribution;
  }

  Value constant(Location loc, Type type, double value) {
    builder.setInsertionPoint(block.getTerminator());
    Attribute number = builder.getFloatAttr(getElementTypeOrSelf(type), value);
    return arith::ConstantOp::create(builder, loc, SplatElementsAttr::get(cast<RankedTensorType>(type), number));
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
        if (Value gradient = gradients.lookup(argument))
          sum = sum ? arith::AddFOp::create(builder, func.getLoc(), sum, gradient).getResult() : gradient;
      results.push_back(sum ? sum : constant(func.getLoc(), arguments.front().getType(), 0.0));
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
  llvm::DenseSet<Value> active;
  llvm::DenseMap<Value, Value> gradients;
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
