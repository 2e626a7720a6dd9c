// Which tokenizer an artifact carries.
#pragma once

#include "ingot/Artifact/WriteArtifact.h"

namespace ingot {

/// From `option` ("bytes", or a file that compileTokenizer knows) if it is given, else from a model's metadata
/// (`ingot.tokenizer.type`, `.data`: such a file in base64, `.eos`), else none. The tokens that end a text come from a
/// generation_config.json beside a tokenizer.json, or from the tokenizer itself. `vocabulary` is the number of tokens
/// that the model knows, 0 if it does not say: a file with more is an error, since texts would become tokens that it
/// refuses.
mlir::LogicalResult chooseTokenizer(const std::string &option, const std::map<std::string, std::string> &metadata,
                                    int64_t vocabulary, mlir::MLIRContext *context, ArtifactContents &contents);

} // namespace ingot
