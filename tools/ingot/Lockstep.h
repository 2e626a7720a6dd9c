// A step of compiled code, launch by launch, beside the interpreter.
#pragma once

#include "Compare.h"
#include "Progress.h"
#include "Support.h"

#include "ingot/Interpreter/Host.h"
#include "runtime/session/Session.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ingot::tool {

/// The first value of a step that the interpreter does not confirm.
struct Divergence {
  size_t number = 0; // of the launch
  interpreter::HostLaunch launch;
  program::Buffer buffer;
  Comparison comparison;
};

/// One entry of a session with the program that its artifact carries in text.
class Lockstep {
public:
  /// Fails if the text of the program is missing or is not the program that runs.
  static Result<std::unique_ptr<Lockstep>> create(runtime::Session &session, runtime::Session::Entry &entry);

  /// Runs the launches of a step in order, compiled and interpreted on the same memory, up to the first that stores a
  /// value which is further off than allowed. Expects inputs that `Session::runStep` accepts. `what` names the step.
  Result<std::optional<Divergence>> run(const std::string &what, Progress &progress);

  size_t numLaunches() const { return launches.size(); }
  /// The largest error of the last run as a part of what was allowed, and the launch that it is of.
  double worst() const { return worstPart; }
  const std::string &worstLaunch() const { return worstSymbol; }

private:
  explicit Lockstep(runtime::Session::Entry &entry) : entry(entry) {}
  interpreter::HostTensors memoryOf(const interpreter::HostLaunch &launch) const;
  Result<interpreter::HostTensors> interpret(interpreter::HostInterpreter &interpreter, size_t launch,
                                             const interpreter::HostTensors &memory) const;
  /// The largest error of float32 computations of `want` on memory that rounding could have left as well.
  Result<double> sampleRounding(size_t launch, const interpreter::HostTensors &memory, const std::string &symbol,
                                const interpreter::HostTensor &want) const;

  runtime::Session::Entry &entry;
  std::unique_ptr<interpreter::HostInterpreter> exact, typed;
  std::vector<interpreter::HostLaunch> launches;
  double worstPart = 0;
  std::string worstSymbol;
};

/// The text of a module for the interpreter, in exact or typed mode; `name` is what messages say.
Result<std::unique_ptr<interpreter::HostInterpreter>> interpretText(std::string_view text, const std::string &name,
                                                                    interpreter::HostOptions options);

} // namespace ingot::tool
