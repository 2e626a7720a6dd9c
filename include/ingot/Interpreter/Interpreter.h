// The oracle: runs tensor programs and task programs by the reference semantics of their operations.
#pragma once

#include "ingot/Interpreter/Frame.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <functional>
#include <string>
#include <vector>

namespace ingot::interpreter {

struct Options {
  Mode mode = Mode::Exact;
  /// Orders the tasks of foralls and of task programs, wherever the program leaves it open.
  uint64_t seed = 0;
  /// Task programs: run each task on copies that hold only what its launch declares to read, and report writes that it
  /// does not declare, and certain writes that do not happen or depend on anything else. Slower.
  bool checkAccesses = false;
};

/// Gives a parameter's value by name: row-major of the declared logical shape, or in panels as it is stored; nothing
/// when it has none. Asked once per parameter, and not for those that carry their `value` in the module.
using ParamProvider = std::function<std::optional<Array>(llvm::StringRef name)>;

using Arrays = llvm::StringMap<Array>;

/// An input or output of an entry.
struct Port {
  std::string name;
  /// tokens, start, count, logits, ...; empty if the entry does not say.
  std::string role;
  Element element;
  Shape shape;
};

struct Signature {
  std::vector<Port> inputs, outputs;
};

/// Runs the entries of one module. An entry is a `func.func` at any stage (arguments tied by `ingot.param`,
/// `ingot.state` and `ingot.input`; unnamed ones are "arg0", "arg1", ..., unnamed results "result0", ...) or a
/// `task.program` (ports are its buffers' names). Parameters may be expected in their stored layout: they are packed as
/// the type of their `ingot.param` says. States start as their `ingot.state` says (0 without one; perhaps as a
/// parameter's value) and survive runs; all entries share them by name.
class Interpreter {
public:
  /// The module's context must have `registerInterpreterModels`, and the module must outlive this.
  Interpreter(mlir::ModuleOp module, Options options = {}, ParamProvider params = {});

  /// Inputs and outputs of an entry; fails with a diagnostic when there is none of this name.
  mlir::FailureOr<Signature> signatureOf(llvm::StringRef entry);

  /// Runs one step. Expects exactly the entry's inputs, of its shapes; floats of other widths are converted. On failure
  /// (reported as a diagnostic) the states are those before the step.
  mlir::FailureOr<Arrays> run(llvm::StringRef entry, const Arrays &inputs);

  /// Back to the initial states.
  void reset() { states.clear(); }
  /// The states that runs have touched so far; cheap, and `restoreStates` goes back to them.
  Arrays saveStates() const;
  void restoreStates(Arrays saved) { states = std::move(saved); }
  /// The present value of a state; nothing before a run has touched it.
  std::optional<Array> state(llvm::StringRef name) const;

  mlir::ModuleOp getModule() const { return module; }
  const Options &getOptions() const { return options; }

  // For the executors of the two kinds of entries.

  /// A parameter in the shape that `user` expects: logical, or stored in panels.
  mlir::FailureOr<Array> param(mlir::Operation *user, llvm::StringRef name, mlir::ShapedType type);
  /// A state; its cells are not to be written.
  mlir::FailureOr<Array> initialState(mlir::Operation *user, llvm::StringRef name, mlir::ShapedType type);
  /// An input, checked against the type.
  mlir::FailureOr<Array> input(mlir::Operation *user, llvm::StringRef name, mlir::ShapedType type,
                               const Arrays &inputs);
  void setState(llvm::StringRef name, Array value) { states[name] = std::move(value); }
  Random &getRandom() { return random; }

private:
  mlir::ModuleOp module;
  Options options;
  ParamProvider provider;
  Random random;
  Arrays states;
  /// By name for the logical value, by "name\n" plus the stored shape for packed ones.
  Arrays params;
};

/// The same values with the float type `element`, rounded in typed mode; integers keep their values and must fit.
Array convertTo(const Array &array, Element element, Mode mode);

/// A float array's elements are NaN, or an integer array's are poison, where nobody wrote: counts the NaNs.
int64_t countNaNs(const Array &array);

} // namespace ingot::interpreter
