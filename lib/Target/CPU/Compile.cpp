// Task programs to LLVM IR to an object to a shared object.
#include "ingot/Target/CPU/Passes.h"
#include "ingot/Target/CPU/Target.h"

#include "lib/Target/CPU/Isa.h"
#include "lib/Target/CPU/Kernels.h"
#include "lib/Target/CPU/Link.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace ingot;
using namespace ingot::cpu;

namespace {

/// LLVM's side of one compilation.
struct LlvmModule {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::TargetMachine> machine;
  const IsaLevel *level = nullptr;
  std::vector<std::string> symbols;
};

} // namespace

/// The level that options and programs ask for.
static FailureOr<const IsaLevel *> selectLevel(ArrayRef<task::ProgramOp> programs, const CpuTargetOptions &options) {
  std::string isa = options.isa;
  task::ProgramOp first = programs.front();
  for (task::ProgramOp program : programs) {
    auto target = dyn_cast<task::CpuTargetAttr>(program.getTarget());
    if (!target)
      return program.emitOpError() << "expects a cpu target, but got " << program.getTarget();
    if (options.isa.empty() && !isa.empty() && isa != target.getIsa())
      return program.emitOpError() << "expects the target \"" << isa << "\" of the program before, but got " << target;
    if (options.isa.empty())
      isa = target.getIsa();
  }
  if (isa == "host")
    isa = hostCpuIsa();
  const IsaLevel *level = findIsaLevel(isa);
  if (!level)
    return first.emitOpError()
           << "expects an ISA level (generic, avx2, avx512, avx512bf16, aarch64 or host), but got \"" << isa << '"';
  return level;
}

/// Makes x86-64 and AArch64 known to LLVM, whichever this machine is. A static compiler has only one of them.
static void initialiseTargets() {
  static const bool done = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    return true;
  }();
  (void)done;
}

static std::unique_ptr<llvm::TargetMachine> makeMachine(const IsaLevel &level, std::string &error) {
  initialiseTargets();
  // Nothing of this machine goes into the code but the operating system's ABI.
  llvm::Triple triple((level.architecture + "-unknown-linux-gnu").str());
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  // Only what carries the `contract` flag may fuse.
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, level.cpu, level.features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// What the module exports: the bodies, and nothing of what is linked into it later.
static void collectSymbols(LlvmModule &code) {
  for (llvm::Function &function : *code.module)
    if (!function.isDeclaration())
      code.symbols.push_back(function.getName().str());
  std::sort(code.symbols.begin(), code.symbols.end());
}

static void setTarget(LlvmModule &code) {
  code.module->setDataLayout(code.machine->createDataLayout());
  code.module->setTargetTriple(code.machine->getTargetTriple());
  code.module->setModuleIdentifier("ingot");
  code.module->setSourceFileName("ingot");
}

/// Attributes that pin the ISA level and keep calls to libraries out.
static void setAttributes(LlvmModule &code) {
  for (llvm::Function &function : *code.module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", code.level->cpu);
    if (!code.level->features.empty())
      function.addFnAttr("target-features", code.level->features);
    function.addFnAttr("prefer-vector-width", std::to_string(code.level->options.lanes * 32));
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

static void optimise(LlvmModule &code) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  // Without library functions no loop becomes a call of memset or memcpy.
  llvm::TargetLibraryInfoImpl library(code.machine->getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  llvm::PassBuilder builder(code.machine.get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(calls);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, calls, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(*code.module, modules);
}

/// Programs to optimised LLVM IR. The programs are cloned first: passes consume what they lower.
static FailureOr<LlvmModule> compileToLLVM(ArrayRef<task::ProgramOp> programs, const CpuTargetOptions &options) {
  assert(!programs.empty() && "expects at least one program");
  FailureOr<const IsaLevel *> level = selectLevel(programs, options);
  if (failed(level))
    return failure();
  task::ProgramOp first = programs.front();
  OwningOpRef<ModuleOp> module = ModuleOp::create(first.getLoc());
  for (task::ProgramOp program : programs)
    module->push_back(program->clone());
  PassManager manager(first.getContext());
  buildCpuPipeline(manager, (*level)->options);
  if (failed(manager.run(*module)))
    return failure();

  LlvmModule code;
  code.level = *level;
  std::string error;
  code.machine = makeMachine(**level, error);
  if (!code.machine)
    return first.emitError() << "code for \"" << (*level)->name
                             << "\" is not supported yet by this compiler: " << error;
  code.context = std::make_unique<llvm::LLVMContext>();
  code.module = translateModuleToLLVMIR(*module, *code.context, "ingot");
  if (!code.module)
    return first.emitError() << "translation to LLVM IR failed";
  collectSymbols(code);
  setTarget(code);
  if (llvm::Error failure = linkKernels(*code.module, (*level)->options.kernels))
    return first.emitError() << llvm::toString(std::move(failure));
  setAttributes(code);
  optimise(code);
  return code;
}

static FailureOr<std::vector<char>> emitObject(LlvmModule &code, Location location) {
  SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager manager;
  if (code.machine->addPassesToEmitFile(manager, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return emitError(location) << "objects for \"" << code.level->name << "\" are not supported yet";
  manager.run(*code.module);
  return std::vector<char>(buffer.begin(), buffer.end());
}

FailureOr<CpuCode> cpu::compileForCpu(ArrayRef<task::ProgramOp> programs, const CpuTargetOptions &options) {
  FailureOr<LlvmModule> code = compileToLLVM(programs, options);
  if (failed(code))
    return failure();
  task::ProgramOp first = programs.front();
  FailureOr<std::vector<char>> object = emitObject(*code, first.getLoc());
  if (failed(object))
    return failure();
  llvm::Expected<std::vector<char>> linked = linkSharedObject(*object, code->symbols);
  if (!linked)
    return first.emitError() << llvm::toString(linked.takeError());
  return CpuCode{code->level->name.str(), std::move(*linked), code->symbols};
}

FailureOr<std::string> cpu::emitLLVMForCpu(ArrayRef<task::ProgramOp> programs, const CpuTargetOptions &options) {
  FailureOr<LlvmModule> code = compileToLLVM(programs, options);
  if (failed(code))
    return failure();
  std::string text;
  llvm::raw_string_ostream stream(text);
  code->module->print(stream, nullptr);
  return text;
}
