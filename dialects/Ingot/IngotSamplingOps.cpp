// Verifiers of the operations that lead from logits to tokens.
#include "dialects/Ingot/Ingot.h"

using namespace mlir;
using namespace ingot;

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

static LogicalResult expectShape(Operation *op, StringRef what, Value value, ArrayRef<int64_t> shape) {
  if (shapeOf(value) == shape)
    return success();
  auto diag = op->emitOpError() << "expects " << what << " of shape [";
  llvm::interleaveComma(shape, diag);
  return diag << "], but got " << value.getType();
}

LogicalResult CountTokensOp::verify() {
  ArrayRef<int64_t> counts = shapeOf(getCounts()), tokens = shapeOf(getTokens());
  if (counts.size() != 3 || counts[1] != 2)
    return emitOpError() << "expects counts of shape [slot, 2, vocabulary], but got " << getCounts().getType();
  if (tokens.size() != 2)
    return emitOpError() << "expects tokens of rank 2, but got " << getTokens().getType();
  if (failed(expectShape(*this, "tokens", getTokens(), {counts[0], tokens[1]})))
    return failure();
  return expectShape(*this, "start, count and sampled", getStart(), {counts[0]});
}

LogicalResult SampleOp::inferReturnTypes(MLIRContext *context, std::optional<Location>, Adaptor op,
                                         SmallVectorImpl<Type> &types) {
  types.push_back(RankedTensorType::get(shapeOf(op.getStart()), IntegerType::get(context, 32)));
  return success();
}

LogicalResult SampleOp::verify() {
  ArrayRef<int64_t> logits = shapeOf(getLogits());
  if (logits.size() != 3 || logits[2] == 0)
    return emitOpError() << "expects logits of shape [slot, rows, vocabulary], but got " << getLogits().getType();
  if (failed(expectShape(*this, "counts", getCounts(), {logits[0], 2, logits[2]})))
    return failure();
  const std::pair<const char *, Value> perSlot[] = {{"start", getStart()},
                                                    {"count", getCount()},
                                                    {"a temperature", getTemperature()},
                                                    {"top_k", getTopK()},
                                                    {"top_p", getTopP()},
                                                    {"a presence penalty", getPresence()},
                                                    {"a frequency penalty", getFrequency()},
                                                    {"a repetition penalty", getRepetition()},
                                                    {"a seed", getSeed()}};
  for (auto [what, value] : perSlot)
    if (failed(expectShape(*this, what, value, {logits[0]})))
      return failure();
  return success();
}
