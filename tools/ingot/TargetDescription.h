// A machine as the scheduler's cost model sees it, as a file.
#pragma once

#include "Support.h"

#include "runtime/program/Costs.h"

#include <string>

namespace ingot::tool {

/// JSON: `format` "ingot-target-description", `version` 1, `device` for people, `workers` that worked at once, and of
/// one of them `flops_per_second`, `bytes_per_second`, `sync_seconds`, `task_seconds`.
std::string printTargetDescription(const program::CostModel &costs, uint32_t workers, const std::string &device);

/// Fails, naming the file, on what is no such description and on numbers that are not positive and finite.
Result<program::CostModel> readTargetDescription(const std::string &path);

} // namespace ingot::tool
