// ingot inspect: what an artifact holds.
#include "Inspect.h"

#include "Command.h"
#include "Support.h"

namespace ingot::tool {

namespace {

Status inspect(const InspectOptions &options) {
  if (options.sharding)
    return Status::unsupported("showing shardings is not supported yet");
  Result<std::shared_ptr<runtime::Artifact>> artifact = runtime::Artifact::open(options.artifact);
  if (!artifact)
    return artifact.status();
  runtime::OrderedJson model = describeModel(**artifact), memory, kernels;
  if (options.memory)
    memory = describeMemory(**artifact);
  if (options.kernels) {
    Result<runtime::OrderedJson> described = describeKernels(**artifact);
    if (!described)
      return described.status();
    kernels = std::move(*described);
  }
  if (options.json) {
    if (options.memory)
      model["memory"] = memory;
    if (options.kernels)
      model["programs"] = kernels["programs"];
    print(model.dump(2, ' ', false, runtime::OrderedJson::error_handler_t::replace) + "\n");
  } else {
    print(printModel(model) + (options.memory ? printMemory(memory) : "") +
          (options.kernels ? printKernels(kernels) : ""));
  }
  INGOT_RETURN_IF_ERROR(finishOutput());
  if (!options.verify)
    return Status::success();
  INGOT_RETURN_IF_ERROR(verifyArtifact(**artifact));
  std::fprintf(stderr, "verified: checksums, hashes of parameters, and programs\n");
  return Status::success();
}

} // namespace

int inspectMain(int argc, char **argv) {
  CLI::App app("Shows what an artifact holds", "ingot inspect");
  InspectOptions options;
  app.add_option("artifact", options.artifact, "The artifact")->required()->type_name("ART");
  app.add_flag("--memory", options.memory, "Itemise memory");
  app.add_flag("--kernels", options.kernels, "List launches, bodies, tasks and events");
  app.add_flag("--json", options.json, "Print JSON");
  app.add_flag("--verify", options.verify, "Check checksums, hashes and programs too");
  app.add_flag("--sharding", options.sharding, "Not supported yet");
  if (int exit = parse(app, argc, argv); exit >= 0)
    return exit;
  Status status = inspect(options);
  return status.ok() ? 0 : fail(status);
}

} // namespace ingot::tool
