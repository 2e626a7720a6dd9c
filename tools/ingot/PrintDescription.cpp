#include "Inspect.h"
#include "Support.h"

namespace ingot::tool {

using runtime::OrderedJson;

namespace {

/// Names come from the artifact: they neither reach the terminal as escapes nor begin lines.
std::string text(const OrderedJson &value) {
  return printable(value.is_string() ? value.get<std::string>() : value.dump(), "");
}

/// "f32[1,64]" of an object with dtype and shape.
std::string type(const OrderedJson &tensor) { return text(tensor["dtype"]) + text(tensor["shape"]); }

/// 12345678 -> "12345678 (11.8 MiB)"
std::string bytes(const OrderedJson &value) {
  double scaled = value.get<double>();
  const char *unit = "";
  for (const char *next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (scaled < 1024)
      break;
    scaled /= 1024;
    unit = next;
  }
  char rounded[32];
  std::snprintf(rounded, sizeof(rounded), " (%.1f %s)", scaled, unit);
  return value.dump() + (*unit ? rounded : "");
}

std::string line(const std::string &label, const std::string &value) {
  return label + std::string(label.size() < 20 ? 20 - label.size() : 1, ' ') + value + "\n";
}

} // namespace

std::string printModel(const OrderedJson &json) {
  std::string out;
  for (const auto &[key, value] : json["model"].items())
    out += line(key == "name" ? "model" : printable(key, ""), text(value));
  out += line("tokenizer", json["tokenizer"].is_null() ? "none" : text(json["tokenizer"]));
  out += line("end of sequence", text(json["eos"]));
  out += line("targets", text(json["targets"]));
  out += line("parameters", text(json["parameters"]["elements"]) + " in " + text(json["parameters"]["tensors"]) +
                                " tensors, " + bytes(json["parameters"]["bytes"]) + " bytes");
  for (const auto &[dtype, amount] : json["parameters"]["bytes_by_dtype"].items())
    out += line("  in " + dtype, bytes(amount) + " bytes");
  for (const OrderedJson &state : json["state"]) {
    out += line("state", text(state["name"]) + " " + type(state) + ", " + bytes(state["bytes"]) + " bytes");
    if (state.contains("param"))
      out += line("", "starts as parameter " + text(state["param"]));
    for (const OrderedJson &from : state["from"])
      out += line("", "from " + text(from));
  }
  if (json["max_seq"] != 0)
    out += line("KV cache",
                text(json["kv_bytes_per_token"]) + " bytes per token, " + text(json["max_seq"]) + " positions");
  for (const OrderedJson &entry : json["entries"]) {
    std::string dims = entry["specialisation"].empty() ? "" : " " + text(entry["specialisation"]);
    out += line("entry " + text(entry["name"]),
                text(entry["launch"]) + dims + (entry.contains("flops") ? ", " + text(entry["flops"]) + " flops" : ""));
    for (const char *kind : {"inputs", "outputs"})
      for (const OrderedJson &tensor : entry[kind])
        out += line(kind == std::string("inputs") ? "  input" : "  output",
                    text(tensor["name"]) + " " + type(tensor) +
                        (tensor["role"] == "" ? "" : ", role " + text(tensor["role"])));
  }
  if (const OrderedJson &target = json["target_description"]; !target.is_null())
    out += line("scheduled for", text(target["device"]) + ", " + counted(target["workers"].get<uint64_t>(), "worker") +
                                     ", " + text(target["flops_per_second"]) + " flops/s, " +
                                     text(target["bytes_per_second"]) + " bytes/s");
  for (const OrderedJson &fallback : json["fallbacks"])
    out +=
        line("fallback", text(fallback["op"]) + " at " + text(fallback["location"]) + ": " + text(fallback["reason"]));
  if (json["fallbacks"].empty())
    out += line("fallbacks", "none");
  return out;
}

std::string printMemory(const OrderedJson &json) {
  std::string out = "\nmemory in bytes\n";
  const OrderedJson &total = json["total"];
  out += line("parameters", bytes(total["parameters"]));
  out += line("state", bytes(total["state"]));
  if (total["trained"] != 0) {
    out += line("  of which trained", bytes(total["trained"]));
    out += line("  of which optimizer", bytes(total["optimizer_state"]));
  }
  out += line("  of which KV", bytes(total["kv"]) + ", " + text(total["kv_bytes_per_token"]) + " per token");
  for (const OrderedJson &entry : json["entries"]) {
    out += "entry " + text(entry["name"]) + " (" + text(entry["isa"]) + ")\n";
    out += line("  activations", bytes(entry["activations"])); // gradients among them
    out += line("  inputs", bytes(entry["inputs"]));
    out += line("  outputs", bytes(entry["outputs"]));
    out += line("  private per worker", " " + bytes(entry["private_per_worker"]));
  }
  return out;
}

std::string printKernels(const OrderedJson &json) {
  std::string out;
  for (const OrderedJson &program : json["programs"]) {
    out += "\nentry " + text(program["entry"]) + " (" + text(program["target"]) + "): " + text(program["launches"]) +
           " launches, " + text(program["tasks"]) + " tasks, " + text(program["bodies"]) + " bodies, " +
           text(program["events"]) + " events (" + text(program["counters"]) + " counters), scheduled for " +
           counted(program["workers"].get<uint64_t>(), "worker") + "\n";
    for (const OrderedJson &kernel : program["kernels"])
      out += line("  " + text(kernel["launch"]),
                  text(kernel["body"]) + " " + text(kernel["grid"]) + ", waits " + text(kernel["waits"]) +
                      (kernel["waits_for_parts"] == 0 ? "" : " (" + text(kernel["waits_for_parts"]) + " for parts)") +
                      ", signals " + text(kernel["signals"]) + ", " + text(kernel["flops"]) + " flops, " +
                      text(kernel["bytes"]) + " bytes");
  }
  return out;
}

} // namespace ingot::tool
