// JSON from untrusted bytes. Internal to runtime/formats and the tools: the header pulls in nlohmann's.
#pragma once

#include "runtime/support/Status.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace ingot::runtime {

/// For reading: look-up by key is fast for any number of keys.
using Json = nlohmann::json;
/// For printing: keys keep their order, so the text is deterministic and reads like the code that makes it.
using OrderedJson = nlohmann::ordered_json;

struct JsonLimits {
  size_t maxBytes = size_t(64) << 20;
  int maxDepth = 32;
};

/// Parses `text`. Fails (corrupt) on syntax errors, on texts beyond the limits and on repeated keys.
Result<Json> parseJson(std::string_view text, const JsonLimits &limits = {});

} // namespace ingot::runtime
