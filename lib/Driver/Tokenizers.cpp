#include "lib/Driver/Tokenizers.h"

#include "lib/Tokenizer/CompileTokenizer.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ingot;

static LogicalResult fail(MLIRContext *context, const Twine &message) {
  return emitError(UnknownLoc::get(context)) << message;
}

static LogicalResult setTokenizer(StringRef file, const Twine &where, int64_t vocabulary, MLIRContext *context,
                                  ArtifactContents &contents) {
  auto compiled = tokenizer::compileTokenizer({file.data(), file.size()});
  if (!compiled)
    return fail(context, where + ": " + compiled.status().message());
  if (vocabulary > 0 && compiled->tokens > static_cast<uint64_t>(vocabulary))
    return fail(context, where + ": expects a tokenizer of at most " + Twine(vocabulary) + " tokens, but got " +
                             Twine(compiled->tokens));
  contents.tokenizerType = compiled->type;
  contents.tokenizerBytes = std::move(compiled->form);
  contents.bos = std::move(compiled->bos);
  contents.eos = std::move(compiled->eos);
  return success();
}

/// What stands beside a tokenizer.json, if anything does.
static LogicalResult setEosFromConfig(StringRef tokenizer, MLIRContext *context, ArtifactContents &contents) {
  SmallString<128> path(tokenizer);
  llvm::sys::path::remove_filename(path);
  llvm::sys::path::append(path, "generation_config.json");
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return success();
  auto eos = tokenizer::readEosOfGenerationConfig({(*buffer)->getBufferStart(), (*buffer)->getBufferSize()});
  if (!eos)
    return fail(context, "'" + Twine(path) + "': " + eos.status().message());
  if (!eos->empty())
    contents.eos = std::move(*eos);
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

static LogicalResult fromMetadata(const std::map<std::string, std::string> &metadata, int64_t vocabulary,
                                  MLIRContext *context, ArtifactContents &contents) {
  auto get = [&](const char *key) {
    auto it = metadata.find(key);
    return it == metadata.end() ? std::string() : it->second;
  };
  std::string type = get("ingot.tokenizer.type");
  if (type == "bytes") {
    contents.tokenizerType = type;
  } else if (type == "llama2c" || type == "sentencepiece" || type == "huggingface") {
    std::vector<char> decoded;
    if (llvm::Error error = llvm::decodeBase64(get("ingot.tokenizer.data"), decoded))
      return fail(context, "metadata 'ingot.tokenizer.data': " + llvm::toString(std::move(error)));
    StringRef file(decoded.data(), decoded.size());
    if (failed(setTokenizer(file, "metadata 'ingot.tokenizer.data'", vocabulary, context, contents)))
      return failure();
  } else if (!type.empty()) {
    return fail(context, "tokenizer type '" + type + "' of the model is not supported yet");
  }
  std::string eos = get("ingot.tokenizer.eos");
  return eos.empty() ? success() : parseEos(eos, context, contents.eos);
}

LogicalResult ingot::chooseTokenizer(const std::string &option, const std::map<std::string, std::string> &metadata,
                                     int64_t vocabulary, MLIRContext *context, ArtifactContents &contents) {
  if (option.empty())
    return fromMetadata(metadata, vocabulary, context, contents);
  if (option == "bytes") {
    contents.tokenizerType = "bytes";
    return success();
  }
  auto buffer = llvm::MemoryBuffer::getFile(option, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail(context, "cannot open '" + option + "': " + buffer.getError().message());
  if (failed(setTokenizer((*buffer)->getBuffer(), "'" + option + "'", vocabulary, context, contents)))
    return failure();
  return contents.tokenizerType == "huggingface" ? setEosFromConfig(option, context, contents) : success();
}
