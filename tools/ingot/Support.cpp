#include "Support.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace ingot::tool {

int fail(const std::string &message) {
  std::fprintf(stderr, "ingot: %s\n", message.c_str());
  return 1;
}

int fail(const Status &status) { return fail(status.message()); }

Status fromC(ingot_status *status) {
  if (!status)
    return Status::success();
  static constexpr runtime::StatusCode kCodes[] = {
      runtime::StatusCode::ok,          runtime::StatusCode::invalidArgument, runtime::StatusCode::corrupt,
      runtime::StatusCode::unsupported, runtime::StatusCode::outOfMemory,     runtime::StatusCode::io,
      runtime::StatusCode::cancelled,   runtime::StatusCode::internal};
  Status result(kCodes[ingot_status_code(status)], ingot_status_message(status));
  ingot_status_free(status);
  return result;
}

int parse(CLI::App &app, int argc, char **argv) {
  try {
    app.parse(argc, argv);
    return -1;
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
}

void RunOptions::addTo(CLI::App &app) {
  app.add_option("artifact", artifact, "The artifact, as `ingot compile` wrote it")->required()->type_name("ART");
  app.add_option("--params", params, "Use the weights of this safetensors file")->type_name("FILE");
  app.add_option("--workers", workers, "Number of workers [one per available core]")
      ->check(CLI::Range(1u, 1024u))
      ->type_name("N");
  app.add_option("--launch", launch, "megakernel, eager, graph, or interleaved (one thread, random legal order)")
      ->check(CLI::IsMember({"megakernel", "eager", "graph", "interleaved"}))
      ->type_name("HOW");
  app.add_option("--interleaving-seed", interleavingSeed, "Chooses the order of --launch interleaved")->type_name("S");
  app.add_option("--target", target, "cpu, cpu:ISA, cuda, emulator or interpreter [cpu]")->type_name("TARGET");
  app.add_option("--affinity", affinity, "Bind workers to these cpus, for example 0-3,8")->type_name("CPUS");
  app.add_option("--ranks", ranks, "Number of ranks [1]")->check(CLI::PositiveNumber)->type_name("N");
}

namespace {

ingot_launch toLaunch(const std::string &name) {
  if (name == "eager")
    return INGOT_LAUNCH_EAGER;
  if (name == "graph")
    return INGOT_LAUNCH_GRAPH;
  return name == "interleaved" ? INGOT_LAUNCH_INTERLEAVED : INGOT_LAUNCH_MEGAKERNEL;
}

} // namespace

Result<Running> start(const RunOptions &options) {
  if (options.ranks != 1)
    return Status::unsupported("running on several ranks is not supported yet");
  Running running;
  ingot_artifact *artifact = nullptr;
  INGOT_RETURN_IF_ERROR(fromC(ingot_artifact_open(options.artifact.c_str(), &artifact)));
  running.artifact.reset(artifact);
  Result<runtime::Manifest> manifest = runtime::parseManifest(ingot_artifact_manifest(artifact));
  if (!manifest)
    return manifest.status();
  running.manifest = std::move(*manifest);

  ingot_executor *executor = nullptr;
  INGOT_RETURN_IF_ERROR(
      fromC(ingot_executor_create(options.target.c_str(), options.workers,
                                  options.affinity.empty() ? nullptr : options.affinity.c_str(), &executor)));
  running.executor.reset(executor);

  std::string launch = options.launch;
  if (launch.empty() && !running.manifest.entries.empty())
    launch = running.manifest.entries.front().launch;
  ingot_session_options sessionOptions = {sizeof(sessionOptions), toLaunch(launch), options.interleavingSeed, 0};
  ingot_session *session = nullptr;
  INGOT_RETURN_IF_ERROR(fromC(ingot_session_create(artifact, executor, &sessionOptions, &session))
                            .withContext("'" + options.artifact + "'"));
  running.session.reset(session);
  if (!options.params.empty())
    INGOT_RETURN_IF_ERROR(fromC(ingot_params_load(session, options.params.c_str())));
  return running;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Status finishOutput() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    return Status::io(std::string("cannot write to standard output: ") + std::strerror(errno ? errno : EIO));
  return Status::success();
}

} // namespace ingot::tool
