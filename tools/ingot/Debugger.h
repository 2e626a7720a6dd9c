// The comparisons of `ingot debug`.
#pragma once

#include "DebugInputs.h"
#include "Lockstep.h"
#include "Progress.h"
#include "Run.h"

#include "runtime/session/Session.h"

#include <map>
#include <memory>
#include <string>

namespace ingot::tool {

struct DebugOptions : EntryOptions {
  std::string reference;
  uint64_t steps = 2, seed = 0;
};

/// The tensor program that an artifact was compiled from, in exact and in typed mode.
struct DebugModel {
  std::unique_ptr<interpreter::HostInterpreter> exact, typed;
};

/// Steps of an artifact by compiled code and by the interpreter. Prints what it finds to standard output.
class Debugger {
public:
  explicit Debugger(const DebugOptions &options) : options(options) {}

  /// Whether everything agrees; stops at the first step that does not. Outputs are also compared with those of `model`,
  /// unless it is null.
  Result<bool> run(std::shared_ptr<runtime::Artifact> artifact, DebugModel *model);

private:
  Status open(std::shared_ptr<runtime::Artifact> artifact);
  Result<bool> runStep(const DebugStep &step, DebugModel *model);
  Result<bool> runLaunches(const std::string &what, runtime::Session::Entry &entry);
  bool equalsWholeStep(const std::string &what, const runtime::Session::Entry &entry,
                       const runtime::Session::Entry &whole) const;
  Result<bool> agreesWithModel(const std::string &what, const runtime::Session::Entry &entry, DebugModel &model);
  Result<bool> agreesWithReference(const runtime::Session::Entry &entry) const;

  const DebugOptions &options;
  std::shared_ptr<runtime::CpuTarget> target;
  // The same steps launch by launch, and as they usually run.
  std::unique_ptr<runtime::Session> session, usual;
  std::map<std::string, std::unique_ptr<Lockstep>> locksteps; // by entry
  Progress progress;
};

} // namespace ingot::tool
