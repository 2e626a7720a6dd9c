// What happens to a text before it is cut and merged.
#pragma once

#include "runtime/tokenizer/Form.h"

#include <string>
#include <string_view>

namespace ingot::runtime::tokenizer {

/// The added token that `text` begins with, the longest of those whose kSecondPass flag is `secondPass`; null if there
/// is none.
const Added *findAdded(const Form &form, std::string_view text, bool secondPass);

/// SentencePiece's normalisation: rewriting by the character map, broken UTF-8 to U+FFFD, spaces trimmed and turned
/// into the space symbol, a space in front. User-defined symbols stay as they are.
std::string normaliseSentencePiece(const Form &form, std::string_view text);

/// Of all others: a space in front, spaces turned into the space symbol. `atStart` says that nothing is before `text`.
std::string normalise(const Form &form, std::string_view text, bool atStart);

/// UTF-8 of a code point.
std::string toUtf8(uint32_t codePoint);

} // namespace ingot::runtime::tokenizer
