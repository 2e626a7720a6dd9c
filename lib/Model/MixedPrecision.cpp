// Computes a float32 model in a 16-bit type; see Passes.td. The policy by operation is in PrecisionPolicy.cpp.
#include "ingot/Model/Passes.h"

#include "dialects/Ingot/Ingot.h"
#include "lib/Model/PrecisionPolicy.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace ingot {
#define GEN_PASS_DEF_MIXEDPRECISION
#include "lib/Model/Passes.h.inc"
} // namespace ingot

using namespace mlir;
using namespace ingot;
using namespace ingot::model;

namespace {

bool isSingle(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isF32();
}

RankedTensorType withElement(Type type, Type element) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape(), element, tensor.getEncoding());
}

/// `value` rounded to nearest even, or null if it is not stored as elements.
DenseElementsAttr rounded(Attribute value, FloatType element) {
  auto dense = dyn_cast_or_null<DenseFPElementsAttr>(value);
  if (!dense)
    return {};
  return dense.mapValues(element, [&](APFloat number) {
    bool losesInfo = false;
    number.convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    return number.bitcastToAPInt();
  });
}

/// The float32 values that some operation takes in the compute type, seen through operations that move elements. They
/// are rounded where they are defined, so that all who read them read the same.
class Demand {
public:
  void collect(func::FuncOp func) {
    for (Operation &op : llvm::reverse(func.getBody().front().without_terminator()))
      for (Value result : op.getResults())
        collectValue(result);
    for (BlockArgument argument : func.getArguments()) {
      collectValue(argument);
      if (!narrow.contains(argument))
        continue;
      for (StringRef kind : {IngotDialect::kParam, IngotDialect::kState})
        if (auto symbol = func.getArgAttrOfType<FlatSymbolRefAttr>(argument.getArgNumber(), kind))
          symbols.insert(symbol.getAttr());
    }
  }

  /// Whether the value is stored in the compute type.
  bool contains(Value value) const { return narrow.contains(value); }
  /// Whether some entry wants the parameter or state of this name in the compute type.
  bool contains(StringAttr symbol) const { return symbols.contains(symbol); }

private:
  void collectValue(Value value) {
    if (isSingle(value) && llvm::any_of(value.getUses(), [&](OpOperand &use) { return wantsCompute(use); }))
      narrow.insert(value);
  }

  bool wantsCompute(OpOperand &use) const {
    OperandPrecision precision = operandPrecision(use);
    if (precision == OperandPrecision::Moved)
      return narrow.contains(use.getOwner()->getResult(0));
    return precision == OperandPrecision::Compute;
  }

  llvm::DenseSet<Value> narrow;
  llvm::DenseSet<StringAttr> symbols;
};

/// Rewrites one entry.
class Converter {
public:
  Converter(func::FuncOp func, const Demand &demand, FloatType compute)
      : func(func), demand(demand), compute(compute), single(Float32Type::get(func.getContext())),
        builder(func.getContext()) {}

  void run() {
    SmallVector<Operation *> operations;
    for (BlockArgument argument : func.getArguments())
      note(argument);
    for (Operation &op : func.getBody().front().without_terminator()) {
      operations.push_back(&op);
      llvm::for_each(op.getResults(), [&](Value result) { note(result); });
    }
    for (BlockArgument argument : func.getArguments())
      convertArgument(argument);
    for (Operation *op : operations)
      convertOperation(op);
    convertReturn();
    func.setType(FunctionType::get(func.getContext(), func.getBody().getArgumentTypes(),
                                   func.getBody().front().getTerminator()->getOperandTypes()));
  }

private:
  /// Only what was float32 is converted: other types in a model are meant.
  void note(Value value) {
    if (isSingle(value))
      converted.insert(value);
  }

  /// Parameters and state are declared in their type; inputs keep theirs, and are rounded on the way in.
  void convertArgument(BlockArgument argument) {
    if (!isSingle(argument))
      return;
    for (StringRef kind : {IngotDialect::kParam, IngotDialect::kState})
      if (auto symbol = func.getArgAttrOfType<FlatSymbolRefAttr>(argument.getArgNumber(), kind)) {
        if (demand.contains(symbol.getAttr()))
          argument.setType(withElement(argument.getType(), compute));
        return;
      }
    if (demand.contains(Value(argument)))
      roundUses(argument);
  }

  void convertOperation(Operation *op) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op))
      return convertConstant(constant);
    ResultPrecision precision = resultPrecision(op);
    bool narrow = precision == ResultPrecision::Compute ||
                  (op->getNumResults() == 1 && demand.contains(op->getResult(0))) ||
                  (precision == ResultPrecision::Moved && llvm::all_of(op->getOperands(), [&](Value operand) {
                     auto type = dyn_cast<RankedTensorType>(operand.getType());
                     return !type || type.getElementType() == compute || !isa<FloatType>(type.getElementType());
                   }));
    for (OpOperand &operand : op->getOpOperands()) {
      OperandPrecision wanted = operandPrecision(operand);
      if (wanted == OperandPrecision::Moved)
        wanted = narrow ? OperandPrecision::Compute : OperandPrecision::Single;
      convertOperand(operand, wanted == OperandPrecision::Compute ? compute : single);
    }
    // The log-sum-exp of an attention is float32 by definition.
    for (Value result : op->getResults().take_front(1))
      if (isSingle(result) && narrow)
        precision == ResultPrecision::Single ? roundUses(result)
                                             : result.setType(withElement(result.getType(), compute));
  }

  void convertConstant(arith::ConstantOp constant) {
    if (!demand.contains(constant.getResult()))
      return;
    if (DenseElementsAttr value = rounded(constant.getValue(), compute)) {
      constant.setValueAttr(value);
      constant.getResult().setType(value.getType());
      return;
    }
    roundUses(constant.getResult());
  }

  void convertReturn() {
    Operation *terminator = func.getBody().front().getTerminator();
    for (OpOperand &operand : terminator->getOpOperands()) {
      auto state = func.getResultAttrOfType<FlatSymbolRefAttr>(operand.getOperandNumber(), IngotDialect::kState);
      convertOperand(operand, state && demand.contains(state.getAttr()) ? Type(compute) : single);
    }
  }

  /// Gives `operand` the element type that it is wanted in.
  void convertOperand(OpOperand &operand, Type element) {
    if (!converted.contains(operand.get()))
      return;
    auto type = cast<RankedTensorType>(operand.get().getType());
    if (type.getElementType() == element)
      return;
    Value &cast = casts[operand.get()];
    if (!cast) {
      builder.setInsertionPointAfterValue(operand.get());
      Type target = withElement(type, element);
      Location loc = operand.get().getLoc();
      if (element == compute)
        cast = arith::TruncFOp::create(builder, loc, target, operand.get());
      else
        cast = arith::ExtFOp::create(builder, loc, target, operand.get());
    }
    operand.set(cast);
  }

  void roundUses(Value value) {
    builder.setInsertionPointAfterValue(value);
    auto cast = arith::TruncFOp::create(builder, value.getLoc(), withElement(value.getType(), compute), value);
    value.replaceAllUsesExcept(cast, cast);
    converted.insert(cast);
  }

  func::FuncOp func;
  const Demand &demand;
  FloatType compute;
  Type single;
  OpBuilder builder;
  llvm::DenseSet<Value> converted; // values that were float32, in whichever type they are now
  llvm::DenseMap<Value, Value> casts;
};

struct MixedPrecision : ingot::impl::MixedPrecisionBase<MixedPrecision> {
  using MixedPrecisionBase::MixedPrecisionBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (compute != "bf16") {
      module.emitError() << "expects a compute type of bf16, but got '" << compute << "'";
      return signalPassFailure();
    }
    SmallVector<func::FuncOp> entries;
    for (auto func : module.getOps<func::FuncOp>())
      if (!func.isDeclaration())
        entries.push_back(func);
    Demand demand;
    for (func::FuncOp func : entries) {
      if (failed(check(func)))
        return signalPassFailure();
      demand.collect(func);
    }
    FloatType type = BFloat16Type::get(&getContext());
    for (auto param : module.getOps<ParamOp>())
      if (failed(convertParam(param, demand, type)))
        return signalPassFailure();
    for (auto state : module.getOps<StateOp>())
      if (demand.contains(state.getSymNameAttr()) && state.getTensorType().getElementType().isF32())
        state.setType(withElement(state.getType(), type));
    for (func::FuncOp func : entries)
      Converter(func, demand, type).run();
  }

  LogicalResult convertParam(ParamOp param, const Demand &demand, FloatType type) {
    if (!demand.contains(param.getSymNameAttr()) || !param.getTensorType().getElementType().isF32())
      return success();
    if (Attribute value = param.getValueAttr()) {
      DenseElementsAttr narrow = rounded(value, type);
      if (!narrow)
        return param.emitOpError() << "expects a value in dense form in mixed precision, but got " << value;
      param.setValueAttr(narrow);
    }
    param.setType(withElement(param.getType(), type));
    return success();
  }

  /// Straight-line code, calls inlined.
  static LogicalResult check(func::FuncOp func) {
    if (!func.getBody().hasOneBlock())
      return func.emitOpError() << "expects straight-line code, but got several blocks";
    for (Operation &op : func.getBody().front().without_terminator())
      if (op.getNumRegions() != 0 || isa<CallOpInterface>(op))
        return op.emitOpError() << "in mixed precision is not supported yet";
    return success();
  }
};

} // namespace
