// What the commands share: messages, owned handles of the C interface, common options.
#pragma once

#include "Usage.h"

#include "ingot/runtime.h"

#include "runtime/formats/Manifest.h"
#include "runtime/support/Status.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ingot::tool {

using runtime::Result;
using runtime::Status;

/// A message for a terminal: bytes that are no UTF-8, and control characters but those of `kept`, become \xNN.
std::string printable(std::string_view message, std::string_view kept = "\n\t");

/// "1 token", "2 tokens".
std::string counted(uint64_t count, const std::string &noun);

/// Prints "ingot: MESSAGE" to standard error and returns the exit status 1.
int fail(const std::string &message);
int fail(const Status &status);

/// The status of the C interface as ours; frees it.
Status fromC(ingot_status *status);

struct Closer {
  void operator()(ingot_artifact *artifact) const { ingot_artifact_close(artifact); }
  void operator()(ingot_executor *executor) const { ingot_executor_close(executor); }
  void operator()(ingot_session *session) const { ingot_session_close(session); }
};
template <typename T> using Owned = std::unique_ptr<T, Closer>;

/// What a command does with the options that all commands have in common. What it does not do is left out of its help
/// and of messages, and refused.
struct Offer {
  std::vector<std::string> launches; // that --launch may name; none: there is no --launch
  bool interpreter = false;          // --target interpreter
};

/// Options that every command which runs an artifact takes.
struct RunOptions {
  std::string artifact;
  std::string params;
  std::string launch; // empty: what the artifact says
  std::string target = "cpu";
  std::string affinity;
  uint32_t workers = 0;
  uint32_t ranks = 1;
  uint64_t interleavingSeed = 0;

  void addTo(CLI::App &app, const Offer &offer);
};

/// An artifact with a session on it.
struct Running {
  Owned<ingot_artifact> artifact;
  Owned<ingot_executor> executor;
  Owned<ingot_session> session;
  runtime::Manifest manifest;
};
Result<Running> start(const RunOptions &options);
/// The same without a session: parameters and launch are left to the caller.
Result<Running> openArtifact(const RunOptions &options);
/// The launch of a name; of an unknown one the usual.
ingot_launch toLaunch(const std::string &name);

/// Writes to standard output; `finish` says whether everything arrived there.
void print(std::string_view text);
Status finishOutput();

} // namespace ingot::tool
