// Writes model.ingot: programs, code, parameters and the manifest that indexes them.
#pragma once

#include "dialects/Task/Task.h"
#include "ingot/Import/ParamStore.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/formats/Manifest.h"

#include <string>
#include <vector>

namespace ingot {

/// Code of one ISA level, with the programs that were planned for it.
struct ArtifactTarget {
  std::string isa;
  mlir::ModuleOp module; // the task programs, and the declarations of parameters and states
  std::vector<char> sharedObject;
};

struct ArtifactContents {
  std::string modelName;
  std::string tokenizerType;  // as in the manifest, or empty
  std::string tokenizerBytes; // the compiled form, except for "bytes"
  std::vector<int32_t> bos;   // what the tokenizer puts in front of a sequence
  std::vector<int32_t> eos;
  /// Values of symbolic dimensions by entry.
  std::map<std::string, std::vector<std::pair<std::string, int64_t>>> specialisations;
  std::vector<runtime::ManifestFallback> fallbacks;
  std::vector<ArtifactTarget> targets;                         // best first
  std::optional<runtime::TargetDescription> targetDescription; // that programs were scheduled for
  /// Write parameters to OUTPUT.safetensors beside the artifact.
  bool externalParams = false;
  /// A program that is put in front and makes the artifact an executable; empty: none.
  std::string runner;
};

/// Writes the artifact to `path`. The file appears complete or not at all. Parameters are packed into their stored
/// layout one at a time; equal inputs give equal bytes. Errors are diagnostics at `module` locations: a parameter
/// without data, data of another shape or element type, a failed write.
mlir::LogicalResult writeArtifact(const std::string &path, const ArtifactContents &contents, const ParamStore &params);

} // namespace ingot
