// What the opaque handles of the C interface are, and the way from statuses and exceptions to C.
#pragma once

#include "ingot/runtime.h"

#include "runtime/session/Session.h"
#include "runtime/support/Status.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

struct ingot_status {
  ingot_code code;
  std::string message;
};
struct ingot_artifact {
  std::shared_ptr<ingot::runtime::Artifact> value;
};
struct ingot_executor {
  std::shared_ptr<ingot::runtime::CpuTarget> value;
};
struct ingot_session {
  std::unique_ptr<ingot::runtime::Session> value;
  std::vector<ingot::runtime::TensorView> inputs, outputs; // of the last run: kept, so that runs allocate nothing
};

namespace ingot::runtime {

/// Options of a session as C has them.
Result<SessionOptions> toSessionOptions(ingot_launch launch, uint64_t interleavingSeed, uint64_t memoryLimit);

/// NULL on success. Never fails: without memory for a status it returns one that is always there.
ingot_status *toC(const Status &status) noexcept;

/// Runs `function`, which returns a Status, and keeps exceptions (of the standard library: no memory) in.
template <typename Function> ingot_status *guard(Function function) noexcept {
  try {
    return toC(function());
  } catch (const std::bad_alloc &) {
    return toC(Status(StatusCode::outOfMemory, {}));
  } catch (const std::exception &error) {
    try {
      return toC(Status::internal(error.what()));
    } catch (...) {
      return toC(Status(StatusCode::outOfMemory, {}));
    }
  }
}

inline Status requireNonNull(const void *pointer, const char *what) {
  return pointer ? Status::success() : Status::invalidArgument(std::string(what) + " expects a pointer, but got NULL");
}

/// Copies a struct that begins with its size from a caller who may know fewer fields of it (those count as zero) or
/// more (which then must not matter to us). Null gives all zero.
template <typename T> Result<T> readSized(const T *given, const char *what) {
  T value = {};
  value.size = sizeof(T);
  if (!given)
    return value;
  if (given->size < sizeof(size_t))
    return Status::invalidArgument(std::string(what) + " expects its size in the first field");
  std::memcpy(static_cast<void *>(&value), given, std::min(given->size, sizeof(T)));
  value.size = sizeof(T);
  return value;
}

/// The way back: fills as many fields as the caller's struct has.
template <typename T> Status writeSized(T *target, T value, const char *what) {
  size_t size = target->size;
  if (size < sizeof(size_t))
    return Status::invalidArgument(std::string(what) + " expects its size in the first field");
  value.size = size;
  std::memcpy(static_cast<void *>(target), &value, std::min(size, sizeof(T)));
  return Status::success();
}

} // namespace ingot::runtime
