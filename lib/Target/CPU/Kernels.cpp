// ccache:disable -- it does not see that #embed brings in other files, and gave objects with kernels of before.
#include "lib/Target/CPU/Kernels.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

namespace {

/// Bitcode of one kernel file for one level.
struct Bitcode {
  StringRef isa;
  ArrayRef<unsigned char> bytes;
};

} // namespace

// Defines kBitcode, an array of Bitcode.
#include "lib/Target/CPU/KernelBitcode.inc"

bool cpu::hasKernels(StringRef isa) {
  return llvm::any_of(kBitcode, [&](const Bitcode &bitcode) { return bitcode.isa == isa; });
}

Value cpu::pointerTo(Emitter &builder, Value memref, Value index) {
  auto type = cast<MemRefType>(memref.getType());
  LLVMTypeConverter converter(builder.getContext());
  Value cast = UnrealizedConversionCastOp::create(builder, converter.convertType(type), memref).getResult(0);
  MemRefDescriptor descriptor(cast);
  auto toInteger = [&](Value value) -> Value {
    return arith::IndexCastOp::create(builder, builder.getI64Type(), value);
  };
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  Type element = converter.convertType(type.getElementType());
  Value base = LLVM::GEPOp::create(builder, pointer, element, descriptor.alignedPtr(builder, builder.getLoc()),
                                   ArrayRef<LLVM::GEPArg>{descriptor.offset(builder, builder.getLoc())});
  return LLVM::GEPOp::create(builder, pointer, element, base, ArrayRef<LLVM::GEPArg>{toInteger(index)});
}

void cpu::callKernel(Emitter &builder, StringRef name, ValueRange arguments) {
  SmallVector<Value> values;
  for (Value argument : arguments)
    values.push_back(argument.getType().isIndex()
                         ? arith::IndexCastOp::create(builder, builder.getI64Type(), argument).getResult()
                         : argument);
  func::CallOp::create(builder, name, TypeRange(), values);
}

void cpu::declareKernels(Operation *root) {
  Operation *table = SymbolTable::getNearestSymbolTable(root);
  OpBuilder builder = OpBuilder::atBlockBegin(&table->getRegion(0).front());
  root->walk([&](func::CallOp call) {
    if (!SymbolTable::lookupSymbolIn(table, call.getCallee()))
      func::FuncOp::create(builder, call.getLoc(), call.getCallee(), call.getCalleeType()).setPrivate();
  });
}

/// Leaves of the functions' attributes what is about their parameters: the level's are set on the whole module later.
static void normalise(llvm::Module &kernels) {
  for (llvm::Function &function : kernels) {
    if (function.isIntrinsic())
      continue;
    function.setAttributes(function.getAttributes().removeFnAttributes(kernels.getContext()));
    if (!function.isDeclaration())
      function.addFnAttr(llvm::Attribute::AlwaysInline);
  }
  while (!kernels.named_metadata_empty())
    kernels.eraseNamedMetadata(&*kernels.named_metadata_begin());
}

llvm::Error cpu::linkKernels(llvm::Module &module, StringRef isa) {
  for (const Bitcode &bitcode : kBitcode) {
    if (bitcode.isa != isa)
      continue;
    StringRef bytes(reinterpret_cast<const char *>(bitcode.bytes.data()), bitcode.bytes.size());
    llvm::Expected<std::unique_ptr<llvm::Module>> kernels =
        llvm::parseBitcodeFile(llvm::MemoryBufferRef(bytes, "kernels"), module.getContext());
    if (!kernels)
      return kernels.takeError();
    normalise(**kernels);
    (*kernels)->setDataLayout(module.getDataLayout());
    (*kernels)->setTargetTriple(module.getTargetTriple());
    auto internalise = [](llvm::Module &linked, const llvm::StringSet<> &names) {
      for (const auto &name : names)
        if (llvm::GlobalValue *value = linked.getNamedValue(name.first()); value && !value->isDeclaration())
          value->setLinkage(llvm::GlobalValue::InternalLinkage);
    };
    if (llvm::Linker::linkModules(module, std::move(*kernels), llvm::Linker::LinkOnlyNeeded, internalise))
      return llvm::createStringError("linking micro-kernels failed");
  }
  return llvm::Error::success();
}
