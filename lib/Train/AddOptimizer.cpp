// ingot-add-optimizer: from gradients to a step of training; see Passes.td.
#include "dialects/Ingot/Ingot.h"
#include "ingot/Train/Passes.h"
#include "lib/Train/OptimizerUpdate.h"
#include "runtime/formats/Manifest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"

namespace ingot {
#define GEN_PASS_DEF_ADDOPTIMIZER
#include "lib/Train/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;

namespace {

/// A parameter that is trained.
struct Trained {
  ParamOp param;
  BlockArgument argument;
  Value gradient;
  StateOp weight;
  SmallVector<StateOp, 2> moments;
  SmallVector<Value, 2> momentValues;
};

/// Makes the training step out of the function that returns gradients.
class StepBuilder {
public:
  StepBuilder(ModuleOp module, func::FuncOp func, const OptimizerRule &rule, double clipNorm)
      : symbols(module), func(func), block(func.getBody().front()),
        builder(func.getLoc(), OpBuilder(block.getTerminator())), rule(rule), clipNorm(clipNorm) {}

  LogicalResult run() {
    if (failed(findTrained()))
      return failure();
    Value lr = addInput(runtime::kRoleLr, builder.getF32Type());
    Value step = addInput(runtime::kRoleStep, builder.getI32Type());
    for (Trained &trained : list)
      if (failed(declareStates(trained)))
        return failure();
    builder.setInsertionPoint(block.getTerminator());
    Value norm = gradientNorm(), factor = clipNorm > 0 ? clipFactor(norm) : Value();
    OptimizerUpdate update(builder, rule, lr, step);
    SmallVector<Value> states;
    for (Trained &trained : list) {
      if (factor)
        trained.gradient = update.scaled(trained.gradient, factor);
      states.append(update.apply(trained.argument, trained.gradient, trained.momentValues, decays(trained)));
    }
    returnStates(norm, states);
    return success();
  }

private:
  /// Those of the results that are gradients and not constants of zeros: nothing trains what the loss does not see.
  LogicalResult findTrained() {
    Operation *terminator = block.getTerminator();
    for (unsigned i = 0; i < func.getNumResults(); ++i) {
      auto symbol = func.getResultAttrOfType<FlatSymbolRefAttr>(i, IngotDialect::kGradient);
      Value gradient = terminator->getOperand(i);
      if (!symbol) {
        loss = loss ? loss : gradient;
        continue;
      }
      if (matchPattern(gradient, m_AnyZeroFloat()))
        continue;
      auto param = symbols.lookup<ParamOp>(symbol.getValue());
      BlockArgument argument = bindOnce(symbol);
      if (!param || !argument)
        return func.emitError() << "'" << func.getSymName() << "' returns the gradient of " << symbol
                                << ", which is none of its parameters";
      if (!param.getTensorType().getElementType().isF32())
        return param.emitError() << "training parameter " << symbol << " of type " << param.getTensorType()
                                 << " is not supported yet: expects f32";
      if (gradient.getType() != argument.getType())
        return func.emitError() << "expects the gradient of " << symbol << " to have type " << argument.getType()
                                << ", but got " << gradient.getType();
      list.push_back({param, argument, gradient, {}, {}, {}});
    }
    if (!loss)
      return func.emitError() << "'" << func.getSymName() << "' returns no loss";
    if (list.empty())
      return func.emitError() << "'" << func.getSymName() << "' has no parameter to train";
    return success();
  }

  /// The first argument bound to the parameter, which takes the place of all others; null if there is none.
  BlockArgument bindOnce(FlatSymbolRefAttr symbol) {
    BlockArgument first;
    for (unsigned i = 0; i < func.getNumArguments();) {
      if (func.getArgAttr(i, IngotDialect::kParam) != symbol) {
        ++i;
      } else if (!first) {
        first = func.getArgument(i++);
      } else {
        func.getArgument(i).replaceAllUsesWith(first);
        (void)func.eraseArgument(i);
      }
    }
    return first;
  }

  Value addInput(StringRef role, Type element) {
    Attribute name = builder.getStringAttr(role);
    return addArgument(RankedTensorType::get({}, element), {builder.getNamedAttr(IngotDialect::kInput, name),
                                                            builder.getNamedAttr(IngotDialect::kRole, name)});
  }

  Value addArgument(Type type, ArrayRef<NamedAttribute> attributes) {
    unsigned index = func.getNumArguments();
    (void)func.insertArgument(index, type, builder.getDictionaryAttr(attributes), func.getLoc());
    return func.getArgument(index);
  }

  NamedAttribute boundTo(StateOp state) {
    return builder.getNamedAttr(IngotDialect::kState, FlatSymbolRefAttr::get(state));
  }

  FailureOr<StateOp> declareState(ParamOp param, StringRef suffix, FlatSymbolRefAttr from) {
    std::string name = (param.getSymName() + suffix).str();
    if (symbols.lookup(name))
      return param.emitError() << "training parameter '@" << param.getSymName() << "' needs a state '@" << name
                               << "', but that name is taken";
    RankedTensorType type = param.getTensorType();
    builder.setInsertionPointAfter(param);
    auto state = StateOp::create(builder, param.getLoc(), name, APFloat(0.0),
                                 RankedTensorType::get(type.getShape(), type.getElementType()), from);
    symbols.insert(state);
    return state;
  }

  LogicalResult declareStates(Trained &trained) {
    // Behind the parameter, so in reverse.
    ArrayRef<StringLiteral> suffixes = rule.momentSuffixes();
    for (StringRef suffix : llvm::reverse(suffixes)) {
      FailureOr<StateOp> moment = declareState(trained.param, suffix, {});
      if (failed(moment))
        return failure();
      trained.moments.insert(trained.moments.begin(), *moment);
    }
    FailureOr<StateOp> weight = declareState(trained.param, ".trained", FlatSymbolRefAttr::get(trained.param));
    if (failed(weight))
      return failure();
    trained.weight = *weight;
    unsigned index = trained.argument.getArgNumber();
    func.removeArgAttr(index, IngotDialect::kParam);
    func.setArgAttr(index, IngotDialect::kState, FlatSymbolRefAttr::get(trained.weight));
    for (StateOp moment : trained.moments)
      trained.momentValues.push_back(addArgument(moment.getTensorType(), {boundTo(moment)}));
    return success();
  }

  /// The root of the sum of the squares of all gradients: dimension by dimension from the last one on, then in the
  /// order of the parameters.
  Value gradientNorm() {
    Value total;
    for (Trained &trained : list) {
      Value sum = arith::MulFOp::create(builder, trained.gradient, trained.gradient);
      for (int64_t dim = cast<RankedTensorType>(sum.getType()).getRank() - 1; dim >= 0; --dim)
        sum = ReduceOp::create(builder, ReduceKind::Sum, sum, ArrayRef<int64_t>{dim});
      total = total ? arith::AddFOp::create(builder, total, sum).getResult() : sum;
    }
    return math::SqrtOp::create(builder, total);
  }

  /// clip / norm where the norm is above the clip, and exactly 1 where it is not.
  Value clipFactor(Value norm) {
    Value clip = scalar(clipNorm), one = scalar(1.0);
    Value above = arith::CmpFOp::create(builder, arith::CmpFPredicate::OGT, norm, clip);
    return arith::SelectOp::create(builder, above, arith::DivFOp::create(builder, clip, norm), one);
  }

  Value scalar(double value) {
    auto type = RankedTensorType::get({}, builder.getF32Type());
    return arith::ConstantOp::create(builder, DenseElementsAttr::get(type, static_cast<float>(value)));
  }

  /// The group rule: matrices decay, but not where they are tables of embeddings.
  static bool decays(const Trained &trained) {
    auto isTable = [&](OpOperand &use) {
      auto gather = dyn_cast<GatherOp>(use.getOwner());
      return gather && &gather.getTableMutable() == &use;
    };
    return cast<RankedTensorType>(trained.argument.getType()).getRank() >= 2 &&
           llvm::none_of(trained.argument.getUses(), isTable);
  }

  void returnStates(Value norm, ArrayRef<Value> states) {
    SmallVector<Value> results = {loss, norm};
    results.append(states.begin(), states.end());
    auto output = [&](StringRef role) {
      Attribute name = builder.getStringAttr(role);
      return builder.getDictionaryAttr(
          {builder.getNamedAttr(IngotDialect::kOutput, name), builder.getNamedAttr(IngotDialect::kRole, name)});
    };
    SmallVector<DictionaryAttr> attributes = {output(runtime::kRoleLoss), output(runtime::kRoleGradNorm)};
    for (Trained &trained : list) {
      attributes.push_back(builder.getDictionaryAttr(boundTo(trained.weight)));
      for (StateOp moment : trained.moments)
        attributes.push_back(builder.getDictionaryAttr(boundTo(moment)));
    }
    block.getTerminator()->setOperands(results);
    func.setType(builder.getFunctionType(func.getArgumentTypes(), ValueRange(results).getTypes()));
    func.setAllResultAttrs(attributes);
  }

  SymbolTable symbols;
  func::FuncOp func;
  Block &block;
  ImplicitLocOpBuilder builder;
  const OptimizerRule &rule;
  double clipNorm;
  Value loss;
  SmallVector<Trained> list;
};

struct AddOptimizerPass : ingot::impl::AddOptimizerBase<AddOptimizerPass> {
  using AddOptimizerBase::AddOptimizerBase;

  void runOnOperation() override {
    OptimizerRule rule;
    SymbolTable symbols(getOperation());
    auto gradients = symbols.lookup<func::FuncOp>("gradients");
    if (failed(readOptions(rule)) || failed(check(symbols, gradients)) ||
        failed(StepBuilder(getOperation(), gradients, rule, clipNorm).run()))
      return signalPassFailure();
    (void)symbols.rename(gradients, kName);
  }

private:
  static constexpr StringLiteral kName = "train_step";

  LogicalResult readOptions(OptimizerRule &rule) {
    std::optional<OptimizerKind> known = parseOptimizerKind(kind);
    auto error = [&] { return getOperation().emitError(); };
    if (!known)
      return error() << "expects an optimizer of sgd, adam or adamw, but got '" << kind << "'";
    // As the program has them: what rounds to 1 or to 0 divides by 0.
    auto rounded = [](double value) { return static_cast<double>(static_cast<float>(value)); };
    rule = {*known, rounded(beta1), rounded(beta2), rounded(eps), rounded(momentum), rounded(weightDecay)};
    auto within = [](double value, double end) { return value >= 0 && value < end; };
    if (!within(rule.beta1, 1) || !within(rule.beta2, 1) || !within(rule.momentum, 1))
      return error() << "expects betas and a momentum in [0, 1), but got " << beta1 << ", " << beta2 << " and "
                     << momentum;
    constexpr double kLargest = 1e30; // also leaves NaN out
    if (!within(eps, kLargest) || rule.eps == 0 || !within(weightDecay, kLargest) || !within(clipNorm, kLargest))
      return error() << "expects an eps above 0, a weight decay and a clip norm of at least 0, all finite, but got "
                     << eps << ", " << weightDecay << " and " << clipNorm;
    if (clipNorm != 0 && rounded(clipNorm) == 0)
      return error() << "expects a clip norm that float32 tells from 0, but got " << clipNorm;
    return success();
  }

  LogicalResult check(SymbolTable &symbols, func::FuncOp gradients) {
    if (!gradients || gradients.isDeclaration() || !gradients.getBody().hasOneBlock())
      return getOperation().emitError() << "expects an entry 'gradients' of one block, but there is none";
    if (Operation *other = symbols.lookup(kName))
      return other->emitOpError() << "has the name of the entry that is to be made";
    return success();
  }
};

} // namespace
