#include "runtime/api/Handles.h"

using namespace ingot::runtime;

namespace {

/// Returned when there is no memory for a status; `ingot_status_free` leaves it alone. Short enough for std::string's
/// own storage, so making it cannot fail either.
ingot_status outOfMemory = {INGOT_OUT_OF_MEMORY, "no memory left"};

ingot_code toCode(StatusCode code) {
  switch (code) {
  case StatusCode::ok:
    return INGOT_OK;
  case StatusCode::invalidArgument:
    return INGOT_INVALID_ARGUMENT;
  case StatusCode::corrupt:
    return INGOT_CORRUPT;
  case StatusCode::unsupported:
    return INGOT_UNSUPPORTED;
  case StatusCode::outOfMemory:
    return INGOT_OUT_OF_MEMORY;
  case StatusCode::io:
    return INGOT_IO;
  case StatusCode::cancelled:
    return INGOT_CANCELLED;
  case StatusCode::internal:
    return INGOT_INTERNAL;
  }
  return INGOT_INTERNAL;
}

} // namespace

ingot_status *ingot::runtime::toC(const Status &status) noexcept {
  if (status.ok())
    return nullptr;
  if (status.code() == StatusCode::outOfMemory && status.message().empty())
    return &outOfMemory;
  try {
    return new ingot_status{toCode(status.code()), status.message()};
  } catch (...) {
    return &outOfMemory;
  }
}

ingot_code ingot_status_code(const ingot_status *status) { return status ? status->code : INGOT_OK; }

const char *ingot_status_message(const ingot_status *status) { return status ? status->message.c_str() : "ok"; }

void ingot_status_free(ingot_status *status) {
  if (status != &outOfMemory)
    delete status;
}

const char *ingot_runtime_version(void) { return kRuntimeVersion; }
