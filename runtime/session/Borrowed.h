// Large tensors of a run, which its step uses where the caller has them.
#pragma once

#include "runtime/session/Session.h"

#include <span>
#include <string>

namespace ingot::runtime {

/// As long as it lives, the step of an entry reads large inputs and writes large outputs in the caller's memory, which
/// saves copying them. Others are copied: small ones; integers, which are checked before a step and must stay as they
/// were checked; whatever has a role, which the runtime itself looks at; what is not aligned; and all of a run whose
/// outputs overlap with another tensor.
class BorrowedTensors {
public:
  BorrowedTensors(Session::Entry &entry, std::span<const TensorView> inputs, std::span<const TensorView> outputs);
  ~BorrowedTensors();
  BorrowedTensors(const BorrowedTensors &) = delete;
  BorrowedTensors &operator=(const BorrowedTensors &) = delete;

  bool hasInput(size_t number) const { return active && isBorrowable(entry.manifest().inputs[number], inputs[number]); }
  bool hasOutput(size_t number) const {
    return active && isBorrowable(entry.manifest().outputs[number], outputs[number]);
  }

private:
  static bool isBorrowable(const ManifestTensor &tensor, const TensorView &view);
  /// Tells the step where what is borrowed lies: at the caller's, or in the session's own memory.
  void place(bool callers);
  void place(program::BufferKind kind, const std::string &name, std::byte *callers);

  Session::Entry &entry;
  std::span<const TensorView> inputs, outputs;
  bool active = false;
};

} // namespace ingot::runtime
