#include "runtime/formats/TargetDescription.h"

#include "runtime/formats/File.h"
#include "runtime/formats/JsonFields.h"
#include "runtime/formats/TargetDescriptionJson.h"
#include "runtime/program/Structure.h"

namespace ingot::runtime {

using program::CostModel;

namespace {

constexpr const char *kFormat = "ingot-target-description";
constexpr int64_t kVersion = 1;

struct Bounds {
  double low, high;
  const char *text;
};
// Wide enough for every machine, narrow enough that no sum of costs loses its meaning.
constexpr Bounds kRate = {1e3, 1e18, "1e3 to 1e18"}, kTime = {1e-15, 1, "1e-15 to 1"};

constexpr struct {
  const char *name;
  double CostModel::*field;
  const Bounds &bounds;
} kNumbers[] = {{"flops_per_second", &CostModel::flopsPerSecond, kRate},
                {"bytes_per_second", &CostModel::bytesPerSecond, kRate},
                {"sync_seconds", &CostModel::syncSeconds, kTime},
                {"task_seconds", &CostModel::taskSeconds, kTime},
                {"counter_seconds", &CostModel::counterSeconds, kTime}};

TargetDescription readFields(JsonFields &fields) {
  TargetDescription description;
  description.device = fields.text("device");
  // As names in programs have to be: it is printed, and kept in manifests.
  if (description.device.size() > program::kMaxNameLength)
    fields.fail("'device' expects at most " + std::to_string(program::kMaxNameLength) + " bytes, but got " +
                std::to_string(description.device.size()));
  for (char c : description.device)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      fields.fail("'device' expects a printable name, but got one with a control character");
      break;
    }
  const uint64_t workers = fields.unsignedInteger("workers");
  if (workers < 1 || workers > kMaxDescribedWorkers)
    fields.fail("'workers' expects 1 to " + std::to_string(kMaxDescribedWorkers) + ", but got " +
                std::to_string(workers));
  description.workers = static_cast<uint32_t>(workers);
  for (const auto &number : kNumbers) {
    const double value = fields.number(number.name);
    if (!(value >= number.bounds.low && value <= number.bounds.high))
      fields.fail("'" + std::string(number.name) + "' expects " + number.bounds.text + ", but got " +
                  Json(value).dump());
    description.costs.*number.field = value;
  }
  return description;
}

} // namespace

Result<TargetDescription> parseTargetDescription(std::string_view text) {
  Result<Json> json = parseJson(text);
  if (!json)
    return Status(json.status()).withContext("target description");
  Status status;
  JsonFields fields(*json, "target description", status);
  const std::string format = fields.text("format");
  if (format != kFormat)
    fields.fail("'format' expects " + std::string(kFormat) + ", but got '" + format + "'");
  const int64_t version = fields.integer("version");
  if (version != kVersion)
    fields.fail("'version' expects " + std::to_string(kVersion) + ", but got " + std::to_string(version));
  TargetDescription description = readFields(fields);
  fields.finish();
  if (!status.ok())
    return status;
  return description;
}

std::string printTargetDescription(const TargetDescription &description) {
  OrderedJson json = {{"format", kFormat}, {"version", kVersion}};
  json.update(describeTarget(description));
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

Result<TargetDescription> readTargetDescription(const std::string &path) {
  Result<MappedFile> file = MappedFile::open(path);
  if (!file)
    return file.status();
  auto bytes = file->bytes();
  Result<TargetDescription> description =
      parseTargetDescription({reinterpret_cast<const char *>(bytes.data()), bytes.size()});
  return description ? description
                     : Result<TargetDescription>(Status(description.status()).withContext("'" + path + "'"));
}

TargetDescription readDescribedTarget(const Json &json, const std::string &place, Status &status) {
  JsonFields fields(json, place, status);
  TargetDescription description = readFields(fields);
  fields.finish();
  return description;
}

OrderedJson describeTarget(const TargetDescription &description) {
  OrderedJson json = {{"device", description.device}, {"workers", description.workers}};
  for (const auto &number : kNumbers)
    json[number.name] = description.costs.*number.field;
  return json;
}

} // namespace ingot::runtime
