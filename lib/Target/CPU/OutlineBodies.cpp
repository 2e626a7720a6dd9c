#include "ingot/Target/CPU/Passes.h"

#include "dialects/Task/Task.h"
#include "ingot/Target/CPU/Target.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/Support/MathExtras.h"

namespace ingot::cpu {
#define GEN_PASS_DEF_OUTLINEBODIES
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

/// What the runtime aligns buffers and scratch memory to.
static constexpr int64_t kAlignment = 64;

std::string cpu::exportedName(StringRef entry, StringRef body) {
  std::string name = (entry + "__" + body).str();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return name;
}

static int64_t bytesOf(MemRefType type) {
  int64_t bytes = type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  return llvm::alignTo(bytes, kAlignment);
}

int64_t cpu::privateBytes(task::BodyOp body) {
  int64_t bytes = 0;
  for (auto alloca : body.getBody().getOps<memref::AllocaOp>())
    if (alloca.getType().hasStaticShape())
      bytes += bytesOf(alloca.getType());
  return bytes;
}

namespace {

/// Builds the function of one body.
class BodyOutliner {
public:
  BodyOutliner(task::BodyOp body, LLVMTypeConverter &converter, OpBuilder &module)
      : body(body), converter(converter), builder(body.getLoc(), module) {}

  LogicalResult outline(StringRef name);

private:
  Value loadFromArray(Value array, int64_t index, Type type);
  Value memrefAt(Value pointer, MemRefType type);
  LogicalResult checkOperations();
  LogicalResult checkAllocas();
  LogicalResult mapArguments(func::FuncOp function);
  void mapAllocas(func::FuncOp function);

  task::BodyOp body;
  LLVMTypeConverter &converter;
  ImplicitLocOpBuilder builder;
  IRMapping mapping;
};

struct OutlineBodies : public cpu::impl::OutlineBodiesBase<OutlineBodies> {
  void runOnOperation() override;
};

} // namespace

Value BodyOutliner::loadFromArray(Value array, int64_t index, Type type) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Value address =
      LLVM::GEPOp::create(builder, pointer, type, array, ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  return LLVM::LoadOp::create(builder, type, address);
}

Value BodyOutliner::memrefAt(Value pointer, MemRefType type) {
  Value descriptor = MemRefDescriptor::fromStaticShape(builder, builder.getLoc(), converter, type, pointer);
  return UnrealizedConversionCastOp::create(builder, type, descriptor).getResult(0);
}

/// Bodies stop at what this target lowers without calling a library; a copy would call memcpy, a function is not there.
static bool isSupported(Operation *op) {
  if (isa<memref::MemRefDialect>(op->getDialect()))
    return isa<memref::AllocaOp, memref::LoadOp, memref::StoreOp, memref::SubViewOp, memref::ExpandShapeOp,
               memref::CollapseShapeOp, memref::CastOp, memref::ReinterpretCastOp>(op);
  if (isa<scf::SCFDialect>(op->getDialect()))
    return isa<scf::ForOp, scf::IfOp, scf::YieldOp>(op);
  return isa<affine::AffineDialect, arith::ArithDialect, math::MathDialect, tile::TileDialect, vector::VectorDialect>(
      op->getDialect());
}

LogicalResult BodyOutliner::checkOperations() {
  WalkResult walk = body.getBody().walk([](Operation *op) -> WalkResult {
    if (!op->getDialect() || !isSupported(op))
      return op->emitOpError() << "in a body is not supported yet on the CPU";
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

LogicalResult BodyOutliner::checkAllocas() {
  WalkResult walk = body.walk([&](memref::AllocaOp alloca) -> WalkResult {
    if (alloca->getParentOp() != body)
      return alloca.emitOpError() << "expects to stand at the top of its body, but is nested in '"
                                  << alloca->getParentOp()->getName() << "'";
    if (!alloca.getType().hasStaticShape() || !alloca.getType().getLayout().isIdentity())
      return alloca.emitOpError() << "expects a static shape with identity layout, but got " << alloca.getType();
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  if (privateBytes(body) > body.getPrivateBytes())
    return body.emitOpError() << "expects private of at least " << privateBytes(body) << " bytes, but got "
                              << body.getPrivateBytes();
  return success();
}

LogicalResult BodyOutliner::mapArguments(func::FuncOp function) {
  int64_t numIndices = body.getNumIndices(), numBuffers = 0, numIntegers = 0;
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  for (BlockArgument argument : body.getBody().getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (type && (!type.hasStaticShape() || !type.getLayout().isIdentity()))
      return body.emitOpError() << "expects arguments of static shape and identity layout, but got " << type;
    if (type) {
      Value buffer = loadFromArray(function.getArgument(1), numBuffers++, pointer);
      mapping.map(argument, memrefAt(buffer, type));
      continue;
    }
    bool isIndex = argument.getArgNumber() < numIndices;
    Value array = function.getArgument(isIndex ? 0 : 2);
    Value value = loadFromArray(array, isIndex ? argument.getArgNumber() : numIntegers++, builder.getI64Type());
    mapping.map(argument, arith::IndexCastOp::create(builder, builder.getIndexType(), value));
  }
  return success();
}

void BodyOutliner::mapAllocas(func::FuncOp function) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  int64_t offset = 0;
  for (auto alloca : body.getBody().getOps<memref::AllocaOp>()) {
    Value address = LLVM::GEPOp::create(builder, pointer, builder.getI8Type(), function.getArgument(3),
                                        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
    mapping.map(alloca.getResult(), memrefAt(address, alloca.getType()));
    offset += bytesOf(alloca.getType());
  }
}

LogicalResult BodyOutliner::outline(StringRef name) {
  if (failed(checkOperations()) || failed(checkAllocas()))
    return failure();
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  auto type = builder.getFunctionType({pointer, pointer, pointer, pointer}, {});
  auto function = func::FuncOp::create(builder, name, type);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(function.addEntryBlock());
  if (failed(mapArguments(function)))
    return failure();
  mapAllocas(function);
  for (Operation &op : body.getBody().front())
    if (!isa<memref::AllocaOp>(op))
      builder.clone(op, mapping);
  func::ReturnOp::create(builder);
  return success();
}

void OutlineBodies::runOnOperation() {
  ModuleOp module = getOperation();
  LLVMTypeConverter converter(&getContext());
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  std::map<std::string, task::BodyOp> outlined;
  for (auto program : llvm::make_early_inc_range(module.getOps<task::ProgramOp>())) {
    for (auto body : program.getBody().getOps<task::BodyOp>()) {
      std::string name = exportedName(program.getSymName(), body.getSymName());
      auto [other, isNew] = outlined.try_emplace(name, body);
      if (!isNew) {
        body.emitOpError() << "expects an exported name of its own, but '" << name << "' is also that of another body";
        return signalPassFailure();
      }
      if (failed(BodyOutliner(body, converter, builder).outline(name)))
        return signalPassFailure();
    }
  }
  for (auto program : llvm::make_early_inc_range(module.getOps<task::ProgramOp>()))
    program.erase();
}
