// The interpreter for callers that know no MLIR: text and bytes in, bytes out.
#pragma once

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
