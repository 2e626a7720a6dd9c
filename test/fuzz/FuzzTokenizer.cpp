// Fuzz target for llama2.c's tokenizers: the input is the length of a text (one byte), the text, and a tokenizer file.
// Any accepted file encodes any text into ids that it can decode.
#include "runtime/formats/Tokenizer.h"

#include <algorithm>
#include <cstdlib>

using namespace ingot::runtime;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  size_t length = std::min<size_t>(data[0], size - 1);
  std::string_view text(reinterpret_cast<const char *>(data) + 1, length);
  Result<std::unique_ptr<Tokenizer>> tokenizer =
      parseLlama2cTokenizer(std::as_bytes(std::span(data + 1 + length, size - 1 - length)));
  if (!tokenizer)
    return 0;
  int32_t previous = -1;
  for (int32_t token : (*tokenizer)->encode(text, true)) {
    if (token < 0 || static_cast<size_t>(token) >= (*tokenizer)->size())
      abort();
    (void)(*tokenizer)->decode(previous, token);
    previous = token;
  }
  return 0;
}
