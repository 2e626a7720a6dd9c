// Which steps `ingot debug` runs, and on what.
#pragma once

#include "Npz.h"
#include "Support.h"

#include "runtime/session/Session.h"

#include <map>
#include <string>
#include <vector>

namespace ingot::tool {

struct DebugStep {
  std::string name;  // for messages: "decode, step 2"
  std::string entry; // of the session
  std::map<std::string, Array> inputs;
};

/// Steps on random inputs: of the entry of that name, or of all; one each, and `count` of entries that take one token.
/// Positions go on from step to step, prefill first. Floats lie in [-1, 1), integers where their range allows, the next
/// token is the likeliest. Fails if there is no such entry, or
/// no room for all steps.
Result<std::vector<DebugStep>> planSteps(const runtime::Session &session, const std::string &entry, uint64_t count,
                                         uint64_t seed);

} // namespace ingot::tool
