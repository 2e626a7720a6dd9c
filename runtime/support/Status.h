// Status and Result: how the runtime reports failure. No exception leaves a function of the runtime.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace ingot::runtime {

enum class StatusCode : uint8_t {
  ok,
  invalidArgument, // the caller asked for something that makes no sense
  corrupt,         // bytes from outside break their format
  unsupported,     // makes sense, but is not built yet or not available on this machine
  outOfMemory,
  io,
  cancelled,
  internal, // a bug of ours
};

/// The stable lower-case name of a code, for messages and logs.
inline const char *toString(StatusCode code) {
  switch (code) {
  case StatusCode::ok:
    return "ok";
  case StatusCode::invalidArgument:
    return "invalid argument";
  case StatusCode::corrupt:
    return "corrupt";
  case StatusCode::unsupported:
    return "unsupported";
  case StatusCode::outOfMemory:
    return "out of memory";
  case StatusCode::io:
    return "io";
  case StatusCode::cancelled:
    return "cancelled";
  case StatusCode::internal:
    return "internal";
  }
  return "unknown";
}

/// A code and, unless it is `ok`, a message: lower case, no final full stop, "expects X, but got Y".
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status success() { return {}; }
  static Status invalidArgument(std::string message) { return {StatusCode::invalidArgument, std::move(message)}; }
  static Status corrupt(std::string message) { return {StatusCode::corrupt, std::move(message)}; }
  static Status unsupported(std::string message) { return {StatusCode::unsupported, std::move(message)}; }
  static Status outOfMemory(std::string message) { return {StatusCode::outOfMemory, std::move(message)}; }
  static Status io(std::string message) { return {StatusCode::io, std::move(message)}; }
  static Status cancelled(std::string message) { return {StatusCode::cancelled, std::move(message)}; }
  static Status internal(std::string message) { return {StatusCode::internal, std::move(message)}; }

  bool ok() const { return code_ == StatusCode::ok; }
  explicit operator bool() const { return ok(); }
  StatusCode code() const { return code_; }
  const std::string &message() const { return message_; }

  /// The same failure with "CONTEXT: " in front of its message; success stays success.
  Status withContext(const std::string &context) && {
    if (!ok())
      message_ = context + ": " + message_;
    return std::move(*this);
  }

private:
  StatusCode code_ = StatusCode::ok;
  std::string message_;
};

/// A value, or the status that says why there is none.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) {
    assert(!status_.ok() && "a result without value needs a failure");
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status &status() const { return status_; }

  T &value() & {
    assert(ok() && "value of a failed result");
    return *value_;
  }
  const T &value() const & {
    assert(ok() && "value of a failed result");
    return *value_;
  }
  T &&value() && {
    assert(ok() && "value of a failed result");
    return std::move(*value_);
  }
  T &operator*() & { return value(); }
  const T &operator*() const & { return value(); }
  T &&operator*() && { return std::move(*this).value(); }
  T *operator->() { return &value(); }
  const T *operator->() const { return &value(); }

private:
  std::optional<T> value_;
  Status status_;
};

} // namespace ingot::runtime

/// Returns from the enclosing function (of type Status or Result) when `expression`, a Status, has failed.
#define INGOT_RETURN_IF_ERROR(expression)                                                                              \
  do {                                                                                                                 \
    if (::ingot::runtime::Status ingotStatus_ = (expression); !ingotStatus_.ok())                                      \
      return ingotStatus_;                                                                                             \
  } while (false)
