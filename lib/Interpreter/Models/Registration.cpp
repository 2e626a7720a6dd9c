#include "ingot/Interpreter/Models.h"

#include "lib/Interpreter/Models/Models.h"

#include "dialects/Tile/Tile.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace ingot::interpreter;

void ingot::interpreter::registerInterpreterModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, arith::ArithDialect *) {
    attachArithModels(context);
    attachArithIntegerModels(context);
  });
  registry.addExtension(+[](MLIRContext *context, math::MathDialect *) { attachMathModels(context); });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) { attachTensorModels(context); });
  registry.addExtension(+[](MLIRContext *context, memref::MemRefDialect *) { attachMemRefModels(context); });
  registry.addExtension(+[](MLIRContext *context, scf::SCFDialect *) { attachScfModels(context); });
  registry.addExtension(+[](MLIRContext *context, func::FuncDialect *) { attachFuncModels(context); });
  registry.addExtension(+[](MLIRContext *context, affine::AffineDialect *) { attachAffineModels(context); });
  registry.addExtension(+[](MLIRContext *context, IngotDialect *) {
    attachIngotModels(context);
    attachIngotTrainingModels(context);
  });
  registry.addExtension(+[](MLIRContext *context, tile::TileDialect *) { attachTileModels(context); });
}
