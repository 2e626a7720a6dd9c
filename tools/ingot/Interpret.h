// `--target interpreter`: runs a step by the reference interpreter instead of compiled code.
#pragma once

#include "Npz.h"

#include "runtime/session/Artifact.h"

namespace ingot::tool {

/// One step of `entry` from the initial states, on the task program that the artifact carries in text. Values are
/// rounded as their element types say; `seed` orders the tasks where the program leaves it open.
runtime::Result<std::map<std::string, Array>> interpretEntry(const runtime::Artifact &artifact,
                                                             const runtime::ManifestEntry &entry,
                                                             const std::map<std::string, Array> &inputs, uint64_t seed);

} // namespace ingot::tool
