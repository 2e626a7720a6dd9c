#include "runtime/cpu/Cores.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <optional>
#include <sched.h>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

namespace ingot::runtime {

namespace {

std::optional<std::string> readText(const std::string &path) {
  std::ifstream file(path);
  if (!file)
    return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Calls `visit` with the directory of the process's cgroup and of all its ancestors, for version 2 and for the given
/// controller of version 1.
void visitCgroups(const std::string &controller, const std::function<void(const std::string &)> &visit) {
  std::optional<std::string> groups = readText("/proc/self/cgroup");
  if (!groups)
    return;
  std::istringstream lines(*groups);
  for (std::string line; std::getline(lines, line);) { // "4:cpu,cpuacct:/path" or "0::/path"
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos)
      continue;
    std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string root;
    if (controllers == ",,")
      root = "/sys/fs/cgroup";
    else if (controllers.find("," + controller + ",") != std::string::npos)
      root = "/sys/fs/cgroup/" + controller;
    else
      continue;
    for (std::string path = line.substr(second + 1); !path.empty(); path.resize(path.rfind('/'))) {
      if (path == "/")
        break;
      visit(root + path);
      if (path.rfind('/') == std::string::npos)
        break;
    }
    visit(root); // in a container the own group is mounted as the root
  }
}

std::optional<uint64_t> readNumber(const std::string &path) {
  std::optional<std::string> text = readText(path);
  uint64_t value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc())
    return std::nullopt; // also "max"
  return value;
}

/// Value of "Name:   123 kB" in /proc/meminfo, in bytes.
std::optional<uint64_t> memoryInfo(const std::string &name) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(name + ":", 0) == 0)
      return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10) * 1024;
  return std::nullopt;
}

} // namespace

uint32_t availableCores() {
  uint64_t cores = static_cast<uint64_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  // The mask of a machine with more CPUs than fit into cpu_set_t needs a larger one.
  for (int cpus = CPU_SETSIZE; cpus <= (1 << 20); cpus *= 4) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set)
      break;
    bool known = ::sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set) == 0;
    if (known)
      cores = static_cast<uint64_t>(CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set));
    CPU_FREE(set);
    if (known)
      break;
  }
  visitCgroups("cpu", [&](const std::string &group) {
    uint64_t quota = 0, period = 0;
    if (std::optional<std::string> text = readText(group + "/cpu.max")) { // "150000 100000" or "max 100000"
      std::istringstream fields(*text);
      if (!(fields >> quota >> period))
        return;
    } else {
      quota = readNumber(group + "/cpu.cfs_quota_us").value_or(0); // -1 is no number here: no limit
      period = readNumber(group + "/cpu.cfs_period_us").value_or(0);
    }
    // A worker that the quota does not pay in full would stop the others at every wait.
    if (quota > 0 && period > 0)
      cores = std::min(cores, std::max<uint64_t>(1, quota / period));
  });
  return static_cast<uint32_t>(std::max<uint64_t>(1, cores));
}

uint64_t availableMemory() {
  uint64_t available = memoryInfo("MemAvailable").value_or(UINT64_MAX);
  if (available != UINT64_MAX)
    available += memoryInfo("SwapFree").value_or(0);
  auto limit = [&](std::optional<uint64_t> most, std::optional<uint64_t> used) {
    if (most)
      available = std::min(available, *most - std::min(*most, used.value_or(0)));
  };
  visitCgroups("memory", [&](const std::string &group) {
    limit(readNumber(group + "/memory.max"), readNumber(group + "/memory.current"));
    limit(readNumber(group + "/memory.limit_in_bytes"), readNumber(group + "/memory.usage_in_bytes"));
  });
  rlimit addressSpace;
  if (::getrlimit(RLIMIT_AS, &addressSpace) == 0 && addressSpace.rlim_cur != RLIM_INFINITY) {
    std::optional<uint64_t> pages = readNumber("/proc/self/statm");
    limit(addressSpace.rlim_cur, pages.value_or(0) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)));
  }
  return available;
}

Result<std::vector<uint32_t>> parseCpuList(const std::string &text) {
  auto bad = [&] { return Status::invalidArgument("expects a list of cpus like 0-3,8, but got '" + text + "'"); };
  std::vector<uint32_t> cpus;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    uint32_t first = 0, last = 0;
    const char *end = part.data() + part.size();
    auto result = std::from_chars(part.data(), end, first);
    last = first;
    if (result.ec == std::errc() && result.ptr != end && *result.ptr == '-')
      result = std::from_chars(result.ptr + 1, end, last);
    if (result.ec != std::errc() || result.ptr != end || first > last || last >= CPU_SETSIZE)
      return bad();
    for (uint32_t cpu = first; cpu <= last; ++cpu)
      cpus.push_back(cpu);
  }
  if (cpus.empty())
    return bad();
  return cpus;
}

void moveAwayFrom(const cpu_set_t &taken) {
  cpu_set_t allowed, common, others;
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    return; // more CPUs than fit into cpu_set_t: the system will do it, only later
  CPU_AND(&common, &allowed, &taken);
  CPU_XOR(&others, &allowed, &common);
  if (CPU_COUNT(&others) == 0)
    return;
  // The first call moves the thread before it returns, the second lets the system move it again.
  ::sched_setaffinity(0, sizeof(others), &others);
  ::sched_setaffinity(0, sizeof(allowed), &allowed);
}

Status checkUsable(const std::vector<uint32_t> &cpus) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
    return Status::unsupported("choosing cpus is not supported yet on machines with more than 1024");
  for (uint32_t cpu : cpus)
    if (!CPU_ISSET(cpu, &allowed))
      return Status::invalidArgument("cpu " + std::to_string(cpu) + " is not available to this process");
  return Status::success();
}

} // namespace ingot::runtime
