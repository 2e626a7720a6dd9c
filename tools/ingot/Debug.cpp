// ingot debug: runs compiled code beside the interpreter and says where they first differ.
#include "Command.h"
#include "Debugger.h"

#include "runtime/formats/DTypes.h"
#include "runtime/formats/File.h"
#include "runtime/formats/Safetensors.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ingot::tool {

using interpreter::HostTensor;
using runtime::Artifact;
using runtime::Session;
namespace fs = std::filesystem;

namespace {

/// A folder that goes away.
struct TemporaryFolder {
  std::string path = (fs::temp_directory_path() / "ingot-debug-XXXXXX").string();
  bool made = ::mkdtemp(path.data()) != nullptr;

  ~TemporaryFolder() {
    std::error_code ignored;
    if (made)
      fs::remove_all(path, ignored);
  }
};

/// Where --save-temps leaves the tensor program; models that begin at a later stage have none.
constexpr const char *kModelText = "/temps/1-model.mlir";

/// The model as the compiler saw it before it planned, with the parameters of the artifact, row-major.
Result<DebugModel> readModel(const std::string &folder, std::shared_ptr<Artifact> artifact) {
  std::string paramsPath = folder + "/params.safetensors";
  std::ifstream file(folder + kModelText);
  std::stringstream text;
  text << file.rdbuf();
  auto target = runtime::CpuTarget::create("cpu", 1, nullptr);
  if (!target)
    return target.status();
  auto session = Session::create(artifact, *target, {});
  if (!session)
    return session.status();
  INGOT_RETURN_IF_ERROR((*session)->saveParams(paramsPath));
  auto mapped = runtime::MappedFile::open(paramsPath);
  if (!mapped)
    return mapped.status();
  auto bytes = std::make_shared<runtime::MappedFile>(std::move(*mapped));
  auto parsed = runtime::Safetensors::parse(bytes->bytes());
  if (!parsed)
    return parsed.status();
  auto tensors = std::make_shared<runtime::Safetensors>(std::move(*parsed));
  DebugModel model;
  for (bool typed : {false, true}) {
    interpreter::HostOptions options;
    options.typed = typed;
    options.params = [bytes, tensors](const std::string &name) -> std::optional<HostTensor> {
      const runtime::SafetensorsTensor *tensor = tensors->find(name);
      if (!tensor || !tensor->dtype)
        return std::nullopt;
      auto *begin = reinterpret_cast<const char *>(tensor->data.data());
      return HostTensor{runtime::dtypeName(*tensor->dtype), tensor->shape, {begin, begin + tensor->data.size()}};
    };
    auto made = interpretText(text.str(), "model", options);
    if (!made)
      return made.status();
    (typed ? model.typed : model.exact) = std::move(*made);
  }
  return model;
}

bool isModel(const std::string &path) { return path.ends_with(".onnx") || path.ends_with(".mlir"); }

/// Compiles the model that `options` name into `folder`; `more` are options of `ingot compile`.
int compileModel(const DebugOptions &options, const std::vector<std::string> &more, const std::string &folder) {
  std::vector<std::string> arguments = {"compile",      options.artifact,  "-o",       folder + "/model.ingot",
                                        "--save-temps", folder + "/temps", "--target", options.target};
  if (!options.params.empty())
    arguments.insert(arguments.end(), {"--params", options.params});
  if (options.workers)
    arguments.insert(arguments.end(), {"--workers", std::to_string(options.workers)});
  arguments.insert(arguments.end(), more.begin(), more.end());
  std::vector<char *> pointers;
  for (std::string &argument : arguments)
    pointers.push_back(argument.data());
  return compileMain(static_cast<int>(pointers.size()), pointers.data());
}

int report(const Result<bool> &agrees) {
  Status output = finishOutput();
  if (!agrees)
    return fail(agrees.status());
  return output.ok() ? !*agrees : fail(output);
}

int debugModelIn(const std::string &folder, DebugOptions options, const std::vector<std::string> &more) {
  if (int exit = compileModel(options, more, folder))
    return exit;
  auto artifact = Artifact::open(folder + "/model.ingot");
  if (!artifact)
    return fail(artifact.status());
  options.params.clear(); // they are in the artifact
  if (!fs::exists(folder + kModelText))
    return report(Debugger(options).run(*artifact, nullptr));
  auto model = readModel(folder, *artifact);
  if (!model)
    return fail(model.status());
  return report(Debugger(options).run(*artifact, &*model));
}

constexpr int kEndingSignals[] = {SIGINT, SIGTERM, SIGHUP};
volatile sig_atomic_t worker = 0;

extern "C" void passOnToWorker(int signal) {
  if (worker > 0)
    ::kill(worker, signal);
}

/// Calls `work` in a process of its own; its wait status. What ends this process by a signal ends that one, not this,
/// which has something left to do.
template <typename Work> int waitStatusOf(Work &&work) {
  struct sigaction previous[std::size(kEndingSignals)], passOn = {};
  passOn.sa_handler = passOnToWorker;
  sigset_t ending, mask;
  sigemptyset(&ending);
  for (int signal : kEndingSignals)
    sigaddset(&ending, signal);
  ::sigprocmask(SIG_BLOCK, &ending, &mask); // until there is somebody to pass them on to
  pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    std::exit(work());
  }
  worker = pid;
  for (size_t i = 0; i < std::size(kEndingSignals); ++i) {
    ::sigaction(kEndingSignals[i], nullptr, &previous[i]);
    if (previous[i].sa_handler != SIG_IGN)
      ::sigaction(kEndingSignals[i], &passOn, nullptr);
  }
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  int status = pid < 0 ? fail("cannot start a process: " + std::string(std::strerror(errno))) << 8 : 0;
  while (pid > 0 && ::waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  worker = 0;
  for (size_t i = 0; i < std::size(kEndingSignals); ++i)
    ::sigaction(kEndingSignals[i], &previous[i], nullptr);
  return status;
}

/// Leaves no temporary files, however it ends: they hold the weights twice.
int debugModel(const DebugOptions &options, const std::vector<std::string> &more) {
  int status;
  {
    TemporaryFolder folder;
    if (!folder.made)
      return fail("cannot create a folder for temporary files: " + std::string(std::strerror(errno)));
    status = waitStatusOf([&] { return debugModelIn(folder.path, options, more); });
  }
  if (WIFSIGNALED(status)) {
    std::signal(WTERMSIG(status), SIG_DFL);
    ::raise(WTERMSIG(status));
  }
  return WEXITSTATUS(status);
}

} // namespace

int debugMain(int argc, char **argv) {
  CLI::App app("Runs compiled code beside the reference interpreter and shows the first value that differs. A model is "
               "compiled first, with what options of `ingot compile` are given",
               "ingot debug");
  DebugOptions options;
  options.addTo(app, Offer{});
  app.get_option("artifact")->description("The artifact, or a model in .onnx or .mlir")->type_name("ART|MODEL");
  app.add_option("--compare", options.reference,
                 "Compare launch by launch; with a file and --inputs, also the outputs with the arrays in it")
      ->required()
      ->expected(0, 1)
      ->type_name("FILE.npz");
  app.add_option("--entry", options.entry, "The entry [all]")->type_name("NAME");
  app.add_option("--inputs", options.inputs, "Arrays with the names of the model's inputs [random ones]")
      ->type_name("FILE.npz");
  app.add_option("--steps", options.steps, "Steps of an entry that takes tokens one by one [2]")
      ->check(whole(1, 1000000))
      ->type_name("N");
  app.add_option("--seed", options.seed, "Of random inputs [0]")->check(whole(0))->type_name("S");
  app.allow_extras();
  if (int exit = parse(app, argc, argv); exit >= 0)
    return exit;
  if (!options.reference.empty() && options.inputs.empty())
    return badUsage(app.get_name(), "--compare with a file expects --inputs, which the arrays in it are for");
  if (options.ranks != 1)
    return fail("running on several ranks is not supported yet");
  for (const std::string &extra : app.remaining())
    if (extra == "--emit" || extra.starts_with("--emit="))
      return badUsage(app.get_name(), "unexpected argument '" + extra + "': what is compared is an artifact");
  if (isModel(options.artifact))
    return debugModel(options, app.remaining());
  if (!app.remaining().empty())
    return badUsage(app.get_name(), "unexpected argument '" + app.remaining().front() + "'");
  auto artifact = Artifact::open(options.artifact);
  if (!artifact)
    return fail(artifact.status());
  return report(Debugger(options).run(*artifact, nullptr));
}

} // namespace ingot::tool
