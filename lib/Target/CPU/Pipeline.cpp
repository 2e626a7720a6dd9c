// The passes of the CPU target in order.
#include "ingot/Target/CPU/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace ingot;

namespace ingot::cpu {
#define GEN_PASS_REGISTRATION
#include "lib/Target/CPU/Passes.h.inc"
} // namespace ingot::cpu

namespace {
struct PipelineOptions : public PassPipelineOptions<PipelineOptions> {
  Option<int64_t> lanes{*this, "lanes", llvm::cl::desc("float32 elements of a vector register"), llvm::cl::init(8)};
  Option<int64_t> registers{*this, "registers", llvm::cl::desc("vector registers"), llvm::cl::init(16)};
  Option<bool> baseline{*this, "baseline", llvm::cl::desc("no instructions for float16, rounding, fused multiply-add"),
                        llvm::cl::init(false)};
  Option<std::string> kernels{*this, "kernels", llvm::cl::desc("ISA level of the micro-kernels; empty: none"),
                              llvm::cl::init("")};
};
} // namespace

/// Any pass of the generated kind whose options are lanes and registers.
template <typename Options> static Options machine(const cpu::CpuPipelineOptions &options) {
  Options result;
  result.lanes = options.lanes;
  result.registers = options.registers;
  return result;
}

void cpu::buildCpuPipeline(OpPassManager &manager, const CpuPipelineOptions &options) {
  // First, while programs are whole: everything below works on plain functions.
  manager.addPass(createOutlineBodies());
  auto contract = machine<LowerContractOptions>(options);
  contract.kernels = options.kernels.str();
  manager.addPass(createLowerContract(contract));
  manager.addPass(createLowerMap(machine<LowerMapOptions>(options)));
  manager.addPass(createLowerRow(machine<LowerRowOptions>(options)));
  manager.addPass(createLowerReduce(machine<LowerReduceOptions>(options)));
  manager.addPass(createLowerRope(machine<LowerRopeOptions>(options)));
  manager.addPass(createLowerAttention(machine<LowerAttentionOptions>(options)));
  manager.addPass(createLowerMoves(machine<LowerMovesOptions>(options)));
  manager.addPass(createLowerSample(machine<LowerSampleOptions>(options)));
  // After all lowering that computes: it leaves only what has instructions.
  manager.addPass(createExpandMath({options.baseline}));
  // Loop nests recompute offsets freely; fewer operations make the conversions below cheaper.
  manager.addPass(createCSEPass());
  // Subviews and reshapes become arithmetic on offsets, in affine, which the next pass lowers.
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertVectorToLLVMPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

void cpu::registerCpuPasses() {
  registerIngotTargetCPUPasses();
  PassPipelineRegistration<PipelineOptions>(
      "ingot-cpu-pipeline", "task programs to the llvm dialect",
      [](OpPassManager &manager, const PipelineOptions &options) {
        buildCpuPipeline(manager, {options.lanes, options.registers, options.baseline, options.kernels});
      });
}

void cpu::registerCpuTarget(DialectRegistry &registry) {
  registry.insert<LLVM::LLVMDialect, vector::VectorDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}
