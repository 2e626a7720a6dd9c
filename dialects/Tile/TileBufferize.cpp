// How one-shot bufferization sees tile ops: destination-passing, reading the destination only where they keep parts of
// it. The op survives; only its operands become memrefs.
#include "dialects/Tile/Train.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace ingot;

namespace {

template <typename Op> struct TileBufferization : DstBufferizableOpInterfaceExternalModel<TileBufferization<Op>, Op> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const AnalysisState &) const {
    auto tileOp = cast<Op>(op);
    return !tileOp.isDpsInit(&operand) || cast<tile::TileOpInterface>(op).keepsDestination();
  }

  // A pointwise op may write where it reads: each element is read before it is written.
  bool bufferizesToElementwiseAccess(Operation *op, const AnalysisState &, ArrayRef<OpOperand *> operands) const {
    auto map = dyn_cast<tile::MapOp>(op);
    if (!map)
      return false;
    return llvm::all_of(operands, [&](OpOperand *operand) {
      return map.isDpsInit(operand) || map.getMap(operand->getOperandNumber()).isIdentity();
    });
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const BufferizationOptions &options,
                          BufferizationState &state) const {
    if (op->getNumResults() == 0)
      return success();
    SmallVector<Value> operands;
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<TensorType>(operand.get().getType())) {
        operands.push_back(operand.get());
        continue;
      }
      FailureOr<Value> buffer = getBuffer(rewriter, operand.get(), options, state);
      if (failed(buffer))
        return failure();
      operands.push_back(*buffer);
    }
    Value destination = operands.back();
    OperationState newState(op->getLoc(), op->getName(), operands, TypeRange(),
                            op->getDiscardableAttrDictionary().getValue());
    newState.propertiesAttr = op->getPropertiesAsAttribute();
    for (unsigned i = 0; i < op->getNumRegions(); ++i)
      newState.addRegion();
    Operation *newOp = rewriter.create(newState);
    for (auto [from, to] : llvm::zip(op->getRegions(), newOp->getRegions()))
      to.takeBody(from);
    replaceOpWithBufferizedValues(rewriter, op, destination);
    return success();
  }
};

} // namespace

void tile::registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tile::TileDialect *) {
    auto attach = [&]<typename... Ops>() { (Ops::template attachInterface<TileBufferization<Ops>>(*context), ...); };
    attach.operator()<ContractOp, MapOp, RowOp, ReduceOp, RopeOp, PositionsOp, AttentionOp, PartialAttentionOp,
                      CombineAttentionOp, GatherOp, ScatterOp, CountTokensOp, SampleWeightsOp, DrawOp, ScatterAddOp>();
  });
}
