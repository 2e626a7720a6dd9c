// What of this machine the process may use.
#pragma once

#include "runtime/support/Status.h"

#include <cstdint>
#include <sched.h>
#include <string>
#include <vector>

namespace ingot::runtime {

/// Cores that the process can keep busy: those in its affinity mask, and no more than its cgroups' CPU quota pays for.
uint32_t availableCores();

/// Bytes that the process can still take: the least of what the machine has available, what its cgroups leave and what
/// RLIMIT_AS leaves. UINT64_MAX if nothing of that is known.
uint64_t availableMemory();

/// CPU numbers of a list like "0-3,8". Fails on syntax errors.
Result<std::vector<uint32_t>> parseCpuList(const std::string &text);

/// Moves the calling thread to a CPU that is not among `taken`, if its affinity mask has one; the mask stays as it is.
void moveAwayFrom(const cpu_set_t &taken);

/// Fails if the process may not use one of the CPUs.
Status checkUsable(const std::vector<uint32_t> &cpus);

} // namespace ingot::runtime
