// Greedy decoding with the interpreter: what compiled decoders are compared with.
#pragma once

#include "ingot/Interpreter/Interpreter.h"

namespace ingot::interpreter {

/// The entries of a decoder. Both follow the decoder contract: inputs of roles tokens [B, C], start [B] and count [B],
/// an output of role logits [B, C, V], or [B, 1, V] of the last counted row; `decode` has C = 1. Ports without role are
/// taken by the name of the role.
struct DecoderEntries {
  std::string decode = "decode";
  /// Empty: the prompt goes through `decode` too.
  std::string prefill;
};

/// Sees the logits of one position, V numbers.
using LogitsCallback = std::function<void(llvm::ArrayRef<double>)>;

/// Feeds `prompt` (at least one token, positions from 0), then `count` times the token of the largest logit, the lowest
/// number among equals. Returns these `count` tokens; `onLogits` sees the logits each was chosen from. Sequence 0 of
/// the batch carries the text, the others repeat it. States are not reset first. Failures are diagnostics.
mlir::FailureOr<std::vector<int64_t>> greedyGenerate(Interpreter &interpreter, const DecoderEntries &entries,
                                                     llvm::ArrayRef<int64_t> prompt, int64_t count,
                                                     const LogitsCallback &onLogits = {});

} // namespace ingot::interpreter
