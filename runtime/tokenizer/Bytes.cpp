#include "runtime/tokenizer/Tokenizer.h"

namespace ingot::runtime {

namespace {

class BytesTokenizer final : public Tokenizer {
public:
  size_t size() const override { return 256; }

  std::vector<int32_t> encode(std::string_view text, bool) const override {
    std::vector<int32_t> tokens;
    tokens.reserve(text.size());
    for (char c : text)
      tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }

  std::string decode(Position &, int32_t token) const override {
    if (token < 0 || token > 255)
      return {};
    return std::string(1, static_cast<char>(token));
  }

  Position positionBehind(int32_t) const override { return {}; }
};

} // namespace

std::unique_ptr<Tokenizer> makeBytesTokenizer() { return std::make_unique<BytesTokenizer>(); }

} // namespace ingot::runtime
