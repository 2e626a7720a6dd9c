#include "runtime/api/Handles.h"

#include "runtime/cpu/Cores.h"
#include "runtime/cpu/Isa.h"

using namespace ingot::runtime;

namespace {

/// The isa of "cpu" (empty) or "cpu:ISA".
Result<std::string> isaOf(const std::string &target) {
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
  for (const char *known : {"cuda", "emulator", "interpreter"})
    if (target == known || target.rfind(std::string(known) + ":", 0) == 0)
      return Status::unsupported("target '" + target + "' is not supported yet");
  return Status::invalidArgument("unknown target '" + target + "'");
}

} // namespace

ingot_status *ingot_executor_create(const char *target, uint32_t workers, const char *affinity,
                                    ingot_executor **executor) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(target, "target"));
    INGOT_RETURN_IF_ERROR(requireNonNull(executor, "executor"));
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
      options.cpus = *cpus;
    }
    Result<std::unique_ptr<Executor>> started = Executor::create(options);
    if (!started)
      return started.status();
    made->executor = std::move(*started);
    *executor = new ingot_executor{std::move(made)};
    return Status::success();
  });
}

void ingot_executor_close(ingot_executor *executor) { delete executor; }

uint32_t ingot_executor_workers(const ingot_executor *executor) {
  return executor ? executor->value->executor->workers() : 0;
}

ingot_status *ingot_train_create(ingot_artifact *, ingot_executor *, ingot_trainer **) {
  return guard([] { return Status::unsupported("training is not supported yet"); });
}

void ingot_train_close(ingot_trainer *) {} // none can exist
