// How a constant that became a parameter is told from a weight.
#pragma once

#include "llvm/ADT/StringRef.h"

namespace ingot {

/// Unit attribute of an `ingot.param` that `ingot-hoist-constants` made: it belongs to the program, not to the weights.
inline constexpr llvm::StringLiteral kHoistedConstant = "ingot.constant";

} // namespace ingot
