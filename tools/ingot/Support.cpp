#include "Support.h"

#include "runtime/cpu/Cores.h"
#include "runtime/session/CpuTarget.h"

#include <algorithm>
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

std::string printable(std::string_view message, std::string_view kept) {
  std::string text;
  while (!message.empty()) {
    auto first = static_cast<unsigned char>(message[0]);
    size_t length = characterLength(message);
    // U+0080 to U+009F are control characters, too: U+009B is what ESC [ is.
    bool control = first < 0x20 || first == 0x7F ||
                   (length == 2 && first == 0xC2 && static_cast<unsigned char>(message[1]) < 0xA0);
    if (length != 0 && (!control || kept.find(message[0]) != kept.npos)) {
      text += message.substr(0, length);
    } else {
      length = std::max<size_t>(length, 1);
      for (char each : message.substr(0, length)) {
        auto byte = static_cast<unsigned char>(each);
        text += "\\x";
        text += "0123456789ABCDEF"[byte >> 4];
        text += "0123456789ABCDEF"[byte & 15];
      }
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

/// What is a target, whether this machine has it or not; messages name those of `offered`.
CLI::Validator aTarget(const std::string &offered) {
  auto check = [=](const std::string &text) -> std::string {
    return runtime::isTarget(text) ? "" : "expects " + offered + ", but got '" + text + "'";
  };
  return CLI::Validator(check, "");
}

CLI::Validator cpuList() {
  auto check = [](const std::string &text) { return runtime::parseCpuList(text).status().message(); };
  return CLI::Validator(check, "");
}

} // namespace

void RunOptions::addTo(CLI::App &app, const Offer &offer) {
  app.add_option("artifact", artifact, "The artifact, as `ingot compile` wrote it")->required()->type_name("ART");
  app.add_option("--params", params, "Use the weights of this safetensors file")->type_name("FILE");
  app.add_option("--workers", workers, "Number of workers [one per available core]")
      ->check(whole(1, runtime::Executor::kMaxWorkers))
      ->type_name("N");
  bool interleaves = std::count(offer.launches.begin(), offer.launches.end(), "interleaved") > 0;
  if (!offer.launches.empty())
    app.add_option("--launch", launch,
                   listed(offer.launches) + (interleaves ? ", which is one thread and a random legal order" : ""))
        ->check(oneOf(offer.launches, {"megakernel", "eager", "graph", "interleaved"}))
        ->type_name("HOW");
  if (interleaves)
    app.add_option("--interleaving-seed", interleavingSeed, "Chooses the order of --launch interleaved [0]")
        ->check(whole(0))
        ->type_name("S");
  std::string targets = offer.interpreter && !isExecutable() ? "cpu, cpu:ISA or interpreter" : "cpu or cpu:ISA";
  app.add_option("--target", target, targets + " [cpu]")->check(aTarget(targets))->type_name("TARGET");
  app.add_option("--affinity", affinity, "Bind workers to these cpus, for example 0-3,8")
      ->check(cpuList())
      ->type_name("CPUS");
  // Not shown: more than one is not supported yet.
  app.add_option("--ranks", ranks)->check(whole(1, 1 << 16))->type_name("N")->group("");
}

ingot_launch toLaunch(const std::string &name) {
  if (name == "eager")
    return INGOT_LAUNCH_EAGER;
  if (name == "graph")
    return INGOT_LAUNCH_GRAPH;
  return name == "interleaved" ? INGOT_LAUNCH_INTERLEAVED : INGOT_LAUNCH_MEGAKERNEL;
}

Result<Running> openArtifact(const RunOptions &options) {
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
  return running;
}

Result<Running> start(const RunOptions &options) {
  Result<Running> opened = openArtifact(options);
  if (!opened)
    return opened.status();
  Running running = std::move(*opened);
  std::string launch = options.launch;
  if (launch.empty() && !running.manifest.entries.empty())
    launch = running.manifest.entries.front().launch;
  ingot_session_options sessionOptions = {sizeof(sessionOptions), toLaunch(launch), options.interleavingSeed, 0};
  ingot_session *session = nullptr;
  INGOT_RETURN_IF_ERROR(
      fromC(ingot_session_create(running.artifact.get(), running.executor.get(), &sessionOptions, &session))
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
