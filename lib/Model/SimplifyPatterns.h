// The families of patterns of `ingot-simplify`.
#pragma once

#include "mlir/IR/PatternMatch.h"

namespace ingot::model {

void populateSlicePatterns(mlir::RewritePatternSet &patterns);

} // namespace ingot::model
