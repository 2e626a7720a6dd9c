// What a run can be gone on from: a safetensors file with the weights under the names of the model, row-major, so that
// it also serves as `--params`, the moments of the optimizer under theirs, and where the run stands in its metadata.
#pragma once

#include "runtime/session/Session.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot::runtime {

/// Where a run stands beside its tensors. What must be equal to go on to the same bits comes first.
struct TrainingPosition {
  std::string model;
  uint64_t batch = 0, sequence = 0, seed = 0;
  uint64_t dataTokens = 0, dataChecksum = 0;

  uint64_t step = 0;             // steps done
  uint64_t nextBatch = 0;        // number of the batch that is read next
  std::vector<uint64_t> skipped; // batches that were passed over, ascending
  double averageLoss = 0;        // running, see RunningAverage
  uint64_t averageCount = 0;

  bool operator==(const TrainingPosition &) const = default;
};

/// What a checkpoint of a session holds, found once; the values are copied each time.
class CheckpointSource {
public:
  /// The parameters (where a state of `entry` starts as one: that state) and the other states of `entry`. Fails if two
  /// states start as one parameter.
  static Result<CheckpointSource> create(Session &session, const Session::Entry &entry);

  /// Copies all values and makes the file's text in front of them: `image` is the file from then on. Its memory is
  /// reused.
  Status take(const Session &session, const TrainingPosition &position, std::vector<std::byte> &image) const;

  /// Reads a file into the states, and its other parameters into the session where they differ. Fails without changing
  /// anything: `corrupt` if it is damaged or no checkpoint, `invalidArgument` if it is one of another model, or made
  /// under other conditions than `expected` says.
  Status restore(const std::string &path, Session &session, const TrainingPosition &expected,
                 TrainingPosition &position) const;

private:
  struct Item {
    std::string name;
    program::DType dtype = program::DType::f32;
    std::vector<int64_t> shape;
    int64_t state = -1; // index in the manifest; -1: a parameter that does not change
    size_t param = 0;
  };
  std::vector<Item> items;
};

} // namespace ingot::runtime
