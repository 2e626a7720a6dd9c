#include "ConstantFolding.h"

#include "ingot/Interpreter/Constants.h"
#include "ingot/Interpreter/Frame.h"
#include "ingot/Interpreter/Models.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::interpreter;

void model::registerFoldingDependencies(DialectRegistry &registry) { registerInterpreterModels(registry); }

namespace {

/// Above this many elements nothing is computed at compile time.
constexpr int64_t kMaxElements = int64_t(1) << 25;

/// Whether the interpreter can compute `op` from its operands alone.
bool isComputable(Operation *op) {
  return op->getNumResults() == 1 && op->getNumRegions() == 0 && op->getNumOperands() > 0 && isPure(op) &&
         isa<InterpretableOpInterface>(op) && llvm::all_of(op->getOperandTypes(), llvm::IsaPred<RankedTensorType>) &&
         isa<RankedTensorType>(op->getResult(0).getType()) &&
         cast<RankedTensorType>(op->getResult(0).getType()).getNumElements() <= kMaxElements;
}

std::optional<Array> constantArray(Value value) {
  ElementsAttr elements;
  if (!matchPattern(value, m_Constant(&elements)))
    return std::nullopt;
  return arrayOf(elements);
}

/// Computes `op`; what it has to complain about is no error of the program, which may never run it.
bool compute(Operation *op, Frame &frame) {
  ScopedDiagnosticHandler quiet(op->getContext(), [](Diagnostic &) { return success(); });
  return succeeded(cast<InterpretableOpInterface>(op).interpret(frame));
}

DenseElementsAttr toAttribute(RankedTensorType type, const Array &array) {
  if (type.getElementType().isInteger(1)) {
    auto bits = llvm::map_to_vector(array.ints(), [](int64_t bit) { return bit != 0; });
    return DenseElementsAttr::get(type, ArrayRef<bool>(bits));
  }
  return DenseElementsAttr::getFromRawBuffer(type, array.bytes());
}

struct ComputeConstant : RewritePattern {
  ComputeConstant(MLIRContext *context, int64_t maxBytes)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context), maxBytes(maxBytes) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    if (!isComputable(op))
      return failure();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    auto element = elementOf(type.getElementType());
    if (!element || type.getNumElements() > maxBytes / byteSize(*element) || type.getEncoding())
      return failure();
    Random random(0);
    Frame frame(Mode::Typed, random);
    for (Value operand : op->getOperands()) {
      auto array = constantArray(operand);
      if (!array)
        return failure();
      frame.set(operand, *array);
    }
    if (!compute(op, frame))
      return failure();
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, toAttribute(type, frame.array(op->getResult(0))));
    return success();
  }

  int64_t maxBytes;
};

/// Computes `value` into `frame`, operands first.
bool evaluateInto(Value value, Frame &frame) {
  if (frame.has(value))
    return true;
  if (auto constant = constantArray(value)) {
    frame.set(value, *constant);
    return true;
  }
  Operation *op = value.getDefiningOp();
  if (!op || !isComputable(op))
    return false;
  for (Value operand : op->getOperands())
    if (!evaluateInto(operand, frame))
      return false;
  return compute(op, frame);
}

} // namespace

void model::populateConstantFolding(RewritePatternSet &patterns, int64_t maxBytes) {
  patterns.add<ComputeConstant>(patterns.getContext(), maxBytes);
}

std::optional<Array> model::evaluate(Value value, const KnownValues &known) {
  Random random(0);
  Frame frame(Mode::Typed, random);
  for (const auto &[given, array] : known)
    frame.set(given, array);
  if (!evaluateInto(value, frame))
    return std::nullopt;
  return frame.array(value);
}
