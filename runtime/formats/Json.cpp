#include "runtime/formats/Json.h"

#include <algorithm>
#include <set>
#include <vector>

namespace ingot::runtime {

namespace {

/// Deepest nesting of brackets outside of strings. Cheap, and done first so that nothing recurses on hostile text.
int depthOf(std::string_view text) {
  int depth = 0, deepest = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

} // namespace

Result<Json> parseJson(std::string_view text, const JsonLimits &limits) {
  if (text.size() > limits.maxBytes)
    return Status::corrupt("JSON of " + std::to_string(text.size()) + " bytes is too long");
  if (depthOf(text) > limits.maxDepth)
    return Status::corrupt("JSON is nested too deeply");
  std::vector<std::set<std::string>> keys; // of the objects that are open
  std::string repeated;
  auto onEvent = [&](int, Json::parse_event_t event, Json &parsed) {
    if (event == Json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == Json::parse_event_t::object_end)
      keys.pop_back();
    else if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      repeated = parsed.get<std::string>();
    return true;
  };
  try {
    Json json = Json::parse(text, onEvent);
    if (!repeated.empty())
      return Status::corrupt("JSON key '" + repeated + "' appears twice");
    return json;
  } catch (const Json::exception &error) {
    return Status::corrupt(std::string("JSON is broken: ") + error.what());
  }
}

} // namespace ingot::runtime
