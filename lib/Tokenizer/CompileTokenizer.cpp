#include "lib/Tokenizer/CompileTokenizer.h"

#include <utility>

using namespace ingot;
using namespace ingot::tokenizer;

using runtime::Result;
using runtime::Status;

static Result<CompiledTokenizer> compile(const char *type, Result<TokenizerFile> file) {
  if (!file)
    return file.status();
  std::vector<int32_t> bos(file->parts.startTokens.begin(), file->parts.startTokens.end());
  size_t tokens = file->parts.tokens.size();
  Result<std::string> form = runtime::tokenizer::writeForm(std::move(file->parts));
  if (!form)
    return form.status();
  return CompiledTokenizer{type, std::move(*form), std::move(bos), std::move(file->eos), tokens};
}

Result<CompiledTokenizer> tokenizer::compileTokenizer(std::string_view bytes) {
  size_t start = bytes.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && bytes[start] == '{')
    return compile("huggingface", readHuggingFace(bytes));
  Result<TokenizerFile> llama2c = readLlama2c(bytes);
  if (llama2c)
    return compile("llama2c", std::move(llama2c));
  // A model begins with its first piece: field 1, a message.
  if (bytes.starts_with('\x0A'))
    return compile("sentencepiece", readSentencePiece(bytes));
  return Status::corrupt("expects a tokenizer.json, a SentencePiece model or a llama2.c tokenizer, but " +
                         llama2c.status().message());
}
