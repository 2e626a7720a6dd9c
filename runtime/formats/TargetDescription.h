// A machine as the scheduler's cost model sees it, as a file and as a part of manifests.
#pragma once

#include "runtime/program/Costs.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace ingot::runtime {

/// What `ingot bench --calibrate` measures.
struct TargetDescription {
  std::string device;       // for people
  uint32_t workers = 1;     // that worked at once, 1 to kMaxDescribedWorkers
  program::CostModel costs; // of one of them
};

inline constexpr uint32_t kMaxDescribedWorkers = 1024;

/// Reads JSON: `format` "ingot-target-description", `version` 1, `device`, `workers` and `flops_per_second`,
/// `bytes_per_second`, `sync_seconds`, `task_seconds`, `counter_seconds`; these keys and no others. Fails with
/// `corrupt` on anything else, numbers out of bounds included: rates are 1e3 to 1e18, times 1e-15 to 1.
Result<TargetDescription> parseTargetDescription(std::string_view text);

/// The text of such a file. Expects numbers within bounds.
std::string printTargetDescription(const TargetDescription &description);

/// Reads a file; messages name it.
Result<TargetDescription> readTargetDescription(const std::string &path);

} // namespace ingot::runtime
