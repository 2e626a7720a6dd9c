// Strict reading of JSON objects: the first mistake is kept with its place, everything after it is harmless.
#pragma once

#include "runtime/formats/Json.h"

#include <set>
#include <string>

namespace ingot::runtime {

/// One object whose keys are all known and, unless optional, present. Errors go to a Status shared by all readers of a
/// document; once it has failed, values are empty.
class JsonFields {
public:
  JsonFields(const Json &json, std::string place, Status &status);

  std::string text(const char *key);
  std::string optionalText(const char *key);
  uint64_t unsignedInteger(const char *key);
  int64_t integer(const char *key);
  double number(const char *key);
  std::vector<int64_t> integers(const char *key);
  std::vector<std::string> optionalTexts(const char *key);

  /// Whether the optional `key` is there.
  bool has(const char *key) const;
  /// Calls `each(value, place)` for every element of a list.
  template <typename Function> void list(const char *key, Function each) {
    const Json *value = get(key, Json::value_t::array);
    for (size_t i = 0; value && i < value->size() && status.ok(); ++i)
      each((*value)[i], place + "." + key + "[" + std::to_string(i) + "]");
  }
  /// Calls `each(key, value, place)` for every field of an object whose keys are free, in order of the keys.
  template <typename Function> void fields(const char *key, Function each) {
    const Json *value = get(key, Json::value_t::object);
    if (!value)
      return;
    for (const auto &[name, field] : value->items())
      if (status.ok())
        each(name, field, place + "." + key + "." + name);
  }
  /// The value of any type; null if it is missing.
  const Json *any(const char *key);

  /// To be called last: fails on keys that were never asked for.
  void finish();
  /// Records a mistake at this object.
  void fail(const std::string &what);

private:
  const Json *get(const char *key, Json::value_t type);

  const Json &json;
  std::string place;
  Status &status;
  std::set<std::string, std::less<>> seen;
};

} // namespace ingot::runtime
