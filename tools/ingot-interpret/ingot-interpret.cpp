// ingot-interpret: runs an entry of IR in text with the reference interpreter, for tests. It prints the outputs, or
// compares them with those of a second file: the check that a pass keeps a program's meaning.
#include "dialects/Registration.h"
#include "ingot/Interpreter/Generate.h"
#include "ingot/Interpreter/Models.h"
#include "ingot/Interpreter/Params.h"
#include "tools/ingot-interpret/Compare.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

using namespace ingot::interpreter;
using namespace llvm;

namespace {

struct Flags {
  cl::OptionCategory category{"ingot-interpret"};
  cl::opt<std::string> file{cl::Positional, cl::desc("FILE.mlir"), cl::init("-"), cl::cat(category)};
  cl::opt<std::string> entry{"entry", cl::desc("Entry to run"), cl::init("main"), cl::cat(category)};
  cl::opt<std::string> mode{"mode", cl::desc("exact or typed"), cl::init("exact"), cl::cat(category)};
  cl::opt<uint64_t> seed{"seed", cl::desc("Order of tasks"), cl::init(0), cl::cat(category)};
  cl::opt<std::string> params{"params", cl::desc("Parameters (safetensors); else random"), cl::cat(category)};
  cl::opt<uint64_t> random{"random-inputs", cl::desc("Seed of random inputs and parameters"), cl::init(0),
                           cl::cat(category)};
  cl::list<int64_t> range{"int-range", cl::desc("Bounds BEGIN,END of random integers"), cl::CommaSeparated,
                          cl::cat(category)};
  cl::list<std::string> input{"input",
                              cl::desc("Fixed input NAME=V,V,...; of several for one NAME each step takes the next"),
                              cl::cat(category)};
  cl::opt<unsigned> steps{"steps", cl::desc("Steps to run, with new random inputs"), cl::init(1), cl::cat(category)};
  cl::opt<std::string> compare{"compare", cl::desc("Second file; its outputs must agree"), cl::cat(category)};
  cl::opt<std::string> compareEntry{"compare-entry", cl::desc("Entry of the second file"), cl::cat(category)};
  cl::opt<uint64_t> compareSeed{"compare-seed", cl::desc("Order of tasks in the second file"), cl::init(1),
                                cl::cat(category)};
  cl::opt<double> tolerance{"tolerance", cl::desc("Largest absolute difference"), cl::init(0), cl::cat(category)};
  cl::opt<bool> accesses{"check-accesses", cl::desc("Hold tasks to the accesses they declare"), cl::cat(category)};
  cl::opt<unsigned> digits{"digits", cl::desc("Digits of printed floats"), cl::init(9), cl::cat(category)};
  cl::opt<bool> states{"print-states", cl::desc("Print states as well"), cl::cat(category)};
  cl::opt<unsigned> generate{"generate", cl::desc("Tokens to generate greedily"), cl::init(0), cl::cat(category)};
  cl::list<int64_t> tokens{"tokens", cl::desc("Prompt for --generate"), cl::CommaSeparated, cl::cat(category)};
  cl::opt<std::string> prefill{"prefill", cl::desc("Entry for the prompt"), cl::cat(category)};
  cl::opt<std::string> logits{"logits", cl::desc("File for the logits of --generate, as raw float64"),
                              cl::cat(category)};
};

/// A parsed file and its interpreter.
struct Loaded {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Interpreter> interpreter;
};

std::optional<RandomValues> valuesOf(const Flags &flags, unsigned step) {
  RandomValues values;
  values.seed = flags.random + step * 1000003;
  if (flags.range.size() == 2) {
    values.intBegin = flags.range[0];
    values.intEnd = flags.range[1];
  } else if (!flags.range.empty()) {
    return std::nullopt;
  }
  return values;
}

Loaded load(mlir::MLIRContext &context, StringRef path, const Flags &flags, uint64_t seed) {
  Loaded loaded;
  loaded.module = mlir::parseSourceFile<mlir::ModuleOp>(path, &context);
  if (!loaded.module)
    return loaded;
  ParamProvider provider = randomParams(*loaded.module, *valuesOf(flags, 0));
  if (!flags.params.empty()) {
    std::string error;
    auto file = safetensorsParams(flags.params, error);
    if (!file) {
      errs() << "ingot-interpret: " << error << '\n';
      loaded.module = {};
      return loaded;
    }
    provider = *file;
  }
  Options options{flags.mode == "typed" ? Mode::Typed : Mode::Exact, seed, flags.accesses};
  loaded.interpreter = std::make_unique<Interpreter>(*loaded.module, options, provider);
  return loaded;
}

/// Replaces an input by the numbers of NAME=V,V,...; one number fills it.
bool setInput(Arrays &inputs, StringRef text) {
  auto [name, list] = text.split('=');
  auto it = inputs.find(name);
  SmallVector<StringRef> parts;
  list.split(parts, ',');
  if (it == inputs.end() || (parts.size() != 1 && static_cast<int64_t>(parts.size()) != it->second.numElements())) {
    errs() << "ingot-interpret: --input=" << text << " does not fit an input of the entry\n";
    return false;
  }
  Array &array = it->second;
  for (int64_t i = 0; i < array.numElements(); ++i) {
    StringRef part = parts[parts.size() == 1 ? 0 : i].trim();
    Cell &cell = array.data()[i];
    if (isFloat(array.element()) ? part.getAsDouble(cell.f) : part.getAsInteger(0, cell.i)) {
      errs() << "ingot-interpret: expects a number, but got '" << part << "'\n";
      return false;
    }
  }
  return true;
}

std::optional<Arrays> inputsOf(const Signature &signature, const Flags &flags, unsigned step) {
  Arrays inputs = randomInputs(signature, *valuesOf(flags, step));
  StringMap<SmallVector<StringRef>> byName;
  for (const std::string &text : flags.input)
    byName[StringRef(text).split('=').first].push_back(text);
  for (const auto &[name, texts] : byName)
    if (!setInput(inputs, texts[step % texts.size()]))
      return std::nullopt;
  return inputs;
}

bool writeLogits(const std::string &path, ArrayRef<double> logits) {
  if (path.empty())
    return true;
  std::error_code error;
  raw_fd_ostream file(path, error);
  if (!error) {
    file.write(reinterpret_cast<const char *>(logits.data()), logits.size() * sizeof(double));
    file.close();
    error = file.error();
    file.clear_error();
  }
  if (error)
    errs() << "ingot-interpret: cannot write '" << path << "': " << error.message() << '\n';
  return !error;
}

int generate(Interpreter &interpreter, const Flags &flags) {
  DecoderEntries entries{flags.entry, flags.prefill};
  SmallVector<int64_t> prompt(flags.tokens.begin(), flags.tokens.end());
  std::vector<double> logits;
  auto keep = [&](ArrayRef<double> row) { logits.insert(logits.end(), row.begin(), row.end()); };
  auto tokens = greedyGenerate(interpreter, entries, prompt, flags.generate, keep);
  if (mlir::failed(tokens) || !writeLogits(flags.logits, logits))
    return 1;
  interleave(*tokens, outs(), " ");
  outs() << '\n';
  return 0;
}

int run(mlir::MLIRContext &context, const Flags &flags) {
  Loaded first = load(context, flags.file, flags, flags.seed), second;
  if (!first.module)
    return 1;
  if (flags.generate)
    return generate(*first.interpreter, flags);
  std::string secondEntry = flags.compareEntry.empty() ? flags.entry : flags.compareEntry;
  if (!flags.compare.empty() && !(second = load(context, flags.compare, flags, flags.compareSeed)).module)
    return 1;
  auto signature = first.interpreter->signatureOf(flags.entry);
  bool same = true;
  for (unsigned step = 0; step < flags.steps; ++step) {
    if (mlir::failed(signature))
      return 1;
    auto inputs = inputsOf(*signature, flags, step);
    if (!inputs)
      return 1;
    auto outputs = first.interpreter->run(flags.entry, *inputs);
    if (mlir::failed(outputs))
      return 1;
    if (!second.module) {
      printArrays(*outputs, flags.digits, outs());
      if (flags.states)
        printArrays(first.interpreter->saveStates(), flags.digits, outs());
      continue;
    }
    auto others = second.interpreter->run(secondEntry, *inputs);
    if (mlir::failed(others))
      return 1;
    same &= compareArrays(*outputs, *others, flags.tolerance, "output", outs());
    same &= compareArrays(first.interpreter->saveStates(), second.interpreter->saveStates(), flags.tolerance, "state",
                          outs());
  }
  if (!same)
    errs() << "ingot-interpret: the programs differ\n";
  return same ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  Flags flags;
  cl::HideUnrelatedOptions(flags.category);
  cl::ParseCommandLineOptions(argc, argv, "Ingot's reference interpreter\n");
  if ((flags.mode != "exact" && flags.mode != "typed") || !valuesOf(flags, 0)) {
    errs() << "ingot-interpret: expects --mode=exact or typed, and --int-range=BEGIN,END\n";
    return 2;
  }
  mlir::DialectRegistry registry;
  ingot::registerDialects(registry);
  registerInterpreterModels(registry);
  mlir::MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  // Shows the line of each message; files are opened when a message points into them.
  SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler(sources, &context);
  return run(context, flags);
}
