// Fuzz target for tokenizers. The input is the length of a text (one byte), the text, and a tokenizer: the compiled
// form, or a file to compile. Whatever is accepted encodes any text into ids that it can decode.
#include "lib/Tokenizer/CompileTokenizer.h"
#include "runtime/tokenizer/TextDecoder.h"
#include "runtime/tokenizer/Tokenizer.h"

#include <algorithm>
#include <cstdlib>

using namespace ingot::runtime;

static void use(std::string_view form, std::string_view text, bool compiled) {
  std::vector<uint64_t> aligned((form.size() + 7) / 8);
  std::copy_n(form.data(), form.size(), reinterpret_cast<char *>(aligned.data()));
  Result<std::unique_ptr<Tokenizer>> tokenizer = openTokenizer(std::as_bytes(std::span(aligned)).first(form.size()));
  if (!tokenizer) {
    // What we write we read.
    if (compiled || tokenizer.status().message().empty())
      abort();
    return;
  }
  TextDecoder decoder(**tokenizer);
  for (int32_t token : (*tokenizer)->encode(text, true)) {
    if (token < 0 || static_cast<size_t>(token) >= (*tokenizer)->size())
      abort();
    (void)decoder.feed(token);
  }
  (void)decoder.flush();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  size_t length = std::min<size_t>(data[0], size - 1);
  std::string_view text(reinterpret_cast<const char *>(data) + 1, length);
  std::string_view file(reinterpret_cast<const char *>(data) + 1 + length, size - 1 - length);
  if (file.starts_with("INGTTOK1")) {
    use(file, text, false);
    return 0;
  }
  Result<ingot::tokenizer::CompiledTokenizer> compiled = ingot::tokenizer::compileTokenizer(file);
  if (compiled)
    use(compiled->form, text, true);
  else if (compiled.status().message().empty())
    abort();
  return 0;
}
