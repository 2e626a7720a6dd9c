#include "runtime/session/CpuTarget.h"

#include "runtime/cpu/Cores.h"
#include "runtime/cpu/Isa.h"

namespace ingot::runtime {

bool isTarget(const std::string &text) {
  if (text.rfind("cpu:", 0) == 0)
    return isCpuIsa(text.substr(4));
  for (const char *known : {"cuda", "emulator", "interpreter"})
    if (text == known || text.rfind(std::string(known) + ":", 0) == 0)
      return true;
  return text == "cpu";
}

/// The isa of "cpu" (empty) or "cpu:ISA".
static Result<std::string> isaOf(const std::string &target) {
  if (target == "cpu")
    return std::string();
  if (target.rfind("cpu:", 0) == 0) {
    std::string isa = target.substr(4);
    if (!isCpuIsa(isa))
      return Status::invalidArgument("unknown cpu target '" + target + "'");
    if (!cpuSupports(isa))
      return Status::unsupported("target '" + target + "' needs " + isa + ", but this cpu has only " + describeCpu());
    return isa;
  }
  if (isTarget(target))
    return Status::unsupported("target '" + target + "' is not supported yet");
  return Status::invalidArgument("unknown target '" + target + "'");
}

Result<std::shared_ptr<CpuTarget>> CpuTarget::create(const std::string &target, uint32_t workers,
                                                     const char *affinity) {
  auto made = std::make_shared<CpuTarget>();
  Result<std::string> isa = isaOf(target);
  if (!isa)
    return isa.status();
  made->isa = *isa;
  ExecutorOptions options;
  options.workers = workers;
  if (affinity) {
    Result<std::vector<uint32_t>> cpus = parseCpuList(affinity);
    if (!cpus)
      return cpus.status();
    INGOT_RETURN_IF_ERROR(checkUsable(*cpus));
    options.cpus = *cpus;
  }
  Result<std::unique_ptr<Executor>> started = Executor::create(options);
  if (!started)
    return started.status();
  made->executor = std::move(*started);
  return made;
}

} // namespace ingot::runtime
