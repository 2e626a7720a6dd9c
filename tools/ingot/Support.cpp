#include "Support.h"

#include "runtime/cpu/Cores.h"
#include "runtime/session/CpuTarget.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace ingot::tool {

namespace {

/// Length of the well-formed UTF-8 character that `text` begins with; 0 if there is none.
size_t characterLength(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (length > text.size())
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80)
      return 0;
  bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  bool outside = (first == 0xED && byte(1) >= 0xA0) || (first == 0xF4 && byte(1) >= 0x90);
  return overlong || outside ? 0 : length;
}

} // namespace

std::string printable(std::string_view message) {
  std::string text;
  while (!message.empty()) {
    auto first = static_cast<unsigned char>(message[0]);
    size_t length = characterLength(message);
    bool control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7F;
    if (length == 0 || control) {
      text += "\\x";
      text += "0123456789ABCDEF"[first >> 4];
      text += "0123456789ABCDEF"[first & 15];
      length = 1;
    } else {
      text += message.substr(0, length);
    }
    message.remove_prefix(length);
  }
  return text;
}

std::string counted(uint64_t count, const std::string &noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

int fail(const std::string &message) {
  std::fprintf(stderr, "ingot: %s\n", printable(message).c_str());
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

namespace {

/// What is a target, whether this machine has it or not.
CLI::Validator aTarget() {
  auto check = [](const std::string &text) -> std::string {
    return runtime::isTarget(text) ? "" : "expects cpu, cpu:ISA, cuda, emulator or interpreter, but got '" + text + "'";
  };
  return CLI::Validator(check, "");
}

CLI::Validator cpuList() {
  auto check = [](const std::string &text) { return runtime::parseCpuList(text).status().message(); };
  return CLI::Validator(check, "");
}

} // namespace

void RunOptions::addTo(CLI::App &app) {
  app.add_option("artifact", artifact, "The artifact, as `ingot compile` wrote it")->required()->type_name("ART");
  app.add_option("--params", params, "Use the weights of this safetensors file")->type_name("FILE");
  app.add_option("--workers", workers, "Number of workers [one per available core]")
      ->check(whole(1, runtime::Executor::kMaxWorkers))
      ->type_name("N");
  app.add_option("--launch", launch, "megakernel, eager, graph, or interleaved (one thread, random legal order)")
      ->check(oneOf({"megakernel", "eager", "graph", "interleaved"}))
      ->type_name("HOW");
  app.add_option("--interleaving-seed", interleavingSeed, "Chooses the order of --launch interleaved")
      ->check(whole(0))
      ->type_name("S");
  app.add_option("--target", target, "cpu, cpu:ISA, cuda, emulator or interpreter [cpu]")
      ->check(aTarget())
      ->type_name("TARGET");
  app.add_option("--affinity", affinity, "Bind workers to these cpus, for example 0-3,8")
      ->check(cpuList())
      ->type_name("CPUS");
  app.add_option("--ranks", ranks, "Number of ranks [1]")->check(whole(1, 1 << 16))->type_name("N");
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
