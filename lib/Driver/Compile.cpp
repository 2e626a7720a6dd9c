#include "ingot/Driver/Compile.h"

#include "dialects/Registration.h"
#include "ingot/Artifact/WriteArtifact.h"
#include "ingot/Model/Passes.h"
#include "ingot/Plan/Passes.h"
#include "ingot/Target/CPU/Passes.h"
#include "ingot/Target/CPU/Target.h"
#include "ingot/Train/Passes.h"
#include "lib/Driver/CheckStage.h"
#include "lib/Driver/LoadModel.h"
#include "lib/Driver/Messages.h"
#include "lib/Driver/Reproducer.h"
#include "lib/Driver/Tokenizers.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "runtime/formats/File.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

#include <thread>

using namespace mlir;
using namespace ingot;

void ingot::registerCompiler(DialectRegistry &registry) {
  registerDialects(registry);
  registerKernelModels(registry);
  registerDifferentiationModels(registry);
  cpu::registerCpuTarget(registry);
}

namespace {

class Compilation {
public:
  Compilation(const CompileOptions &options, MLIRContext *context) : options(options), context(context) {}

  LogicalResult run() {
    begin("reading " + options.input);
    FailureOr<LoadedModel> loaded = loadModel(options, context);
    if (failed(loaded))
      return failure();
    model = std::move(*loaded);
    if (failed(checkEntries()))
      return failure();
    if (options.from == Stage::Ingot && failed(runModelPasses()))
      return failure();
    if (options.emit == Stage::Ingot)
      return writeText(*model.module);
    if (options.emit == Stage::Artifact)
      return emitArtifact();
    if (options.isas.size() > 1)
      return fail("expects one --target for a stage in text, but got " + Twine(options.isas.size()));
    return emitStage(resolve(options.isas.front()));
  }

private:
  void begin(const std::string &phase) const {
    if (options.onPhase)
      options.onPhase(phase);
  }

  LogicalResult fail(const Twine &message) { return emitError(UnknownLoc::get(context)) << message; }

  static std::string resolve(const std::string &isa) { return isa == "host" ? cpu::hostCpuIsa() : isa; }

  unsigned workers() const {
    if (options.workers)
      return options.workers;
    return options.targetDescription ? options.targetDescription->workers
                                     : std::max(1u, std::thread::hardware_concurrency());
  }

  /// The module must be at the stage that --from says, with entries of static shape.
  LogicalResult checkEntries() {
    if (failed(checkStage(*model.module, options)))
      return failure();
    if (options.from == Stage::Task)
      return success();
    bool found = false;
    for (auto func : model.module->getOps<func::FuncOp>()) {
      found |= func.isPublic() && !func.isDeclaration();
      for (Type type : llvm::concat<const Type>(func.getArgumentTypes(), func.getResultTypes()))
        if (auto shaped = dyn_cast<ShapedType>(type); shaped && !shaped.hasStaticShape())
          return func.emitError() << "expects entries of static shape, but '" << func.getSymName() << "' has " << type;
    }
    if (!found)
      return fail("'" + options.input + "' has no entry: expects a public function");
    return options.optimizer.empty() ? success() : checkLoss();
  }

  static constexpr llvm::StringLiteral kLoss = "loss";

  static bool isScalar(Type type) {
    auto shaped = dyn_cast<ShapedType>(type);
    return shaped && shaped.hasRank() && shaped.getRank() == 0;
  }

  /// What is to be trained must say what it is to lose.
  LogicalResult checkLoss() {
    auto loss = model.module->lookupSymbol<func::FuncOp>(kLoss);
    if (!loss || !loss.isPublic() || loss.isDeclaration())
      return fail("'" + options.input + "' has no entry '" + kLoss + "', which --train needs");
    if (options.zLoss != 0 && loss.getNumResults() == 1 && isScalar(loss.getResultTypes()[0]))
      return loss.emitError() << "--z-loss is for models that return logits, but '" << kLoss << "' returns a loss";
    return success();
  }

  LogicalResult runPasses(ModuleOp module, function_ref<void(OpPassManager &)> build) {
    PassManager manager = PassManager::on<ModuleOp>(context);
    build(manager);
    return runWithReproducer(manager, module, (options.output == "-" ? "ingot" : options.output) + ".reproducer.mlir");
  }

  LogicalResult runModelPasses() {
    begin("rewriting the model");
    ModelOptions modelOptions;
    modelOptions.sampling = true;
    modelOptions.lastRowLogits = !options.allLogits;
    modelOptions.compute = options.precision == "f32" ? "" : options.precision;
    modelOptions.hoistConstants = options.optimizer.empty();
    auto build = [&](OpPassManager &manager) {
      if (!options.optimizer.empty())
        manager.addPass(createAddLoss({kLoss.str(), options.zLoss}));
      buildModelPipeline(manager, modelOptions);
      if (!options.optimizer.empty())
        addTraining(manager);
    };
    if (failed(saveTemp(*model.module, "0-imported")) || failed(runPasses(*model.module, build)))
      return failure();
    if (!options.optimizer.empty())
      model.module->lookupSymbol(kLoss)->erase(); // the step has it
    collectFallbacks();
    return saveTemp(*model.module, "1-model");
  }

  void addTraining(OpPassManager &manager) const {
    TrainOptions train;
    train.optimizer = options.optimizer;
    train.beta1 = options.beta1;
    train.beta2 = options.beta2;
    train.eps = options.eps;
    train.momentum = options.momentum;
    train.weightDecay = options.weightDecay.value_or(options.optimizer == "adamw" ? 0.1 : 0.0);
    train.clipNorm = options.clipNorm;
    buildTrainPipeline(manager, train);
    manager.addPass(createHoistConstants());
  }

  /// Work that takes the slow way, by op and location.
  void collectFallbacks() {
    model.module->walk([&](SoftmaxOp op) {
      bool weighsValues = llvm::any_of(op->getUsers(), [](Operation *user) { return isa<DotOp>(user); });
      if (weighsValues)
        fallbacks.push_back({op->getName().getStringRef().str(), locationText(op.getLoc()),
                             "attention is not fused: scores are stored in memory"});
    });
  }

  static std::string locationText(Location loc) {
    std::string text;
    llvm::raw_string_ostream os(text);
    LocationAttr(loc).print(os);
    return text;
  }

  LogicalResult plan(ModuleOp module, const std::string &isa) {
    begin("planning for " + isa);
    PlanOptions plan = {isa, workers(),
                        options.targetDescription ? options.targetDescription->costs : program::CostModel()};
    if (options.from == Stage::Task) {
      for (auto program : module.getOps<task::ProgramOp>())
        program.setTargetAttr(task::CpuTargetAttr::get(context, isa));
      return runPasses(module,
                       [&](OpPassManager &manager) { manager.nest<task::ProgramOp>().addPass(createVerifyProgram()); });
    }
    if (options.from == Stage::Ingot) {
      auto build = [&](OpPassManager &manager) { buildKernelPipeline(manager); };
      if (failed(runPasses(module, build)) || failed(saveTemp(module, "2-tile")))
        return failure();
    }
    if (options.emit == Stage::Tile)
      return success();
    return failure(failed(runPasses(module, [&](OpPassManager &manager) { buildTaskPipeline(manager, plan); })) ||
                   failed(saveTemp(module, "3-task-" + isa)));
  }

  LogicalResult emitStage(const std::string &isa) {
    if (failed(plan(*model.module, isa)))
      return failure();
    if (options.emit != Stage::Llvm)
      return writeText(*model.module);
    FailureOr<std::string> text = cpu::emitLLVMForCpu(programsOf(*model.module), {isa});
    return failed(text) ? failure() : writeText(*text);
  }

  static SmallVector<task::ProgramOp> programsOf(ModuleOp module) {
    return SmallVector<task::ProgramOp>(module.getOps<task::ProgramOp>());
  }

  /// The least that an entry's logits have for a row, at any stage; 0 if there are no logits.
  int64_t vocabulary() {
    int64_t least = 0;
    auto see = [&](Attribute role, Type type) {
      auto logits = dyn_cast_or_null<StringAttr>(role);
      auto shaped = dyn_cast<ShapedType>(type);
      if (logits && logits.getValue() == runtime::kRoleLogits && shaped && shaped.getRank() > 0)
        least = least ? std::min(least, shaped.getShape().back()) : shaped.getShape().back();
    };
    model.module->walk([&](func::FuncOp func) {
      for (unsigned i = 0; i < func.getNumResults(); ++i)
        see(func.getResultAttr(i, IngotDialect::kRole), func.getResultTypes()[i]);
    });
    model.module->walk(
        [&](task::BufferOp buffer) { see(buffer->getAttr(IngotDialect::kRole), buffer.getMemRefType()); });
    return least;
  }

  LogicalResult emitArtifact() {
    ArtifactContents contents;
    contents.modelName = model.name;
    contents.specialisations = model.specialisations;
    contents.fallbacks = fallbacks;
    contents.externalParams = options.externalParams;
    contents.targetDescription = options.targetDescription;
    if (contents.targetDescription)
      contents.targetDescription->workers = workers(); // that schedules were made for
    contents.runner = options.runner;
    if (failed(chooseTokenizer(options.tokenizer, model.metadata, vocabulary(), context, contents)))
      return failure();
    SmallVector<OwningOpRef<ModuleOp>> planned;
    for (const std::string &requested : options.isas) {
      std::string isa = resolve(requested);
      planned.push_back(model.module->clone());
      if (failed(plan(*planned.back(), isa)))
        return failure();
      begin("compiling for " + isa);
      FailureOr<cpu::CpuCode> code = cpu::compileForCpu(programsOf(*planned.back()), {isa});
      if (failed(code))
        return failure();
      contents.targets.push_back({isa, *planned.back(), std::move(code->sharedObject)});
    }
    begin("writing " + options.output);
    return writeArtifact(options.output, contents, model.params);
  }

  LogicalResult writeText(ModuleOp module) {
    std::string text;
    llvm::raw_string_ostream os(text);
    module.print(os);
    return writeText(os.str());
  }

  LogicalResult writeText(StringRef text) {
    if (options.output == "-") {
      llvm::outs() << text;
      llvm::outs().flush();
      std::error_code error = llvm::outs().error();
      llvm::outs().clear_error(); // LLVM would end the process
      return error ? fail("cannot write to standard output: " + error.message()) : success();
    }
    auto file = runtime::AtomicFile::create(options.output);
    runtime::Status status =
        file.ok() ? file->writeAt(0, std::as_bytes(std::span(text.data(), text.size()))) : file.status();
    if (status.ok())
      status = file->commit();
    return status.ok() ? success() : fail(status.message());
  }

  LogicalResult saveTemp(ModuleOp module, const Twine &name) {
    if (options.saveTemps.empty())
      return success();
    if (std::error_code error = llvm::sys::fs::create_directories(options.saveTemps))
      return fail("cannot create '" + options.saveTemps + "': " + error.message());
    std::string message, path = (options.saveTemps + "/" + name + ".mlir").str();
    auto file = openOutputFile(path, &message);
    if (!file)
      return fail(message);
    module.print(file->os());
    file->keep();
    return success();
  }

  const CompileOptions &options;
  MLIRContext *context;
  LoadedModel model;
  std::vector<runtime::ManifestFallback> fallbacks;
};

} // namespace

LogicalResult ingot::compile(const CompileOptions &options) {
  DialectRegistry registry;
  registerCompiler(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.printOpOnDiagnostic(false); // messages are for people who wrote a model, not a pass
  MessagePrinter messages(&context, [&] {
    if (options.onPhase)
      options.onPhase("");
  });
  return Compilation(options, &context).run();
}
