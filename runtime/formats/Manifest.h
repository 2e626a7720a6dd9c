// manifest.json: the one index of an artifact.
#pragma once

#include "runtime/formats/TargetDescription.h"
#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ingot::runtime {

inline constexpr int64_t kManifestFormat = 1;
/// The version of this runtime, compared with a manifest's min_runtime.
inline constexpr const char *kRuntimeVersion = "0.1.0";
inline constexpr const char *kManifestMember = "manifest.json";

/// What an input or output means to the runtime; empty for tensors that only the caller understands.
inline constexpr const char *kRoleTokens = "tokens"; // i32[B,C]
inline constexpr const char *kRoleStart = "start";   // i32[B]
inline constexpr const char *kRoleCount = "count";   // i32[B]
inline constexpr const char *kRoleLogits = "logits"; // f32[B,C,V] of all rows, or f32[B,1,V] of the last counted one
inline constexpr const char *kRoleNext = "next";     // i32[B], the token chosen from the logits of the last counted row
// How it is chosen: inputs [B] that the caller may leave out, which means 0. docs/generation.md defines them.
inline constexpr const char *kRoleSampled = "sampled";         // i32, how many of the step's tokens were sampled
inline constexpr const char *kRoleTemperature = "temperature"; // f32
inline constexpr const char *kRoleTopK = "top_k";              // i32
inline constexpr const char *kRoleTopP = "top_p";              // f32
inline constexpr const char *kRolePresence = "presence_penalty";
inline constexpr const char *kRoleFrequency = "frequency_penalty";
inline constexpr const char *kRoleRepetition = "repetition_penalty";
inline constexpr const char *kRoleSeed = "seed"; // i64
// A step of training: what each position should have predicted, how much it counts, the learning rate and the number of
// the step, counted from 1; the loss and the norm of all gradients before clipping.
inline constexpr const char *kRoleTargets = "targets"; // i32[B,T] like the tokens
inline constexpr const char *kRoleWeights = "weights"; // f32[B,T]
inline constexpr const char *kRoleLr = "lr";           // f32, one element
inline constexpr const char *kRoleStep = "step";       // i32, one element
inline constexpr const char *kRoleLoss = "loss";       // f32, one element
inline constexpr const char *kRoleGradNorm = "grad_norm";
inline constexpr const char *kSamplingRoles[] = {kRoleSampled,  kRoleTemperature, kRoleTopK,       kRoleTopP,
                                                 kRolePresence, kRoleFrequency,   kRoleRepetition, kRoleSeed};
/// The role of a state that is a KV cache: shape [.., slot, kv_head, max_seq, head_dim].
inline constexpr const char *kRoleKv = "kv";
/// The role of a state that counts tokens: i32[slot, prompt|sampled, vocabulary].
inline constexpr const char *kRoleCounts = "counts";

/// Whether an input of this role belongs to the choice of the next token.
bool isSamplingRole(std::string_view role);

/// An input or output of an entry.
struct ManifestTensor {
  std::string name; // in the model
  program::DType dtype = program::DType::f32;
  std::vector<int64_t> shape;
  std::string role;
  /// Integer inputs that index something: the smallest and largest value allowed, checked before every step.
  std::optional<std::pair<int64_t, int64_t>> range;
};

/// A step that can be run.
struct ManifestEntry {
  std::string name;
  std::vector<std::pair<std::string, int64_t>> specialisation; // values of the model's symbolic dimensions
  std::vector<ManifestTensor> inputs, outputs;
  std::vector<std::pair<std::string, std::string>> program; // isa -> member with the task program
  std::string launch = "megakernel";                        // how it is launched unless the caller says otherwise

  const ManifestTensor *inputOfRole(std::string_view role) const;
  const ManifestTensor *outputOfRole(std::string_view role) const;
  /// Whether its tokens come with targets: they are read as a whole, not put at positions of a sequence.
  bool trains() const { return inputOfRole(kRoleTargets); }
};

/// A weight, or a constant of the program, which files of weights neither have nor replace. `shape` is the shape as
/// stored, which differs from the model's where `layout` is not row-major ("").
struct ManifestParam {
  std::string name;
  program::DType dtype = program::DType::f32;
  std::vector<int64_t> shape;
  std::string layout;
  std::string member;  // or the external file's name
  uint64_t offset = 0; // bytes from the start of the member
  std::string sha256;  // of the stored bytes, 64 lower-case hex digits
  bool constant = false;
};

struct ManifestState {
  std::string name;
  program::DType dtype = program::DType::f32;
  std::vector<int64_t> shape;
  double init = 0;               // value of every element after a reset, unless `param` says otherwise
  std::string role;              // kRoleKv, kRoleCounts or empty
  std::vector<std::string> from; // the model's inputs and outputs that became this state
  std::string param;             // the parameter that it starts as, whose row-major shape it has; or empty
};

/// Compiled code for one ISA: "avx512", "avx2", "generic", ... for CPUs, "sm_90a", ... for GPUs.
struct ManifestTarget {
  std::string isa;
  std::string member;
};

/// What the compiler planned, in bytes (see planMemory). The runtime takes just that.
struct ManifestMemory {
  /// Of one entry's program for one isa. A session shares one arena and one private memory per worker between its
  /// entries.
  struct Entry {
    std::string name, isa;
    uint64_t arena = 0, inputs = 0, outputs = 0;
    uint64_t privatePerWorker = 0; // largest need of one body, as a multiple of 64
    bool operator==(const Entry &) const = default;
  };
  uint64_t params = 0, state = 0;
  std::vector<Entry> entries;
};

/// Work that could not take the fast way.
struct ManifestFallback {
  std::string op, location, reason;
};

struct ManifestTokenizer {
  std::string type;         // "bytes", or what it was compiled from: "llama2c", "sentencepiece", "huggingface"
  std::string member;       // its compiled form, except for "bytes"
  std::vector<int32_t> bos; // put in front of a sequence
};

struct Manifest {
  std::string minRuntime = kRuntimeVersion;
  std::vector<std::pair<std::string, std::string>> model; // "name" and what else is worth showing
  std::optional<ManifestTokenizer> tokenizer;
  std::vector<int32_t> eos;
  std::vector<ManifestEntry> entries;
  std::vector<ManifestParam> params;
  std::string externalParams; // file beside the artifact that holds all weights; empty if a member does
  std::vector<ManifestState> state;
  std::vector<ManifestTarget> targets;                // best first
  std::optional<TargetDescription> targetDescription; // the machine that programs were scheduled for, if one was given
  ManifestMemory memory;
  std::vector<std::pair<std::string, uint64_t>> flops; // entry -> operations of one step
  std::vector<ManifestFallback> fallbacks;

  const ManifestEntry *findEntry(std::string_view name) const;
  const ManifestParam *findParam(std::string_view name) const;
  const ManifestState *findState(std::string_view name) const;
  std::string modelName() const;
  /// What schedules are made with: those of the target description, else the built-in ones.
  program::CostModel costs() const;
};

/// What a session takes to run `program` as `entry`.
ManifestMemory::Entry memoryOf(const ManifestEntry &entry, std::string_view isa, const program::Program &program);

/// The memory section of a manifest whose params, state and entries are complete; `entries` come from memoryOf.
ManifestMemory planMemory(const Manifest &manifest, std::vector<ManifestMemory::Entry> entries);

/// Reads and checks a manifest: known keys only, every key present, names unique, sizes without overflow, members with
/// safe names, dtypes and roles known, shapes of roles as documented. Whether members exist is up to the archive's
/// reader. Fails with `unsupported` if it needs a newer runtime, else with `corrupt`; the message names the place.
Result<Manifest> parseManifest(std::string_view text);

/// The text of a manifest; equal manifests give equal text. Expects UTF-8 names.
std::string printManifest(const Manifest &manifest);

} // namespace ingot::runtime
