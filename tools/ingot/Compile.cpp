// ingot compile: turns a model into an artifact, or shows a stage on the way.
#include "Command.h"
#include "CompileTraining.h"
#include "Delegate.h"
#include "Progress.h"
#include "Support.h"

#include "ingot/Driver/Compile.h"
#include "ingot/Import/ONNX.h"
#include "ingot/Target/CPU/Target.h"

#include "runtime/formats/File.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

using namespace ingot;

namespace {

/// What the contract's command line has and this version does not do.
struct Absent {
  const char *flag;
  const char *metavar;
};

constexpr Absent kAbsent[] = {
    {"--quant", "int8|int4"},
    {"--grad-accum", "M"},
    {"--recompute", "none|full|sqrt|selective|budget=BYTES"},
    {"--mesh", "dp=2,tp=2"},
    {"--rules", "megatron,sp,zero1"},
};

const std::map<std::string, Stage> kStages = {{"ingot", Stage::Ingot},
                                              {"tile", Stage::Tile},
                                              {"task", Stage::Task},
                                              {"llvm", Stage::Llvm},
                                              {"artifact", Stage::Artifact}};

struct Arguments {
  CompileOptions options;
  std::vector<std::string> targets, dims, shapes;
  std::vector<std::string> params;
  std::string from = "ingot", emit = "artifact", logits = "last", description;
  std::map<std::string, std::string> absent;
};

void declare(CLI::App &app, Arguments &args) {
  CompileOptions &o = args.options;
  app.add_option("model", o.input, "MODEL.onnx, or MODEL.mlir in Ingot's text")->required()->type_name("MODEL");
  app.add_option("-o,--output", o.output, "file to write; - prints a stage in text")->required()->type_name("OUT");
  app.add_option("--target", args.targets,
                 "cpu (this machine's level), cpu:generic, cpu:avx2, cpu:avx512, cpu:avx512bf16; several give one "
                 "artifact for all")
      ->type_name("TARGET");
  app.add_option("--dim", args.dims, "extent of a symbolic dimension of an ONNX model")->type_name("NAME=N");
  app.add_option("--input-shape", args.shapes, "shape of an input of an ONNX model")->type_name("NAME=1x128");
  app.add_option("--max-seq", o.maxSeq, "positions of a decoder's cache: bounds prompt and output together")
      ->check(tool::whole(1, uint64_t(1) << 40))
      ->type_name("N");
  app.add_option("--batch", o.batch, "sequences that a decoder runs at once")
      ->check(tool::whole(1, uint64_t(1) << 40))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--prefill", o.prefill, "tokens per prefill step")
      ->check(tool::whole(1, uint64_t(1) << 40))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--logits", args.logits,
                 "of a prompt: of its last token alone, which is what generation needs, or of all tokens")
      ->check(tool::oneOf({"last", "all"}))
      ->type_name("last|all")
      ->capture_default_str();
  app.add_option("--workers", o.workers,
                 "worker queues of the default schedule (default: those of --target-description, or cores)")
      ->check(tool::whole(1, 1024))
      ->type_name("N");
  app.add_option("--target-description", args.description,
                 "schedule for this machine, as `ingot bench --calibrate` describes it")
      ->check([](const std::string &path) { return path.empty() ? std::string("expects a file, but got ''") : ""; })
      ->type_name("FILE.json");
  app.add_option(
         "--params", args.params,
         "FILE.safetensors with the parameters of a model in text, or `external`: write them beside the artifact")
      ->type_name("FILE|external");
  app.add_option("--precision", o.precision,
                 "what weights, cache and activations are stored in: f32 (as the model says) or bf16")
      ->check(tool::oneOf({"f32", "bf16"}, {"fp16"}))
      ->type_name("f32|bf16")
      ->capture_default_str();
  app.add_option(
         "--tokenizer", o.tokenizer,
         "bytes, or a file: tokenizer.json, a SentencePiece model, llama2.c's (default: what the model carries)")
      ->type_name("FILE|bytes");
  app.add_option("--from", args.from, "stage that a model in text is at: ingot, tile or task")
      ->type_name("STAGE")
      ->capture_default_str();
  app.add_option("--emit", args.emit,
                 "stage to write: ingot, tile, task, llvm or artifact; or exe, a program that is the artifact too")
      ->type_name("STAGE")
      ->capture_default_str();
  app.add_option("--save-temps", o.saveTemps, "folder for all stages in text")->type_name("DIR");
  tool::declareTraining(app, o);
  for (const Absent &absent : kAbsent)
    app.add_option(absent.flag, args.absent[absent.flag], "not supported yet")->type_name(absent.metavar);
}

/// What is not there yet is a failure; a value that makes no sense is bad usage.
int refuse(const std::string &message) {
  int usage = tool::badUsage("ingot compile", message);
  return message.find("not supported yet") != std::string::npos ? 1 : usage;
}

/// Where LLVM ends up without memory: by itself it would abort the process.
void endWithoutMemory(void *, const char *, bool) {
  static constexpr char kMessage[] = "ingot: out of memory\n";
  runtime::removeUnfinishedFiles();
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
  ::_exit(1);
}

/// Empty if every option asks for something that exists.
std::string checkAbsent(const Arguments &args) {
  for (const Absent &absent : kAbsent) {
    const std::string &value = args.absent.at(absent.flag);
    if (!value.empty())
      return std::string(absent.flag) + " " + value + " is not supported yet";
  }
  if (args.options.precision == "fp16")
    return "--precision fp16 is not supported yet";
  return {};
}

std::string setTargets(Arguments &args) {
  if (args.targets.empty())
    return {};
  args.options.isas.clear();
  for (const std::string &target : args.targets) {
    for (const char *other : {"cuda", "emulator"})
      if (target == other || target.rfind(std::string(other) + ":", 0) == 0)
        return "target '" + target + "' is not supported yet: expects cpu or cpu:LEVEL";
    bool leveled = target.rfind("cpu:", 0) == 0;
    if (target != "cpu" && !leveled)
      return "expects a target of cpu or cpu:LEVEL, but got '" + target + "'";
    std::string isa = leveled ? target.substr(4) : cpu::hostCpuIsa();
    if (!cpu::isCpuIsa(isa))
      return "expects a cpu level of generic, avx2, avx512 or avx512bf16, but got '" + isa + "'";
    for (size_t i = 0; i < args.options.isas.size(); ++i)
      if (args.options.isas[i] == isa)
        return "expects different targets, but '" + args.targets[i] + "' and '" + target + "' are the same here";
    args.options.isas.push_back(isa);
  }
  return {};
}

std::string setStage(const std::string &flag, const std::string &text, Stage &stage) {
  if (text == "cuda")
    return flag + " " + text + " is not supported yet";
  auto it = kStages.find(text);
  if (it == kStages.end())
    return "expects " + flag +
           (flag == "--from" ? " ingot, tile or task" : " ingot, tile, task, llvm, artifact or exe") + ", but got '" +
           text + "'";
  stage = it->second;
  return {};
}

std::string setStages(Arguments &args) {
  if (std::string error = setStage("--from", args.from, args.options.from); !error.empty())
    return error;
  bool executable = args.emit == "exe";
  if (std::string error = setStage("--emit", executable ? "artifact" : args.emit, args.options.emit); !error.empty())
    return error;
  if (executable) {
    args.options.runner = tool::findHelper("ingot-runner");
    if (args.options.runner.empty())
      return "--emit exe needs the program ingot-runner beside ingot-compiler, which is not there";
    if (std::count(args.params.begin(), args.params.end(), "external"))
      return "--emit exe with --params external is not supported yet";
  }
  if (args.options.from > Stage::Task)
    return "expects --from ingot, tile or task, but got '" + args.from + "'";
  if (args.options.from > Stage::Ingot && args.options.precision != "f32")
    return "--precision is for tensor programs, but got --from " + args.from;
  if (args.options.from > Stage::Ingot && args.logits != "last")
    return "--logits is for tensor programs, but got --from " + args.from;
  args.options.allLogits = args.logits == "all";
  if (args.options.from == Stage::Task && !args.description.empty())
    return "--target-description is for programs that are yet to be scheduled, but got --from task";
  if (args.options.emit < args.options.from)
    return "expects --emit to come after --from, but got '" + args.emit + "' and '" + args.from + "'";
  if (args.options.emit == Stage::Artifact && args.options.output == "-")
    return "expects a file for an artifact, but got -";
  return {};
}

std::string setShapes(Arguments &args) {
  OnnxImportOptions parsed;
  for (const std::string &text : args.dims)
    if (std::string error = parseDimOption(text, parsed); !error.empty())
      return error;
  for (const std::string &text : args.shapes)
    if (std::string error = parseInputShapeOption(text, parsed); !error.empty())
      return error;
  args.options.dims = parsed.dims;
  args.options.inputShapes = parsed.inputShapes;
  return {};
}

bool readDescription(Arguments &args) {
  if (args.description.empty())
    return true;
  runtime::Result<runtime::TargetDescription> read = runtime::readTargetDescription(args.description);
  if (read)
    args.options.targetDescription = *read;
  else
    std::fprintf(stderr, "ingot compile: %s\n", tool::printable(read.status().message()).c_str());
  return static_cast<bool>(read);
}

} // namespace

int tool::compileMain(int argc, char **argv) {
  CLI::App app("turns a model into an artifact", "ingot compile");
  Arguments args;
  declare(app, args);
  if (int exit = tool::parse(app, argc, argv); exit >= 0)
    return exit;
  if (std::string error = checkAbsent(args); !error.empty())
    return refuse(error);
  for (auto set : {setTargets, setStages, setShapes})
    if (std::string error = set(args); !error.empty())
      return refuse(error);
  if (std::string error = tool::checkTraining(app, args.options, args.from); !error.empty())
    return refuse(error);
  for (const std::string &params : args.params)
    if (params == "external")
      args.options.externalParams = true;
    else
      args.options.params = params;
  if (!readDescription(args))
    return 1;
  llvm::install_bad_alloc_error_handler(endWithoutMemory);
  tool::Progress progress;
  args.options.onPhase = [&](const std::string &phase) { phase.empty() ? progress.erase() : progress.show(phase); };
  return llvm::succeeded(compile(args.options)) ? 0 : 1;
}
