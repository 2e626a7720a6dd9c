#include "runtime/cpu/Isa.h"

#include <array>

namespace ingot::runtime {

namespace {

struct Level {
  std::string_view name;
  bool (*supported)();
};

#if defined(__x86_64__)
// __builtin_cpu_supports also asks the operating system (XCR0) whether it saves the wide registers.
bool hasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
}
bool hasAvx512() {
  return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
bool hasAvx512Bf16() {
  return hasAvx512() && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni");
}
bool always() { return true; }
bool never() { return false; }
// From the best to the lowest.
constexpr std::array<Level, 5> kLevels = {
    {{"avx512bf16", hasAvx512Bf16}, {"avx512", hasAvx512}, {"avx2", hasAvx2}, {"generic", always}, {"aarch64", never}}};
#elif defined(__aarch64__)
bool always() { return true; }
bool never() { return false; }
constexpr std::array<Level, 5> kLevels = {
    {{"aarch64", always}, {"avx512bf16", never}, {"avx512", never}, {"avx2", never}, {"generic", never}}};
#else
#error "the CPU runtime is built for x86-64 and AArch64"
#endif

const Level *findLevel(std::string_view isa) {
  for (const Level &level : kLevels)
    if (level.name == isa)
      return &level;
  return nullptr;
}

} // namespace

bool isCpuIsa(std::string_view isa) { return findLevel(isa) != nullptr; }

bool cpuSupports(std::string_view isa) {
  const Level *level = findLevel(isa);
  return level && level->supported();
}

std::string describeCpu() {
#if defined(__x86_64__)
  if (hasAvx2())
    for (const Level &level : kLevels)
      if (level.supported())
        return std::string(level.name);
  // Below our levels, say what is closest to avx2.
  for (const char *feature : {"avx", "sse4.2", "sse4.1", "ssse3", "sse3"}) {
    bool has = false;
    if (std::string_view(feature) == "avx")
      has = __builtin_cpu_supports("avx");
    else if (std::string_view(feature) == "sse4.2")
      has = __builtin_cpu_supports("sse4.2");
    else if (std::string_view(feature) == "sse4.1")
      has = __builtin_cpu_supports("sse4.1");
    else if (std::string_view(feature) == "ssse3")
      has = __builtin_cpu_supports("ssse3");
    else
      has = __builtin_cpu_supports("sse3");
    if (has)
      return feature;
  }
  return "sse2";
#else
  return "aarch64";
#endif
}

Result<const ManifestTarget *> selectCpuTarget(const std::vector<ManifestTarget> &targets, std::string_view wanted) {
  if (!wanted.empty() && !isCpuIsa(wanted))
    return Status::invalidArgument("unknown cpu target '" + std::string(wanted) + "'");
  std::string lowest;
  // Levels are ordered from the best on, so the first that the artifact has and the CPU runs is the one.
  for (const Level &level : kLevels) {
    for (const ManifestTarget &target : targets) {
      if (target.isa != level.name || (!wanted.empty() && wanted != level.name))
        continue;
      if (level.supported())
        return &target;
      lowest = target.isa;
    }
  }
  if (!lowest.empty())
    return Status::unsupported("this artifact needs " + lowest + ", but this cpu has only " + describeCpu());
  if (!wanted.empty())
    return Status::unsupported("the artifact has no code for cpu:" + std::string(wanted));
  return Status::unsupported("the artifact has no code for any cpu");
}

} // namespace ingot::runtime
