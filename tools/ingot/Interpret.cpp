// `ingot run --target interpreter`: one step by the reference interpreter instead of compiled code.
#include "Run.h"

#include "runtime/session/Artifact.h"

#include "ingot/Interpreter/Host.h"
#include "runtime/formats/DTypes.h"

namespace ingot::tool {

using interpreter::HostInterpreter;
using interpreter::HostTensor;
namespace {

/// "program/decode.cpu-avx2.bin" -> "program/decode.cpu-avx2.mlir"
std::string textMember(const std::string &binary) { return binary.substr(0, binary.rfind('.')) + ".mlir"; }

interpreter::HostOptions optionsFor(const runtime::Artifact &artifact, uint64_t seed) {
  interpreter::HostOptions options;
  options.seed = seed;
  options.params = [&artifact](const std::string &name) -> std::optional<HostTensor> {
    int64_t index = artifact.paramIndex(name);
    if (index < 0)
      return std::nullopt;
    const runtime::ManifestParam &param = artifact.manifest().params[index];
    std::span<const std::byte> bytes = artifact.paramBytes(index);
    auto *begin = reinterpret_cast<const char *>(bytes.data());
    return HostTensor{runtime::dtypeName(param.dtype), param.shape, {begin, begin + bytes.size()}};
  };
  return options;
}

Status failed(std::string messages) {
  while (!messages.empty() && messages.back() == '\n')
    messages.pop_back();
  return Status::corrupt(messages);
}

/// One step of `entry` from the initial states, on the task program that the artifact carries in text. Values are
/// rounded as their element types say; `seed` orders the tasks where the program leaves it open.
Result<std::map<std::string, Array>> interpretEntry(const runtime::Artifact &artifact,
                                                    const runtime::ManifestEntry &entry,
                                                    const std::map<std::string, Array> &inputs, uint64_t seed) {
  std::string member = textMember(entry.program.front().second);
  const runtime::ZipReader::Member *text = artifact.archive().find(member);
  if (!text)
    return Status::corrupt("the artifact has no member '" + member + "'");
  std::string error;
  auto host = HostInterpreter::create({reinterpret_cast<const char *>(text->data.data()), text->data.size()}, member,
                                      optionsFor(artifact, seed), error);
  if (!host)
    return failed(error);
  interpreter::HostTensors tensors;
  for (const auto &[name, array] : inputs)
    tensors[name] = {runtime::dtypeName(array.dtype), array.shape, {array.data.begin(), array.data.end()}};
  auto outputs = host->run(entry.name, tensors, error);
  if (!outputs)
    return failed(error);
  std::map<std::string, Array> arrays;
  for (const auto &[name, tensor] : *outputs)
    arrays[name] = {*runtime::parseDType(tensor.dtype), tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
  return arrays;
}

Status interpret(const EntryOptions &options) {
  if (!options.params.empty())
    return Status::unsupported("--params with --target interpreter is not supported yet");
  Result<std::shared_ptr<runtime::Artifact>> artifact = runtime::Artifact::open(options.artifact);
  if (!artifact)
    return artifact.status();
  INGOT_RETURN_IF_ERROR((*artifact)->paramsStatus());
  Result<const runtime::ManifestEntry *> entry = chooseEntry((*artifact)->manifest(), options.entry);
  if (!entry)
    return entry.status();
  Result<std::map<std::string, Array>> inputs = readInputs(options, **entry);
  if (!inputs)
    return inputs.status();
  Result<std::map<std::string, Array>> outputs = interpretEntry(**artifact, **entry, *inputs, options.interleavingSeed);
  return outputs ? writeNpz(options.outputs, {outputs->begin(), outputs->end()}) : outputs.status();
}

} // namespace

int interpretMain(int, char **, const EntryOptions &options) {
  Status status = interpret(options);
  return status.ok() ? 0 : fail(status);
}

} // namespace ingot::tool
