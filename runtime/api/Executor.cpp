#include "runtime/api/Handles.h"

using namespace ingot::runtime;

ingot_status *ingot_executor_create(const char *target, uint32_t workers, const char *affinity,
                                    ingot_executor **executor) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(target, "target"));
    INGOT_RETURN_IF_ERROR(requireNonNull(executor, "executor"));
    Result<std::shared_ptr<CpuTarget>> made = CpuTarget::create(target, workers, affinity);
    if (!made)
      return made.status();
    *executor = new ingot_executor{std::move(*made)};
    return Status::success();
  });
}

void ingot_executor_close(ingot_executor *executor) { delete executor; }

uint32_t ingot_executor_workers(const ingot_executor *executor) {
  return executor ? executor->value->executor->workers() : 0;
}
