// Entries that are run for their timing: a session, and something sensible in every input.
#pragma once

#include "Support.h"

#include "runtime/session/Session.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace ingot::tool {

/// Writes a file that appears complete or not at all.
Status writeFile(const std::string &path, const std::string &text);

/// Positions that a decoder is assumed to have behind it unless the user says otherwise.
inline constexpr uint64_t kDefaultPosition = 64;

/// Options of commands that time steps.
struct TimingOptions : RunOptions {
  std::string entry, description;
  uint64_t position = kDefaultPosition;

  /// Adds them, without those of RunOptions.
  void addTimingTo(CLI::App &app);
  /// What the target description says; nothing without one.
  Result<std::optional<program::CostModel>> costs() const;
};

/// A session as the options say. The runtime's own, because the C interface does not let steps be watched.
Result<std::unique_ptr<runtime::Session>> startSession(const TimingOptions &options);

/// Fills the inputs of `entry`: tokens are seeded and differ, every sequence is at `position` (or as far as the cache
/// allows) with as many new tokens as fit, everything else is 0, or the nearest that its range allows.
void fillInputs(runtime::Session &session, runtime::Session::Entry &entry, uint64_t position);

/// The entry of that name; with an empty one the only entry, or `decode`. Fails, naming the entries that there are.
Result<runtime::Session::Entry *> chooseTimedEntry(runtime::Session &session, const std::string &name);

} // namespace ingot::tool
