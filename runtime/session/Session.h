// A session: the state of one sequence (or batch) and all memory to run the entries of an artifact on it.
#pragma once

#include "runtime/cpu/Step.h"
#include "runtime/session/Artifact.h"
#include "runtime/session/CpuTarget.h"
#include "runtime/session/Memory.h"
#include "runtime/session/Params.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::runtime {

struct SessionOptions {
  bool eager = false;
  std::optional<program::CostModel> costs;  // of this machine, to schedule by; without: as the artifact says
  std::optional<uint64_t> interleavingSeed; // run on one thread in random legal orders (tests)
  uint64_t memoryLimit = 0;                 // bytes, 0: none
};

/// A dense row-major tensor of the caller.
struct TensorView {
  program::DType dtype = program::DType::f32;
  std::span<const int64_t> shape;
  std::byte *data = nullptr; // only read where the tensor is an input
};

/// One sequence of the batch: its positions in the cache, and its last token, which is not in it yet (-1: none).
struct SlotState {
  int64_t position = 0;
  int32_t pendingToken = -1;
};

/// Belongs to one thread at a time; only `cancel` may be called from others.
class Session {
public:
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<Artifact> artifact, std::shared_ptr<CpuTarget> target,
                                                 const SessionOptions &options);

  /// State to its initial values, position to 0; ends a cancellation and makes a session usable again after one.
  Status reset();

  /// A session of its own that continues from here: same parameters, copied state.
  Result<std::unique_ptr<Session>> fork() const;
  /// Slot `to` continues from where slot `from` stands, with a copy of its state.
  Status forkSlot(size_t from, size_t to);

  /// Runs a step of `entry`. Tensors come in the order of the manifest and must have its dtypes and shapes.
  Status run(std::string_view entry, std::span<const TensorView> inputs, std::span<const TensorView> outputs);

  /// Uses the weights of a safetensors file (row-major) instead of the artifact's. Fails, changing nothing, if one is
  /// missing or has another type. States that start as a parameter take its new value.
  Status loadParams(const std::string &path);
  Status saveParams(const std::string &path) const;

  /// Stops what runs, or what is run next if nothing does. May be called from any thread and from signal handlers.
  void cancel() { cancelled.store(true, std::memory_order_relaxed); }

  /// One entry with its memory.
  struct Entry {
    std::shared_ptr<const PreparedEntry> prepared;
    std::vector<std::byte *> inputs, outputs; // in the order of the manifest
    std::vector<std::byte *> buffers;         // of the program
    std::unique_ptr<Step> step;

    const ManifestEntry &manifest() const { return *prepared->manifest; }
    /// Address of the input or output with a role; null if there is none.
    std::byte *inputOfRole(std::string_view role) const;
    std::byte *outputOfRole(std::string_view role) const;
  };
  /// Null if there is none.
  Entry *findEntry(std::string_view name);

  /// Checks what the inputs of `entry` hold and runs one step on them.
  Status runStep(Entry &entry);
  /// The same, and goes on in one launch as long as `between`, which may change the inputs after each step, returns
  /// true. It must leave only inputs that `runStep` would accept.
  Status runSteps(Entry &entry, const std::function<bool()> &between);

  /// Whether a cancellation is pending; taking it also ends it.
  bool takeCancellation() { return cancelled.exchange(false); }

  Artifact &artifact() const { return *file; }
  /// Elements of a state, row-major, by its index in the manifest.
  std::span<std::byte> stateBytes(size_t index) const;
  /// Copies a parameter row-major, as elements of `dtype`, by its index in the manifest.
  Status copyParam(size_t index, program::DType dtype, std::byte *out) const {
    return params->copyTo(*file, index, dtype, out);
  }
  uint32_t workers() const { return target->executor->workers(); }
  const MemoryCount &memory() const { return block.taken(); }
  uint64_t paramBytes() const;

  /// Where generation stands, by slot.
  std::vector<SlotState> slots;

private:
  Session(std::shared_ptr<Artifact> artifact, std::shared_ptr<CpuTarget> target, const SessionOptions &options)
      : file(std::move(artifact)), target(std::move(target)), options(options) {}
  Status prepareEntries();
  Status allocate();
  void bindSteps();
  Status startAsParams();
  Status checkInputs(const Entry &entry) const;
  Status checkPositions(const Entry &entry) const;
  Status checkSampling(const Entry &entry) const;

  std::shared_ptr<Artifact> file;
  std::shared_ptr<CpuTarget> target;
  SessionOptions options;
  std::shared_ptr<const ParamSet> params;
  Status missingParams; // until some are loaded
  MemoryBlock block;
  std::vector<std::byte *> states; // in the order of the manifest
  std::byte *arena = nullptr;
  std::byte *privateBase = nullptr;
  uint64_t privateStride = 0;
  std::vector<Entry> entries; // in the order of the manifest
  std::atomic<bool> cancelled{false};
  bool broken = false; // a step was aborted: the state is neither old nor new
  uint64_t steps = 0;  // for interleaving seeds
};

} // namespace ingot::runtime
