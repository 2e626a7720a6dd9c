// Operands with heads, as Attention and RotaryEmbedding have them.
#pragma once

#include "Build.h"

namespace ingot::onnx_import {

/// [batch, heads, rows, d] <-> [batch, rows, heads, d].
constexpr int64_t kSwapHeads[] = {0, 2, 1, 3};

/// Input i, [batch, rows, heads * d] or [batch, heads, rows, d], as [batch, rows, heads, d]. `heads` counts for the
/// first form only. Failure after an error.
FailureOr<Value> splitHeads(Node &node, unsigned i, int64_t heads);

} // namespace ingot::onnx_import
