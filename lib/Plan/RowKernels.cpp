// How row normalisations become kernels. A norm in front of a contraction is computed by every task that needs it:
// cheaper than a pass over memory and an event between them.
#include "lib/Plan/KernelBuilder.h"

using namespace mlir;
using namespace ingot;

namespace {

template <typename Model, typename Op> struct RowKernel : KernelOpInterface::ExternalModel<Model, Op> {
  KernelRole getKernelRole(Operation *) const { return KernelRole::Row; }
  Tiling getTiling(Operation *op, KernelBuilder &) const { return splitLeading(op->getResult(0), 1); }

  Value emitTile(Operation *op, KernelBuilder &builder, const Tile &tile, Value destination) const {
    Tile rows = tile;
    RankedTensorType type = KernelBuilder::typeOf(op->getResult(0));
    rows.offsets.back() = builder.constant(0);
    rows.sizes.back() = type.getShape().back();
    bool whole = rows == tile;
    SmallVector<Value> inputs = {builder.get(op->getOperand(0), rows)};
    for (Value weight : op->getOperands().drop_front())
      inputs.push_back(builder.getWhole(weight));
    OpBuilder &b = builder.getBuilder();
    Value out = builder.temporary(rows.sizes, type.getElementType(), whole ? destination : Value());
    auto [kind, eps] = Model::kindOf(cast<Op>(op));
    Value result =
        tile::RowOp::create(b, builder.getLoc(), TypeRange(out.getType()), tile::RowKindAttr::get(b.getContext(), kind),
                            b.getF64FloatAttr(eps), inputs, out)
            ->getResult(0);
    Tile local = wholeTile(KernelBuilder::typeOf(result));
    local.offsets.back() = tile.offsets.back();
    local.sizes.back() = tile.sizes.back();
    return builder.slice(result, local);
  }
};

struct RmsNormKernel : RowKernel<RmsNormKernel, RmsNormOp> {
  static std::pair<tile::RowKind, double> kindOf(RmsNormOp op) {
    return {tile::RowKind::RmsNorm, op.getEps().convertToDouble()};
  }
};

struct LayerNormKernel : RowKernel<LayerNormKernel, LayerNormOp> {
  static std::pair<tile::RowKind, double> kindOf(LayerNormOp op) {
    return {tile::RowKind::LayerNorm, op.getEps().convertToDouble()};
  }
};

struct SoftmaxKernel : RowKernel<SoftmaxKernel, SoftmaxOp> {
  static std::pair<tile::RowKind, double> kindOf(SoftmaxOp) { return {tile::RowKind::Softmax, 0.0}; }
};

} // namespace

void ingot::registerRowKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    RmsNormOp::attachInterface<RmsNormKernel>(*context);
    LayerNormOp::attachInterface<LayerNormKernel>(*context);
    SoftmaxOp::attachInterface<SoftmaxKernel>(*context);
  });
}
