#include "runtime/formats/JsonFields.h"

#include <cmath>

namespace ingot::runtime {

JsonFields::JsonFields(const Json &json, std::string place, Status &status)
    : json(json), place(std::move(place)), status(status) {
  if (!json.is_object())
    fail("expects an object, but got " + std::string(json.type_name()));
}

void JsonFields::fail(const std::string &what) {
  if (status.ok())
    status = Status::corrupt(place + ": " + what);
}

bool JsonFields::has(const char *key) const { return json.is_object() && json.contains(key); }

const Json *JsonFields::any(const char *key) {
  seen.insert(key);
  if (!status.ok())
    return nullptr;
  auto it = json.find(key);
  if (it == json.end()) {
    fail("expects '" + std::string(key) + "'");
    return nullptr;
  }
  return &*it;
}

const Json *JsonFields::get(const char *key, Json::value_t type) {
  const Json *value = any(key);
  if (!value)
    return nullptr;
  // The two kinds of integers are one to the outside.
  bool fits = value->type() == type || (type == Json::value_t::number_integer && value->is_number_integer()) ||
              (type == Json::value_t::number_float && value->is_number());
  if (!fits) {
    const char *wanted = type == Json::value_t::number_integer ? "integer" : Json(type).type_name();
    fail("'" + std::string(key) + "' expects " + wanted + ", but got " + value->type_name());
    return nullptr;
  }
  return value;
}

std::string JsonFields::text(const char *key) {
  const Json *value = get(key, Json::value_t::string);
  return value ? value->get<std::string>() : std::string();
}

std::string JsonFields::optionalText(const char *key) {
  seen.insert(key);
  return has(key) ? text(key) : std::string();
}

uint64_t JsonFields::unsignedInteger(const char *key) {
  const Json *value = get(key, Json::value_t::number_integer);
  if (value && !value->is_number_unsigned()) {
    fail("'" + std::string(key) + "' is negative");
    return 0;
  }
  return value ? value->get<uint64_t>() : 0;
}

int64_t JsonFields::integer(const char *key) {
  const Json *value = get(key, Json::value_t::number_integer);
  if (value && value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX) {
    fail("'" + std::string(key) + "' is too large");
    return 0;
  }
  return value ? value->get<int64_t>() : 0;
}

double JsonFields::number(const char *key) {
  const Json *value = get(key, Json::value_t::number_float);
  return value ? value->get<double>() : 0;
}

std::vector<int64_t> JsonFields::integers(const char *key) {
  std::vector<int64_t> values;
  list(key, [&](const Json &value, const std::string &) {
    bool fits = value.is_number_unsigned() ? value.get<uint64_t>() <= INT64_MAX : value.is_number_integer();
    if (fits)
      values.push_back(value.get<int64_t>());
    else
      fail("'" + std::string(key) + "' expects integers of 64 bits");
  });
  return values;
}

std::vector<std::string> JsonFields::optionalTexts(const char *key) {
  std::vector<std::string> values;
  seen.insert(key);
  if (!has(key))
    return values;
  list(key, [&](const Json &value, const std::string &) {
    if (value.is_string())
      values.push_back(value.get<std::string>());
    else
      fail("'" + std::string(key) + "' expects strings");
  });
  return values;
}

void JsonFields::finish() {
  if (!status.ok())
    return;
  for (const auto &[key, value] : json.items())
    if (!seen.contains(key))
      return fail("has the unknown key '" + key + "'");
}

} // namespace ingot::runtime
