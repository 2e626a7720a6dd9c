// Which tokenizer an artifact carries.
#pragma once

#include "ingot/Artifact/WriteArtifact.h"

namespace ingot {

/// From `option` ("bytes" or a llama2.c tokenizer file) if it is given, else from a model's metadata
/// (`ingot.tokenizer.type`, `.data` in base64, `.eos`), else none.
mlir::LogicalResult chooseTokenizer(const std::string &option, const std::map<std::string, std::string> &metadata,
                                    mlir::MLIRContext *context, ArtifactContents &contents);

} // namespace ingot
