#include "lib/Driver/Tokenizers.h"

#include "mlir/IR/Diagnostics.h"
#include "runtime/formats/Tokenizer.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace ingot;

static LogicalResult fail(MLIRContext *context, const Twine &message) {
  return emitError(UnknownLoc::get(context)) << message;
}

/// llama2.c's special tokens: 1 begins a text and, in its training data, separates texts; 2 ends one.
static const std::vector<int32_t> kLlama2cEos = {1, 2};

static LogicalResult setLlama2c(std::string bytes, const Twine &where, MLIRContext *context,
                                ArtifactContents &contents) {
  auto parsed = runtime::parseLlama2cTokenizer(std::as_bytes(std::span(bytes)));
  if (!parsed)
    return fail(context, where + ": " + parsed.status().message());
  contents.tokenizerType = "llama2c";
  contents.tokenizerBytes = std::move(bytes);
  contents.eos = kLlama2cEos;
  return success();
}

static LogicalResult parseEos(StringRef text, MLIRContext *context, std::vector<int32_t> &eos) {
  SmallVector<StringRef> parts;
  text.split(parts, ',', -1, /*KeepEmpty=*/false);
  eos.clear();
  for (StringRef part : parts)
    if (part.trim().getAsInteger(10, eos.emplace_back()))
      return fail(context, "expects metadata 'ingot.tokenizer.eos' to be token ids, but got '" + text + "'");
  return success();
}

static LogicalResult fromMetadata(const std::map<std::string, std::string> &metadata, MLIRContext *context,
                                  ArtifactContents &contents) {
  auto get = [&](const char *key) {
    auto it = metadata.find(key);
    return it == metadata.end() ? std::string() : it->second;
  };
  std::string type = get("ingot.tokenizer.type");
  if (type == "bytes") {
    contents.tokenizerType = type;
  } else if (type == "llama2c") {
    std::vector<char> decoded;
    if (llvm::Error error = llvm::decodeBase64(get("ingot.tokenizer.data"), decoded))
      return fail(context, "metadata 'ingot.tokenizer.data': " + llvm::toString(std::move(error)));
    if (failed(setLlama2c({decoded.begin(), decoded.end()}, "metadata 'ingot.tokenizer.data'", context, contents)))
      return failure();
  } else if (!type.empty()) {
    return fail(context, "tokenizer type '" + type + "' of the model is not supported yet");
  }
  std::string eos = get("ingot.tokenizer.eos");
  return eos.empty() ? success() : parseEos(eos, context, contents.eos);
}

LogicalResult ingot::chooseTokenizer(const std::string &option, const std::map<std::string, std::string> &metadata,
                                     MLIRContext *context, ArtifactContents &contents) {
  if (option.empty())
    return fromMetadata(metadata, context, contents);
  if (option == "bytes") {
    contents.tokenizerType = "bytes";
    return success();
  }
  auto buffer = llvm::MemoryBuffer::getFile(option, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(context, "cannot open '" + option + "': " + buffer.getError().message());
  return setLlama2c((*buffer)->getBuffer().str(), "'" + option + "'", context, contents);
}
