// Layouts of stored parameters, as the manifest names them: "" is row-major, "panels<axis = A, width = W>" is
// `#ingot.panels`. Files of other tools are row-major.
#pragma once

#include "runtime/program/Program.h"
#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ingot::runtime {

struct PanelLayout {
  size_t axis = 0;
  int64_t width = 1;
};

/// "panels<axis = 0, width = 16>"
std::string printLayout(const PanelLayout &layout);

/// A stored tensor in terms of the row-major one that it stands for.
struct StoredLayout {
  std::optional<PanelLayout> panels; // none: row-major
  std::vector<int64_t> logicalShape;

  /// Fails with `unsupported` on a layout that this runtime does not know, and with `corrupt` on a shape that the
  /// layout cannot have.
  static Result<StoredLayout> parse(const std::string &layout, const std::vector<int64_t> &storedShape);

  /// Copies between row-major and stored order. The buffers hold the whole tensor and do not overlap.
  void store(const std::byte *rowMajor, std::byte *stored, program::DType dtype) const;
  void load(const std::byte *stored, std::byte *rowMajor, program::DType dtype) const;
};

} // namespace ingot::runtime
