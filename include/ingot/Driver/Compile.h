// The compile pipeline as a library: a model file in, an artifact or an intermediate stage out.
#pragma once

#include "mlir/IR/DialectRegistry.h"
#include "runtime/formats/TargetDescription.h"
#include "llvm/Support/LogicalResult.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ingot {

/// Stages at which a compilation can begin (text models) and end.
enum class Stage { Ingot, Tile, Task, Llvm, Artifact };

struct CompileOptions {
  std::string input;  // .onnx or .mlir
  std::string output; // "-": stdout, for stages in text
  Stage from = Stage::Ingot;
  Stage emit = Stage::Artifact;
  std::vector<std::string> isas = {"host"}; // CPU ISA levels
  std::map<std::string, int64_t> dims;      // --dim NAME=N
  std::map<std::string, std::vector<int64_t>> inputShapes;
  int64_t maxSeq = 0; // 0: what the model says
  int64_t prefill = 64;
  int64_t batch = 1;
  std::string precision = "f32";                               // or "bf16": what a float32 model is computed in
  bool allLogits = false;                                      // of every row of a prompt, not of the last one alone
  unsigned workers = 0;                                        // 0: the cores of this machine
  std::optional<runtime::TargetDescription> targetDescription; // of the machine that schedules are made for
  std::string optimizer;                                       // sgd, adam or adamw: the model is trained; empty: not
  int64_t trainBatch = 8;                                      // sequences of a step, for ONNX decoders
  std::optional<int64_t> trainRows;  // and their tokens; if none are given 64, but no more than the model has positions
  double zLoss = 0;                  // for models that return logits
  double clipNorm = 0;               // of all gradients together; 0: any
  std::optional<double> weightDecay; // none: 0.1 with adamw, else 0
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8, momentum = 0.9;
  std::string params; // safetensors for a model in text
  bool externalParams = false;
  std::string tokenizer; // "bytes", or a tokenizer file; empty: what the model carries
  std::string runner;    // program to put in front of an artifact, which makes it an executable; empty: none
  std::string saveTemps; // folder for the stages in text
  /// Told what begins, "compiling for avx2"; empty text: a message is about to be printed.
  std::function<void(const std::string &phase)> onPhase;
};

/// Everything that compiling needs: dialects, kernel models, CPU target.
void registerCompiler(mlir::DialectRegistry &registry);

/// Runs a compilation. Errors go to stderr as diagnostics; no partial output is left behind.
llvm::LogicalResult compile(const CompileOptions &options);

} // namespace ingot
