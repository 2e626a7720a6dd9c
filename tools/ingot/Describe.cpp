#include "Inspect.h"

#include "runtime/formats/DTypes.h"
#include "runtime/formats/Layout.h"
#include "runtime/formats/TargetDescriptionJson.h"

#include <algorithm>

namespace ingot::tool {

using namespace runtime;

namespace {

OrderedJson describeTensors(const std::vector<ManifestTensor> &tensors) {
  OrderedJson list = OrderedJson::array();
  for (const ManifestTensor &tensor : tensors)
    list.push_back(
        {{"name", tensor.name}, {"dtype", dtypeName(tensor.dtype)}, {"shape", tensor.shape}, {"role", tensor.role}});
  return list;
}

uint64_t bytesOf(const ManifestState &state) { return checkedBytes(state.dtype, state.shape).value_or(0); }

} // namespace

OrderedJson describeModel(const Artifact &artifact) {
  const Manifest &manifest = artifact.manifest();
  OrderedJson json;
  json["model"] = OrderedJson::object();
  for (const auto &[key, value] : manifest.model)
    json["model"][key] = value;
  json["tokenizer"] = manifest.tokenizer ? OrderedJson(manifest.tokenizer->type) : OrderedJson(nullptr);
  json["eos"] = manifest.eos;
  json["targets"] = OrderedJson::array();
  for (const ManifestTarget &target : manifest.targets)
    json["targets"].push_back(target.isa);
  json["entries"] = OrderedJson::array();
  for (const ManifestEntry &entry : manifest.entries) {
    OrderedJson item = {{"name", entry.name},
                        {"specialisation", OrderedJson::object()},
                        {"inputs", describeTensors(entry.inputs)},
                        {"outputs", describeTensors(entry.outputs)},
                        {"launch", entry.launch}};
    for (const auto &[name, value] : entry.specialisation)
      item["specialisation"][name] = value;
    for (const auto &[name, flops] : manifest.flops)
      if (name == entry.name)
        item["flops"] = flops;
    json["entries"].push_back(item);
  }
  uint64_t elements = 0;
  OrderedJson byType = OrderedJson::object();
  for (const ManifestParam &param : manifest.params) {
    elements += checkedElements(param.shape).value_or(0);
    OrderedJson &bytes = byType[dtypeName(param.dtype)];
    bytes = (bytes.is_null() ? 0 : bytes.get<uint64_t>()) + checkedBytes(param.dtype, param.shape).value_or(0);
  }
  json["parameters"] = {{"tensors", manifest.params.size()},
                        {"elements", elements},
                        {"bytes", manifest.memory.params},
                        {"bytes_by_dtype", byType}};
  json["state"] = OrderedJson::array();
  for (const ManifestState &state : manifest.state) {
    json["state"].push_back({{"name", state.name},
                             {"dtype", dtypeName(state.dtype)},
                             {"shape", state.shape},
                             {"role", state.role},
                             {"bytes", bytesOf(state)},
                             {"from", state.from}});
    if (!state.param.empty())
      json["state"].back()["param"] = state.param;
  }
  json["kv_bytes_per_token"] = artifact.kvBytesPerToken();
  json["max_seq"] = artifact.maxSeq();
  json["target_description"] =
      manifest.targetDescription ? describeTarget(*manifest.targetDescription) : OrderedJson(nullptr);
  json["fallbacks"] = OrderedJson::array();
  for (const ManifestFallback &fallback : manifest.fallbacks)
    json["fallbacks"].push_back({{"op", fallback.op}, {"location", fallback.location}, {"reason", fallback.reason}});
  return json;
}

OrderedJson describeMemory(const Artifact &artifact) {
  const Manifest &manifest = artifact.manifest();
  OrderedJson json = {{"parameters", OrderedJson::array()}, {"state", OrderedJson::array()}};
  uint64_t params = 0, state = 0, kv = 0, trained = 0, optimizer = 0;
  bool trains = std::any_of(manifest.entries.begin(), manifest.entries.end(),
                            [](const ManifestEntry &entry) { return entry.trains(); });
  for (const ManifestParam &param : manifest.params) {
    uint64_t bytes = checkedBytes(param.dtype, param.shape).value_or(0);
    params += bytes;
    json["parameters"].push_back({{"name", param.name},
                                  {"dtype", dtypeName(param.dtype)},
                                  {"shape", param.shape},
                                  {"layout", param.layout},
                                  {"bytes", bytes}});
  }
  for (const ManifestState &item : manifest.state) {
    state += bytesOf(item);
    kv += item.role == kRoleKv ? bytesOf(item) : 0;
    trained += item.param.empty() ? 0 : bytesOf(item);
    optimizer += trains && item.role.empty() && item.param.empty() ? bytesOf(item) : 0;
    json["state"].push_back({{"name", item.name}, {"bytes", bytesOf(item)}});
  }
  json["entries"] = OrderedJson::array();
  for (const ManifestMemory::Entry &entry : manifest.memory.entries)
    json["entries"].push_back({{"name", entry.name},
                               {"isa", entry.isa},
                               {"activations", entry.arena},
                               {"inputs", entry.inputs},
                               {"outputs", entry.outputs},
                               {"private_per_worker", entry.privatePerWorker}});
  json["total"] = {
      {"parameters", params},         {"state", state}, {"trained", trained},
      {"optimizer_state", optimizer}, {"kv", kv},       {"kv_bytes_per_token", artifact.kvBytesPerToken()}};
  return json;
}

/// Waits for parts of a launch: each task for counters of its own.
static uint64_t countPartWaits(const program::Launch &launch) {
  return static_cast<uint64_t>(std::count_if(launch.waits.begin(), launch.waits.end(),
                                             [](const auto &wait) { return !wait.index.isConstant(); }));
}

Result<OrderedJson> describeKernels(const Artifact &artifact) {
  OrderedJson list = OrderedJson::array();
  for (const ManifestEntry &entry : artifact.manifest().entries) {
    for (const auto &[isa, member] : entry.program) {
      Result<program::Program> read = artifact.readProgram(entry, isa);
      if (!read)
        return read.status();
      const program::Program &program = *read;
      OrderedJson json = {{"entry", entry.name},
                          {"target", program.target},
                          {"launches", program.launches.size()},
                          {"tasks", program.numTasks()},
                          {"bodies", program.bodies.size()},
                          {"events", program.events.size()},
                          {"counters", program.numCounters()},
                          {"workers", program.schedule.workers()}};
      json["kernels"] = OrderedJson::array();
      for (const program::Launch &launch : program.launches) {
        auto tasks = static_cast<uint64_t>(launch.numTasks());
        json["kernels"].push_back({{"launch", launch.symbol},
                                   {"body", program.bodies[launch.body].symbol},
                                   {"grid", launch.grid},
                                   {"waits", launch.waits.size()},
                                   {"waits_for_parts", countPartWaits(launch)},
                                   {"signals", launch.signals.size()},
                                   {"flops", launch.flops * tasks},
                                   {"bytes", launch.bytes * tasks}});
      }
      list.push_back(std::move(json));
    }
  }
  return OrderedJson{{"programs", list}};
}

} // namespace ingot::tool
