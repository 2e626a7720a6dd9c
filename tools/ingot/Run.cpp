// ingot run: one step of an entry on tensors from a file, from zero state.
#include "Run.h"

#include "Command.h"

#include "runtime/formats/DTypes.h"

#include <algorithm>

namespace ingot::tool {

using program::DType;
using runtime::ManifestEntry;
using runtime::ManifestTensor;
using runtime::typeText;

Result<const ManifestEntry *> chooseEntry(const runtime::Manifest &manifest, const std::string &name) {
  if (name.empty() && manifest.entries.size() == 1)
    return &manifest.entries.front();
  if (const ManifestEntry *entry = name.empty() ? nullptr : manifest.findEntry(name))
    return entry;
  std::string known;
  for (const ManifestEntry &entry : manifest.entries)
    known += (known.empty() ? "" : ", ") + entry.name;
  return Status::invalidArgument(name.empty() ? "choose an entry with --entry: " + known
                                              : "the artifact has no entry '" + name + "', but " + known);
}

namespace {

/// All that is wrong with the arrays, not only the first.
Status checkInputs(const ManifestEntry &entry, const std::map<std::string, Array> &arrays, const std::string &path) {
  std::string problems;
  for (const ManifestTensor &input : entry.inputs) {
    auto it = arrays.find(input.name);
    if (it == arrays.end() && !runtime::isSamplingRole(input.role))
      problems += "\n  '" + input.name + "' is missing";
    else if (it != arrays.end() && (it->second.dtype != input.dtype || it->second.shape != input.shape))
      problems += "\n  '" + input.name + "' expects " + typeText(input.dtype, input.shape) + ", but got " +
                  typeText(it->second.dtype, it->second.shape);
  }
  for (const auto &[name, array] : arrays)
    if (std::none_of(entry.inputs.begin(), entry.inputs.end(), [&](auto &input) { return input.name == name; }))
      problems += "\n  '" + name + "' is no input";
  if (problems.empty())
    return Status::success();
  std::string expected;
  for (const ManifestTensor &input : entry.inputs)
    expected += (expected.empty() ? "" : ", ") + input.name + " " + typeText(input.dtype, input.shape);
  return Status::invalidArgument("'" + path + "' does not fit entry '" + entry.name + "':" + problems +
                                 "\n  expected: " + (expected.empty() ? "no inputs" : expected));
}

} // namespace

Result<std::map<std::string, Array>> readInputs(const EntryOptions &options, const ManifestEntry &entry) {
  std::map<std::string, Array> inputs;
  if (!options.inputs.empty()) {
    Result<std::map<std::string, Array>> read = readNpz(options.inputs);
    if (!read)
      return read.status();
    inputs = std::move(*read);
  }
  INGOT_RETURN_IF_ERROR(checkInputs(entry, inputs, options.inputs.empty() ? "no --inputs" : options.inputs));
  // What says how the next token is chosen may be missing: zeros, which take the largest logit.
  for (const ManifestTensor &input : entry.inputs)
    if (!inputs.contains(input.name))
      inputs[input.name] = {input.dtype, input.shape,
                            std::string(runtime::checkedBytes(input.dtype, input.shape).value_or(0), '\0')};
  return inputs;
}

namespace {

/// DLPack's view of an array.
DLTensor toTensor(Array &array) {
  static constexpr struct {
    DType dtype;
    uint8_t code;
  } kCodes[] = {{DType::i1, 6},         {DType::i8, kDLInt},      {DType::i32, kDLInt},   {DType::i64, kDLInt},
                {DType::f16, kDLFloat}, {DType::bf16, kDLBfloat}, {DType::f32, kDLFloat}, {DType::f64, kDLFloat}};
  DLTensor tensor = {};
  tensor.data = array.data.data();
  tensor.device = {kDLCPU, 0};
  tensor.ndim = static_cast<int>(array.shape.size());
  tensor.shape = array.shape.data();
  tensor.dtype.bits = static_cast<uint8_t>(8 * program::byteSize(array.dtype));
  tensor.dtype.lanes = 1;
  for (const auto &pair : kCodes)
    if (pair.dtype == array.dtype)
      tensor.dtype.code = pair.code;
  return tensor;
}

using Outputs = std::vector<std::pair<std::string, Array>>;

Result<Outputs> runCompiled(const Running &running, const ManifestEntry &entry, std::map<std::string, Array> inputs) {
  std::vector<DLTensor> in, out;
  for (const ManifestTensor &input : entry.inputs)
    in.push_back(toTensor(inputs[input.name]));
  Outputs outputs;
  for (const ManifestTensor &output : entry.outputs)
    outputs.emplace_back(output.name,
                         Array{output.dtype, output.shape,
                               std::string(runtime::checkedBytes(output.dtype, output.shape).value_or(0), '\0')});
  for (auto &[name, array] : outputs)
    out.push_back(toTensor(array));
  INGOT_RETURN_IF_ERROR(
      fromC(ingot_run(running.session.get(), entry.name.c_str(), in.data(), in.size(), out.data(), out.size())));
  return outputs;
}

Status runEntry(const EntryOptions &options) {
  Result<Running> running = start(options);
  if (!running)
    return running.status();
  Result<const ManifestEntry *> entry = chooseEntry(running->manifest, options.entry);
  if (!entry)
    return entry.status();
  Result<std::map<std::string, Array>> inputs = readInputs(options, **entry);
  if (!inputs)
    return inputs.status();
  Result<Outputs> outputs = runCompiled(*running, **entry, std::move(*inputs));
  return outputs ? writeNpz(options.outputs, *outputs) : outputs.status();
}

} // namespace

int runMain(int argc, char **argv) {
  CLI::App app("Runs one step of an entry from zero state", "ingot run");
  EntryOptions options;
  options.addTo(app, {{"megakernel", "eager", "interleaved"}, true});
  app.add_option("--entry", options.entry, "The entry [the only one]")->type_name("NAME");
  app.add_option("--inputs", options.inputs, "Arrays with the names of the model's inputs")->type_name("FILE.npz");
  app.add_option("--outputs", options.outputs, "Where to write arrays with the names of the model's outputs")
      ->required()
      ->check(fileToWrite())
      ->type_name("FILE.npz");
  if (int exit = parse(app, argc, argv); exit >= 0)
    return exit;
  if (options.target == "interpreter")
    return interpretMain(argc, argv, options);
  Status status = runEntry(options);
  return status.ok() ? 0 : fail(status);
}

} // namespace ingot::tool
