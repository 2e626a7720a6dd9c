#include "runtime/formats/DTypes.h"
#include "runtime/formats/Json.h"
#include "runtime/formats/Manifest.h"
#include "runtime/formats/TargetDescriptionJson.h"

namespace ingot::runtime {

namespace {

OrderedJson toJson(const std::vector<ManifestTensor> &tensors) {
  OrderedJson list = OrderedJson::array();
  for (const ManifestTensor &tensor : tensors) {
    list.push_back(
        {{"name", tensor.name}, {"dtype", dtypeName(tensor.dtype)}, {"shape", tensor.shape}, {"role", tensor.role}});
    if (tensor.range)
      list.back()["range"] = {tensor.range->first, tensor.range->second};
  }
  return list;
}

OrderedJson toJson(const ManifestEntry &entry) {
  OrderedJson json = {{"name", entry.name}, {"specialisation", OrderedJson::object()}};
  for (const auto &[name, value] : entry.specialisation)
    json["specialisation"][name] = value;
  json["inputs"] = toJson(entry.inputs);
  json["outputs"] = toJson(entry.outputs);
  json["program"] = OrderedJson::object();
  for (const auto &[isa, member] : entry.program)
    json["program"][isa] = member;
  json["launch"] = entry.launch;
  return json;
}

OrderedJson toJson(const ManifestParam &param) {
  OrderedJson json = {{"name", param.name},     {"dtype", dtypeName(param.dtype)}, {"shape", param.shape},
                      {"layout", param.layout}, {"member", param.member},          {"offset", param.offset},
                      {"sha256", param.sha256}};
  if (param.constant)
    json["constant"] = true;
  return json;
}

OrderedJson toJson(const ManifestState &state) {
  OrderedJson json = {
      {"name", state.name}, {"dtype", dtypeName(state.dtype)}, {"shape", state.shape}, {"init", state.init}};
  if (!state.role.empty())
    json["role"] = state.role;
  if (!state.param.empty())
    json["param"] = state.param;
  if (!state.from.empty())
    json["from"] = state.from;
  return json;
}

OrderedJson toJson(const ManifestMemory &memory) {
  OrderedJson json = {{"params", memory.params}, {"state", memory.state}, {"entries", OrderedJson::array()}};
  for (const ManifestMemory::Entry &entry : memory.entries)
    json["entries"].push_back({{"name", entry.name},
                               {"isa", entry.isa},
                               {"arena", entry.arena},
                               {"inputs", entry.inputs},
                               {"outputs", entry.outputs},
                               {"private_per_worker", entry.privatePerWorker}});
  return json;
}

} // namespace

std::string printManifest(const Manifest &manifest) {
  OrderedJson json = {{"format", kManifestFormat}, {"min_runtime", manifest.minRuntime}};
  json["model"] = OrderedJson::object();
  for (const auto &[key, value] : manifest.model)
    json["model"][key] = value;
  json["tokenizer"] = nullptr;
  if (manifest.tokenizer) {
    json["tokenizer"] = {{"type", manifest.tokenizer->type}};
    if (!manifest.tokenizer->member.empty()) {
      json["tokenizer"]["member"] = manifest.tokenizer->member;
      json["tokenizer"]["bos"] = manifest.tokenizer->bos;
    }
  }
  json["eos"] = manifest.eos;
  for (const char *key : {"entries", "params"})
    json[key] = OrderedJson::array();
  for (const ManifestEntry &entry : manifest.entries)
    json["entries"].push_back(toJson(entry));
  for (const ManifestParam &param : manifest.params)
    json["params"].push_back(toJson(param));
  if (!manifest.externalParams.empty())
    json["external_params"] = manifest.externalParams;
  json["state"] = OrderedJson::array();
  for (const ManifestState &state : manifest.state)
    json["state"].push_back(toJson(state));
  json["targets"] = OrderedJson::array();
  for (const ManifestTarget &target : manifest.targets)
    json["targets"].push_back({{"isa", target.isa}, {"member", target.member}});
  if (manifest.targetDescription)
    json["target_description"] = describeTarget(*manifest.targetDescription);
  json["memory"] = toJson(manifest.memory);
  json["flops"] = OrderedJson::object();
  for (const auto &[entry, flops] : manifest.flops)
    json["flops"][entry] = flops;
  json["fallbacks"] = OrderedJson::array();
  for (const ManifestFallback &fallback : manifest.fallbacks)
    json["fallbacks"].push_back({{"op", fallback.op}, {"location", fallback.location}, {"reason", fallback.reason}});
  // Names that are not UTF-8 are replaced rather than thrown about.
  return json.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

} // namespace ingot::runtime
