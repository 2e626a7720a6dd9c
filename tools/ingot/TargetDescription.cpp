#include "TargetDescription.h"

#include "runtime/formats/File.h"
#include "runtime/formats/Json.h"

#include <cmath>

namespace ingot::tool {

using program::CostModel;
using runtime::Json;
using runtime::OrderedJson;

namespace {

constexpr const char *kFormat = "ingot-target-description";

constexpr struct {
  const char *name;
  double CostModel::*field;
} kNumbers[] = {{"flops_per_second", &CostModel::flopsPerSecond},
                {"bytes_per_second", &CostModel::bytesPerSecond},
                {"sync_seconds", &CostModel::syncSeconds},
                {"task_seconds", &CostModel::taskSeconds}};

Result<CostModel> parse(std::string_view text) {
  Result<Json> json = runtime::parseJson(text);
  if (!json)
    return json.status();
  if (!json->is_object() || json->value("format", Json()) != kFormat || json->value("version", Json()) != 1)
    return Status::corrupt(std::string("it is no ") + kFormat + " of version 1");
  CostModel costs;
  for (const auto &number : kNumbers) {
    Json value = json->value(number.name, Json());
    if (!value.is_number() || !(value.get<double>() > 0) || !std::isfinite(value.get<double>()))
      return Status::corrupt(std::string("expects a positive number as ") + number.name + ", but got " + value.dump());
    costs.*number.field = value.get<double>();
  }
  return costs;
}

} // namespace

std::string printTargetDescription(const CostModel &costs, uint32_t workers, const std::string &device) {
  OrderedJson json = {{"format", kFormat}, {"version", 1}, {"device", device}, {"workers", workers}};
  for (const auto &number : kNumbers)
    json[number.name] = costs.*number.field;
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

Result<CostModel> readTargetDescription(const std::string &path) {
  Result<runtime::MappedFile> file = runtime::MappedFile::open(path);
  if (!file)
    return file.status();
  auto bytes = file->bytes();
  Result<CostModel> costs = parse({reinterpret_cast<const char *>(bytes.data()), bytes.size()});
  return costs ? costs : Result<CostModel>(Status(costs.status()).withContext("'" + path + "'"));
}

} // namespace ingot::tool
