// The interpreter for callers that know no MLIR: text and bytes in, bytes out.
#pragma once

#include "runtime/program/Program.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ingot::interpreter {

/// A row-major tensor. `dtype` is "i1" (one byte each), "i8", "i16", "i32", "i64", "f16", "bf16", "f32" or "f64".
struct HostTensor {
  std::string dtype;
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

using HostTensors = std::map<std::string, HostTensor>;

struct HostOptions {
  /// Round as the element types say; else everything is float64.
  bool typed = true;
  /// Orders tasks where the program leaves it open.
  uint64_t seed = 0;
  /// Values of parameters, row-major or as the program stores them.
  std::function<std::optional<HostTensor>(const std::string &name)> params;
};

/// A launch of a task program: where it comes from and what a task of it does.
struct HostLaunch {
  std::string symbol;
  std::string file, node;           // "model.mlir:3:5" or "model.onnx", and a node of it; empty if unknown
  std::vector<std::string> ops;     // of the body that compute, in order: "tile.contract", ...
  std::vector<std::string> buffers; // symbols of what it binds
};

/// A module in text and the states of its entries.
class HostInterpreter {
public:
  /// `name` is the file that messages point into. Returns null, and the messages in `error`, if the text is not valid.
  static std::unique_ptr<HostInterpreter> create(const std::string &text, const std::string &name, HostOptions options,
                                                 std::string &error);
  ~HostInterpreter();

  /// Runs one step of an entry. Nothing, and the messages in `error`, if it fails; states are then as before.
  std::optional<HostTensors> run(const std::string &entry, const HostTensors &inputs, std::string &error);
  /// Back to the initial states.
  void reset();

  /// The launches of the task program `entry`, in its order; none if there is no such program.
  std::vector<HostLaunch> launches(const std::string &entry) const;
  /// The task program `entry` as plain data. Nothing, and the messages in
  /// `error`, if there is none or an index in it has no such form.
  std::optional<program::Program> program(const std::string &entry, std::string &error) const;
  /// Runs all tasks of one launch on copies of `memory`, which holds what it binds, by symbol. Gives the buffers that
  /// it declares to write, floats as f64 and integers as i64. Nothing, and the messages in `error`, if it fails.
  std::optional<HostTensors> runLaunch(const std::string &entry, size_t launch, const HostTensors &memory,
                                       std::string &error);

private:
  struct State;
  explicit HostInterpreter(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

/// One step of `entry` from the initial states, for command lines: messages go to stderr. Returns the exit code, 0
/// or 1.
int interpretMain(const std::string &text, const std::string &name, const std::string &entry, HostOptions options,
                  const HostTensors &inputs, HostTensors &outputs);

} // namespace ingot::interpreter
