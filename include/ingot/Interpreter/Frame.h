// The values of one function or task body while it is interpreted: what models of operations work on.
#pragma once

#include "ingot/Interpreter/Array.h"
#include "runtime/program/SplitMix64.h"

#include "mlir/IR/Block.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

#include <variant>

namespace ingot::interpreter {

/// exact: floats are float64 everywhere and float casts do nothing, except that `arith.bitcast` looks at the type's
/// bits. typed: each op's result is rounded to its element type, contractions, norms, softmax and attention
/// accumulate in float32. Integers have their width in both.
enum class Mode : uint8_t { Exact, Typed };

/// A value of scalar type.
struct Scalar {
  Element element = Element::index;
  Cell cell = {};
};

/// The run-time value of an SSA value: a scalar, or a tensor or memref.
using Datum = std::variant<Scalar, Array>;

class Random : public program::SplitMix64 {
public:
  using SplitMix64::SplitMix64;

  /// In [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  template <typename T> void shuffle(std::vector<T> &items) {
    for (size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[below(i)]);
  }
};

/// Values by SSA value. Not recursive: a called function gets its own frame.
class Frame {
public:
  Frame(Mode mode, Random &random) : mode(mode), random(random) {}

  bool isTyped() const { return mode == Mode::Typed; }
  Mode getMode() const { return mode; }
  Random &getRandom() { return random; }

  bool has(mlir::Value value) const { return values.contains(value); }
  const Datum &get(mlir::Value value) const;
  /// A tensor or memref.
  Array array(mlir::Value value) const { return std::get<Array>(get(value)); }
  /// A float scalar.
  double real(mlir::Value value) const { return std::get<Scalar>(get(value)).cell.f; }
  /// An integer or index scalar.
  int64_t integer(mlir::Value value) const { return std::get<Scalar>(get(value)).cell.i; }
  /// A constant, or the value of an index operand.
  int64_t integer(mlir::OpFoldResult value) const;
  llvm::SmallVector<int64_t> integers(llvm::ArrayRef<mlir::OpFoldResult> values) const;
  /// Cells of a tensor that the current op may overwrite: the tensor itself when nobody uses it afterwards, else a
  /// copy.
  Array takeForUpdate(mlir::OpOperand &operand);

  void set(mlir::Value value, Datum datum) { values[value] = std::move(datum); }
  void setScalar(mlir::Value value, Element element, Cell cell) { set(value, Scalar{element, cell}); }
  void setInteger(mlir::Value value, int64_t integer);
  /// Sets an op's only result, rounded to the element type in typed mode.
  void setRounded(mlir::Value value, Array array);

  /// Runs a block's operations up to its terminator, whose operands' values it returns.
  mlir::FailureOr<llvm::SmallVector<Datum>> run(mlir::Block &block, llvm::ArrayRef<Datum> arguments);

private:
  const llvm::SmallVector<mlir::Value, 2> *deadAfter(mlir::Operation *op);

  Mode mode;
  Random &random;
  llvm::DenseMap<mlir::Value, Datum> values;
  /// For the ops of blocks seen so far: values of the same block that nobody uses afterwards.
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<mlir::Value, 2>> lastUses;
  llvm::SmallPtrSet<mlir::Block *, 4> analysed;
};

/// Rounds the elements of a dense array to its element type if it is a float and the mode is typed.
void roundElements(const Array &array, Mode mode);

} // namespace ingot::interpreter

#include "lib/Interpreter/Interpretable.h.inc"
