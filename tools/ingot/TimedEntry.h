// Entries that are run for their timing: a session, and something sensible in every input.
#pragma once

#include "Support.h"

#include "runtime/session/Session.h"

#include <cstdint>
#include <memory>
#include <string>

namespace ingot::tool {

/// A session as the options say. The runtime's own, because the C interface does not let steps be watched.
Result<std::unique_ptr<runtime::Session>> startSession(const RunOptions &options);

/// Positions that a decoder is assumed to have behind it unless the user says otherwise.
inline constexpr uint64_t kDefaultPosition = 64;

/// Fills the inputs of `entry`: tokens are seeded and differ, every sequence is at `position` (or as far as the cache
/// allows) with as many new tokens as fit, everything else is 0, or the nearest that its range allows.
void fillInputs(runtime::Session &session, runtime::Session::Entry &entry, uint64_t position);

/// The entry of that name; with an empty one the only entry, or `decode`. Fails, naming the entries that there are.
Result<runtime::Session::Entry *> chooseTimedEntry(runtime::Session &session, const std::string &name);

} // namespace ingot::tool
