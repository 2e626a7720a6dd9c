// Workers and the code that they may run.
#pragma once

#include "runtime/cpu/Executor.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <memory>
#include <string>

namespace ingot::runtime {

/// Whether a text names a target: cpu, cpu:ISA with a known ISA, or one that is not supported yet.
bool isTarget(const std::string &text);

/// Shared by sessions, which take turns.
struct CpuTarget {
  std::unique_ptr<Executor> executor;
  std::string isa; // empty: the best for this CPU

  /// Starts workers. `target` is "cpu" or "cpu:ISA"; `workers` 0 means one per available core; `affinity` is a list of
  /// CPUs like "0-3,8", null: the system decides. Fails with `unsupported` on targets that there are not (yet), and
  /// with `invalidArgument` on what makes no sense.
  static Result<std::shared_ptr<CpuTarget>> create(const std::string &target, uint32_t workers, const char *affinity);
};

} // namespace ingot::runtime
