// The files of a run: DIR/step-000060.safetensors.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace ingot::runtime {

/// "DIR/step-000060.safetensors"
std::string checkpointPath(const std::string &folder, uint64_t step);

/// Whether a file of that name, without its folder, is taken for a checkpoint.
bool isCheckpointName(const std::string &name);

/// Steps of the checkpoints in a folder, ascending; none if there is no such folder.
Result<std::vector<uint64_t>> listCheckpoints(const std::string &folder);

/// Makes the folder, and those that it lies in, unless it is there.
Status makeFolder(const std::string &folder);

/// Removes what a killed run has left of unfinished checkpoints.
void removeUnfinishedCheckpoints(const std::string &folder);

} // namespace ingot::runtime
